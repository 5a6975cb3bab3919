# Lets whoever has a key fetch one file from this host, and do nothing else here, until this ends:
# $1 the file or its directory, $2 its name if it is that, $3 the public key, $4 a mark of ours,
# $5 when sshd shall no longer take the key, should nobody be left to remove it. Without a file it
# only sees to it that the key is gone.
umask 077
mkdir -p "$HOME/.ssh" || exit
keys=$HOME/.ssh/authorized_keys made= mark=$4 held=
! [ -h "$keys" ] || keys=$(readlink -f "$keys") || exit
new=$keys.$mark
# Several hosts may share a home directory. A lock that somebody has left is not waited for long.
lock() {
  tries=0
  until [ "$held" ] || mkdir "$HOME/.ssh/.gofab-lock" 2>/dev/null || [ $((tries += 1)) -gt 100 ]; do sleep 0.1; done
  held=yes
}
unlock() {
  rm -f "$new"
  rmdir "$HOME/.ssh/.gofab-lock"
  held=
}
forget() {
  trap '' TERM INT HUP
  again=5
  while grep -qF "$mark" "$keys" 2>/dev/null; do
    [ $((again -= 1)) -ge 0 ] || exit 1
    lock
    # It is compared because busybox's grep does not mind a full disk.
    cp -p "$keys" "$new" && { grep -vF "$mark" "$keys" >"$new" || [ $? = 1 ]; } &&
      [ "$(cat "$new")" = "$(grep -vF "$mark" "$keys")" ] && mv -f "$new" "$keys"
    unlock
  done
  [ -z "$held" ] || unlock # we were told to end in the midst of it
  [ -s "$keys" ] || [ -z "$made" ] || rm -f "$keys"
  exit 0
}
# Half a line would spoil the one that somebody adds after it.
add() {
  if [ -e "$keys" ]; then cp -p "$keys" "$new" || return; else made=yes; fi
  [ ! -s "$new" ] || [ -z "$(tail -c 1 "$new")" ] || echo >>"$new" || return
  printf '%s\n' "$1" >>"$new" && [ "$(tail -n 1 "$new")" = "$1" ] && mv -f "$new" "$keys"
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
add "expiry-time=\"$5\",restrict,command=\"exec cat '$to'\" $3 $mark" || made=failed
unlock
[ "$made" != failed ] || exit 1
set -- $SSH_CONNECTION - - - -
echo "$mark $3 $4"
while sleep 3600; do :; done
forget
