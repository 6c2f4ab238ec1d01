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
# The world: any of these addresses can be a client.
ip address add 192.0.2.1/32 dev lo
ip route add local 198.51.100.0/24 dev lo
ip route add local 198.18.0.0/15 dev lo

# What systemd-sysusers does with these two kinds of lines.
while read -r kind name id rest; do
    case $kind in
        g) getent group "$name" > /dev/null || groupadd -g "$id" "$name" ;;
        u) getent passwd "$name" > /dev/null ||
            useradd -M -u "${id%:*}" -g "${id#*:}" -d / -s /usr/sbin/nologin "$name" ;;
    esac
done < /etc/sysusers.d/unqmail.conf > "$work/users.log" 2>&1

echo mounted
read -r _
/etc/postfix/unqmail/build-tables > "$work/build-tables.log" 2>&1
postfix check > "$work/postfix-check.log" 2>&1
doveconf -n > "$work/doveconf.out" 2> "$work/doveconf.log"
postfix start > "$work/postfix.log" 2>&1 < /dev/null
dovecot > "$work/dovecot.log" 2>&1 < /dev/null
echo started
while read -r _; do :; done
