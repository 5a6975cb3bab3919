# Fetches a file from another host: $1 the directory that was made ready, $2 destination, $3 mode,
# $4 size, $5 SHA-256, $6 user there, $7 its host key, $8 that key's algorithms, then addresses,
# each with a port.
stage=$1 to=$2 mode=$3 size=$4 sum=$5 user=$6 algorithms=$8
trap 'rm -rf "$stage"' EXIT
trap 'exit 143' TERM INT HUP
trap '' PIPE # who would hear us may be gone
cd "$stage" || exit
umask 077
printf 'gofab %s\n' "$7" >known
shift 8
got=
while [ $# -ge 2 ] && [ -z "$got" ]; do
  ssh -T -F /dev/null -i key -p "$2" -l "$user" -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none \
    -o PreferredAuthentications=publickey -o StrictHostKeyChecking=yes -o HostKeyAlias=gofab \
    -o UserKnownHostsFile=known -o GlobalKnownHostsFile=/dev/null -o HostKeyAlgorithms="$algorithms" \
    -o ConnectTimeout=5 -o ServerAliveInterval=3 -o ServerAliveCountMax=4 -o LogLevel=ERROR "$1" >part && got=yes
  shift 2
done
[ "$got" ] || exit 1
have=$({ sha256sum || shasum -a 256 || openssl dgst -sha256; } 2>/dev/null <part)
case $have in
*"$sum"*) ;;
*)
  echo "what came is not the file: $(wc -c <part) bytes of $size, or another checksum" >&2
  exit 1
  ;;
esac
chmod "$mode" part && [ ! -d "$to" ] && mv -f part "$to" && echo "placed"
