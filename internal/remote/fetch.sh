# Fetches a file from another host: $1 destination, $2 name in it if that is a directory, $3 id,
# $4 mode, $5 size, $6 SHA-256, $7 user there, $8 its host key, $9 that key's algorithms, then
# addresses, each with a port. It says the id when it has a place for the private key, which
# givekey.sh then brings: so the key is never on the host without somebody who removes it.
to=$1 id=$3 mode=$4 size=$5 sum=$6 user=$7 hostkey=$8 algorithms=$9
no() {
  echo "$1" >&2
  exit 1
}
command -v ssh >/dev/null || no "it has no ssh"
{ command -v sha256sum || command -v shasum || command -v openssl; } >/dev/null || no "it has no sha256sum, shasum or openssl"
[ ! -d "$to" ] || to=${to%/}/$2
dir=${to%/*}/
[ -d "$dir" ] || mkdir -p "$dir" || exit
dir=$(cd "$dir" && pwd && echo .) || exit
dir=${dir%??}
to=$dir/${to##*/} stage=$dir/.gofab-$id
placeable() {
  [ ! -e "$to" ] || [ -f "$to" ] || no "$to is there and is no file"
}
placeable
trap 'cd / && rm -rf "$stage"' EXIT
trap 'exit 143' TERM INT HUP
trap '' PIPE # who would hear us may be gone
umask 077
mkdir "$stage" && cd "$stage" || exit
printf 'gofab %s\n' "$hostkey" >known
shift 9
echo "$id"
until [ -e key ]; do sleep 0.05 || sleep 1; done
got=
while [ $# -ge 2 ] && [ -z "$got" ]; do
  (
    ulimit -c 0
    ulimit -f $((size / 512 + 1)) # what comes may have no end
    exec ssh -T -F /dev/null -i key -p "$2" -l "$user" -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none \
      -o PreferredAuthentications=publickey -o StrictHostKeyChecking=yes -o HostKeyAlias=gofab \
      -o UserKnownHostsFile=known -o GlobalKnownHostsFile=/dev/null -o HostKeyAlgorithms="$algorithms" \
      -o ConnectTimeout=5 -o ServerAliveInterval=3 -o ServerAliveCountMax=4 -o LogLevel=ERROR "$1"
  ) >part && got=yes
  shift 2
done
[ "$got" ] || exit 1
have=$({ sha256sum || shasum -a 256 || openssl dgst -sha256; } 2>/dev/null <part)
case $have in
*"$sum"*) ;;
*) no "what came is not the file: $(wc -c <part) bytes of $size, or another checksum" ;;
esac
placeable
chmod "$mode" part && mv -f part "$to"
