# Runs as process 1 of a private mount, network and process namespace: Dovecot 2.4 of Debian 13 on
# a target, in a throw-away copy of the tree that debootstrap made. Ends with its standard input.
set -eu
tree=$1 target=$2 work=$3

mount -t tmpfs -o mode=0755 tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/work" "$work/root"
for part in etc var; do
    mkdir "$work/$part-upper" "$work/$part-work"
    mount -t overlay overlay \
        -o "lowerdir=$target/$part:$tree/$part,upperdir=$work/$part-upper,workdir=$work/$part-work" \
        "$work/root/$part"
done
mount -t proc proc "$work/root/proc"
mount --rbind /dev "$work/root/dev"
mount -t tmpfs -o mode=0755 tmpfs "$work/root/run"
ip link set lo up
ip address add 192.0.2.1/32 dev lo
ip route add local 198.18.0.0/15 dev lo

# What systemd-sysusers does, and what the package of Postfix would have made.
chroot "$work/root" sh -c '
    groupadd -g 5000 vmail && useradd -M -u 5000 -g 5000 -s /usr/sbin/nologin vmail
    groupadd -r postfix && useradd -r -M -g postfix -s /usr/sbin/nologin postfix
    mkdir -p /var/spool/postfix/private
    chgrp dovecot /etc/dovecot/unqmail/*
    [ ! -d /var/lib/unqmail-accounts ] || chgrp -R postfix /var/lib/unqmail-accounts' > /dev/null
chroot "$work/root" dovecot < /dev/null > "$work/root/run/said" 2>&1
echo started
while read -r _; do :; done
cat "$work/root/run/said" "$work/root/run/dovecot.log" 2> /dev/null
