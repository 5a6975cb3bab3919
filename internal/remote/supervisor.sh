# gofab's supervisor: runs one command so that its whole process tree can be ended, by whoever
# still can: the controller (end of standard input), a dropped connection (the same), or nobody
# (no heartbeat). SSH signals cannot be relied on: OpenSSH up to 9.x drops them for root.
#   $1 this script  $2 watch.sh  $3 ending.sh  $4 task id  $5 grace from TERM to KILL in 1/100 s
#   $6 a quarter of the seconds without a heartbeat  $7 whether the command can see its shell's jobs
#   $8 command
# This shell becomes the command, which leads the session that the server has given it: without
# one, the first line goes on to setsid. The other half is the watch, in a session of its own. A
# short command does not pay for it: what is forked here looks for a moment whether the command
# ends, and where the command could wait for it, it is nobody's job.
kill -0 "-$$" 2>/dev/null && {
  if command -v setsid >/dev/null; then
    set -- "$@" setsid
  elif command -v perl >/dev/null; then
    set -- "$@" perl -MPOSIX -e 'setsid;exec(@ARGV)'
  else
    echo 'gofab: this host needs setsid or perl to run commands' >&2
    exit 127
  fi
  running() { # without /proc, a zombie does
    kill -0 "$$" && {
      read -r stat </proc/$$/stat || return 0
      case ${stat##*) } in [ZX]*) false ;; esac
    }
  }
  watch() {
    exec 3<&- 5>&2 >/dev/null 2>&1
    for i in 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9; do running || exit; done
    watch=$2 ending=$3 id=$4 grace=$5 quarter=$6
    shift 8
    exec "$@" sh -c "$watch" gofab "$ending" "$id" "$grace" "$quarter" "$$"
  }
  exec 3<&0 </dev/null
  trap '' HUP INT TERM # it is to outlive what the command sends to its own group
  if [ "$7" ]; then (watch "$@" <&3 &); else watch "$@" <&3 & fi
  trap - HUP INT TERM
  exec 3<&-
  unset -f running watch
  export "GOFAB_TASK=${GOFAB_TASK:+$GOFAB_TASK.}$4" # a task of a task is both's
  set -- "$8"
  eval "shift
$1"
  exit
}
