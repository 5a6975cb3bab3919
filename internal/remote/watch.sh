# The watch of a command: waits for the end of standard input, for silence there, or for the
# command's own end, which the server makes known by the first. It ends what the first two leave.
#   $1 ending.sh  $2 task id  $3 grace in 1/100 s  $4 a quarter of the seconds without a heartbeat
#   $5 the command's process, which leads its group and its session
exec >/dev/null 2>&1
set +efu # which bash may have found in its environment
trap '' HUP INT TERM USR2
p=$5 ending=
running() {
  kill -0 "$1" || return
  read -r stat </proc/$1/stat || return 0
  case ${stat##*) } in [ZX]*) false ;; esac
}

running "$p" || exit

# Three of four quarters without a heartbeat are counted one by one, because a computer that was
# held up has heartbeats in its buffers. Nobody listens then.
(
  exec 5>&-
  silent=0 beat=
  trap beat=1 USR2
  trap 'kill -KILL "$!"; wait "$!"; exit' USR1
  while [ "$silent" -lt 3 ]; do
    sleep "$4" &
    until wait "$!"; do kill -0 "$!" || break; done
    silent=$((silent + 1))
    [ -z "$beat" ] || silent=0 beat=
  done
  if running "$p"; then
    trap '' USR1 # the command's end is an end of standard input, too, and not that of the others
    kill -TERM "-$p"
    eval "$1"
  fi
) &
while read -r line; do kill -USR2 "$!"; done
if running "$p"; then
  kill -TERM "-$p"
  ending=$1
fi
kill -USR1 "$!"
wait "$!"
eval "$ending"
