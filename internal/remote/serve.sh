# Lets whoever has a key fetch one file from this host, and do nothing else here, until this ends:
# $1 the file or its directory, $2 its name if it is that, $3 the public key, $4 a mark of ours,
# $5 when sshd shall no longer take the key, should nobody be left to remove it. Without a file it
# only sees to it that the key is gone.
umask 077
mkdir -p "$HOME/.ssh" || exit
keys=$HOME/.ssh/authorized_keys made= mark=$4
! [ -h "$keys" ] || keys=$(readlink -f "$keys") || exit
[ -e "$keys" ] || made=yes
# Several hosts may share a home directory. A lock that somebody has left is not waited for long.
lock() {
  tries=0
  until mkdir "$HOME/.ssh/.gofab-lock" 2>/dev/null || [ $((tries += 1)) -gt 100 ]; do sleep 0.1; done
}
forget() {
  trap '' TERM INT HUP
  again=5
  while grep -qF "$mark" "$keys" 2>/dev/null; do
    [ $((again -= 1)) -ge 0 ] || exit 1
    lock
    cp -p "$keys" "$keys.$mark" && { grep -vF "$mark" "$keys" >"$keys.$mark" || [ $? = 1 ]; } && mv -f "$keys.$mark" "$keys"
    rmdir "$HOME/.ssh/.gofab-lock"
  done
  rm -f "$keys.$mark"
  [ -s "$keys" ] || [ -z "$made" ] || rm -f "$keys"
  exit 0
}
[ "$1" ] || forget
to=$1
[ ! -d "$to" ] || to=${to%/}/$2
dir=$(cd "${to%/*}/" && pwd -P && echo .) || exit
to=${dir%??}/${to##*/}
case $to in
*[!A-Za-z0-9/._+=@%:,\ -]*)
  echo "its name would have to be quoted in authorized_keys: $to" >&2
  exit 1
  ;;
esac
trap '' PIPE # who would hear us may be gone
trap forget TERM INT HUP
lock
[ ! -s "$keys" ] || [ -z "$(tail -c 1 "$keys")" ] || echo >>"$keys"
printf '%s\n' "expiry-time=\"$5\",restrict,command=\"exec cat '$to'\" $3 $mark" >>"$keys"
rmdir "$HOME/.ssh/.gofab-lock"
set -- $SSH_CONNECTION - - - -
echo "$mark $3 $4"
while sleep 3600; do :; done
forget
