# Sends the directory $1 as a tar archive. Status 0 says that it is whole and true: files of no
# size, whose content tar does not look for, have none.
unset TAR_OPTIONS
cd "$1" || exit
case $(pwd -P)/ in /proc/* | /sys/*) exit 3 ;; esac
command -v tar >/dev/null || exit 127
tar -cf - . || exit
[ "$(find . -type f -size 0 -exec cat {} + | dd bs=1 count=1 | wc -c)" -eq 0 ] || exit 3
