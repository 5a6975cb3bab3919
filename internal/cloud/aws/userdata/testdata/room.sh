#!/bin/sh
# Runs a script in a root that looks like this computer's, in which it may change, delete and power
# off what it likes. It is process 1 of namespaces of its own, or it does nothing.
#
# room.sh DIR SCRIPT: DIR is an empty directory; HOST, in the environment, has the caller's namespaces.
set -eu

refuse() {
	echo "room.sh: this is the computer itself" >&2
	exit 70
}
[ $$ = 1 ] && [ -n "${HOST:-}" ] || refuse
for kind in pid mnt net uts ipc; do
	case $HOST in *"$(readlink /proc/self/ns/$kind)"*) refuse ;; esac
done
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
root=$1/root
mkdir "$1/upper" "$1/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$root"
for dir in dev run tmp; do
	mount -t tmpfs tmpfs "$root/$dir"
done
chmod 1777 "$root/tmp"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
for node in null zero full random urandom tty; do
	: >"$root/dev/$node"
	mount --bind "/dev/$node" "$root/dev/$node"
done
ln -s /proc/self/fd "$root/dev/fd"
# The one thing in /proc that would end this computer, and not only us.
if [ -e "$root/proc/sysrq-trigger" ]; then
	: >"$root/dev/sysrq"
	mount --bind "$root/dev/sysrq" "$root/proc/sysrq-trigger"
fi
mkdir -p "$root/run/sshd"

seed=$root/var/lib/cloud/seed/nocloud
rm -rf "$root"/var/lib/cloud "$root"/etc/ssh/sshd_config.d/*
find "$root/etc/cloud/cloud.cfg.d" -type f ! -name 05_logging.cfg -delete
cp "$root/usr/share/openssh/sshd_config" "$root/etc/ssh/sshd_config"
mkdir -p "$seed"
echo 'instance-id: i-room' >"$seed/meta-data"
cat >"$root/etc/cloud/cloud.cfg.d/room.cfg" <<'END'
datasource_list: [NoCloud]
network: {config: disabled}
locale: C.UTF-8
END
printf %s "$USER_DATA" >"$seed/user-data"
unset USER_DATA HOST
exec chroot "$root" /bin/sh -euc "$2"
