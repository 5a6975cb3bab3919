# Receives a directory as a tar archive on standard input: $1 destination, $2 its last part, $3 id.
# The archive holds tree/$2, a script that makes the empty directories, and at its end a file that
# says so: tar may take half an archive for a whole one. A destination that is new is put into its
# place in one piece. Otherwise its directories are made, and where the files wait is said: beside
# their places, because mv would copy, slowly and in the open, where something is mounted in between.
trap '' PIPE # if nobody hears us any more, nothing is left
unset TAR_OPTIONS
export EXTRACT_UNSAFE_SYMLINKS=1 # busybox: the links are ours
command -v tar >/dev/null || exit 127
to=$1 dir=${1%/*}/ new=yes
if [ -e "$to" ] || [ -h "$to" ]; then
  dir=$to/ new=
else
  [ -d "$dir" ] || mkdir -p "$dir" || exit
fi
dir=$(cd "$dir" && pwd && echo .) || exit
dir=${dir%??}
stage=$dir/.gofab-$3
mkdir -m 700 "$stage" && cd "$stage" || exit
if tar -xpomf - && [ -f whole ] && sh ./empty; then
  if [ "$new" ]; then
    mv -f "tree/$2" "$dir/" && new=placed
  else
    cd "./tree/$2" && find . -type d -exec sh -c 'cd "$0" && mkdir -p "$@"' "$dir" {} + &&
      printf '%s staged %s\n' "$3" "$stage" && exit
  fi
fi
cd / && rm -rf "$stage"
[ "$new" != placed ] || echo "$3 placed"
