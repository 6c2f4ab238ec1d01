#!/bin/sh
# Runs as process 1 of a private mount, network and process namespace: lays a target over a
# throw-away copy of this host's /etc and /var, and starts its servers. Ends, and everything with
# it, when standard input ends.
set -eu
work=$1

mount -t tmpfs -o mode=0755 tmpfs "$work/layers"
mount --bind "$2" "$work/target"
mount -o remount,bind,ro "$work/target"
for tree in etc var; do
    mkdir -p "$work/layers/$tree-upper" "$work/layers/$tree-work" "$work/layers/$tree-empty"
    lower=$work/target/$tree
    [ -d "$lower" ] || lower=$work/layers/$tree-empty
    mount -t overlay overlay \
        -o "lowerdir=$lower:/$tree,upperdir=$work/layers/$tree-upper,workdir=$work/layers/$tree-work" "/$tree"
done
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -m 0755 /run/lock
# Programs of the site are not run.
: > /run/unqmail-rehearsal

# A /dev of its own, for a /dev/log of its own.
mkdir "$work/layers/dev"
for node in null zero full random urandom tty; do
    : > "$work/layers/dev/$node"
    mount --bind "/dev/$node" "$work/layers/dev/$node"
done
ln -s /proc/self/fd "$work/layers/dev/fd"
mkdir -m 1777 "$work/layers/dev/shm"
mount --rbind "$work/layers/dev" /dev

ip link set lo up
# The world: a network of its own at the other end of a cable, in which every address is somebody.
ip netns add world
ip link add cable type veth peer name cable netns world
ip address add 192.0.2.1/30 dev cable
ip link set cable up
ip route add default via 192.0.2.2
ip -n world link set lo up
ip -n world address add 192.0.2.2/30 dev cable
ip -n world link set cable up
ip -n world route add local 0.0.0.0/0 dev lo
ip -n world route add 192.0.2.1/32 dev cable table local
rm -f /etc/resolv.conf
echo "nameserver 192.0.2.2" > /etc/resolv.conf
# Where this host has IPv6, so has the stage.
if ip -6 address add 2001:db8::1/64 dev cable nodad 2> /dev/null; then
    ip -6 route add default via 2001:db8::2
    ip -n world -6 address add 2001:db8::2/64 dev cable nodad
    ip -n world -6 route add local ::/0 dev lo
    ip -n world -6 route add 2001:db8::1/128 dev cable table local
fi

# What systemd-sysusers does with these two kinds of lines.
while read -r kind name id rest; do
    case $kind in
        g) getent group "$name" > /dev/null || getent group "$id" > /dev/null ||
            groupadd -g "$id" "$name" ;;
        u) getent passwd "$name" > /dev/null ||
            useradd -M -u "${id%:*}" -g "${id#*:}" -d / -s /usr/sbin/nologin "$name" ;;
    esac
done < /etc/sysusers.d/unqmail.conf > "$work/users.log" 2>&1

echo mounted
read -r _
/etc/postfix/unqmail/build-tables > "$work/build-tables.log" 2>&1
postfix check > "$work/postfix-check.log" 2>&1
doveconf -n > "$work/doveconf.out" 2> "$work/doveconf.log"
# The world speaks no TLS.
if [ -n "$(postconf -M smtp-tls/unix 2> /dev/null)" ]; then
    postconf -P smtp-tls/unix/smtp_tls_wrappermode=no smtp-tls/unix/smtp_tls_security_level=may
fi
postfix start > "$work/postfix.log" 2>&1 < /dev/null
# A master user who exists nowhere but here opens every mailbox, with the rights of its owner. What
# was written for the target is included as it is. POP3 moves no message out of new: here that would
# copy it into memory.
echo "$3:{PLAIN}$4" > /run/master.users
case $(dovecot --version) in
2.3.*) cat << END ;;
!include /etc/dovecot/dovecot.conf
passdb {
  driver = passwd-file
  master = yes
  args = scheme=PLAIN username_format=%u /run/master.users
}
plugin {
  acl_user = %u
}
pop3_no_flag_updates = yes
END
# Its first line tells the version, and no include may come before that.
*) cat /etc/dovecot/dovecot.conf - << END ;;
passdb stage {
  driver = passwd-file
  master = yes
  passwd_file_path = /run/master.users
}
acl_user = %{user}
pop3_no_flag_updates = yes
END
esac > /run/master.conf
dovecot -c /run/master.conf > "$work/dovecot.log" 2>&1 < /dev/null
echo started
while read -r _; do :; done
