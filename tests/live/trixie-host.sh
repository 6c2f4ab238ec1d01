# Runs as process 1 of a private mount and process namespace: makes a throw-away copy of Debian 13 the
# whole host, with the project at its place, and runs a program there.
set -eu
tree=$1 work=$2 project=$3 scratch=$4
shift 4

mount -t tmpfs -o mode=0755 tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/work" "$work/root"
cd "$work/root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p ".$project" before
mount --rbind "$project" ".$project"
# Of two runs at once each has folders of its own.
mount -t tmpfs tmpfs ".$scratch"
# Recorded real sites lie beside it, where there are any.
shared=$(dirname "$project")/shared
if [ -d "$shared" ]; then
    mkdir ".$shared"
    mount --rbind "$shared" ".$shared"
fi
# Not chroot: whoever enters the namespace later shall find himself here.
pivot_root . before
cd /
umount -l /before
exec "$@"
