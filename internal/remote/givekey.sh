# Brings the private key to fetch.sh: its arguments 1 to 3 are ours. The key comes on standard input.
to=$1
[ ! -d "$to" ] || to=${to%/}/$2
cd "${to%/*}/.gofab-$3" || exit
umask 077
cat >coming && [ "$(wc -c <coming)" -eq "$4" ] && mv coming key && echo "$3"
