# Receives one file on standard input: $1 destination, $2 name in it if that is a directory,
# $3 mode, $4 size, $5 id. Says the id when the file is in its place; if not, nothing is left.
to=$1
[ ! -d "$to" ] || to=${to%/}/$2
dir=${to%/*}
[ -d "$dir/" ] || mkdir -p "$dir/" || exit
part=$dir/.gofab-$5
if { [ ! -e "$to" ] || [ -f "$to" ]; } && (umask 077 && set -C && exec cat >"$part") &&
  [ "$(wc -c <"$part")" -eq "$4" ] && chmod "$3" "$part" && mv -f "$part" "$to"; then
  echo "$5"
else
  rm -f "$part"
fi
