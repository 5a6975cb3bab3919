# gofab's supervisor: runs one command so that its whole process tree can be ended, by whoever
# still can: the controller (end of standard input), a dropped connection (the same), or nobody
# (no heartbeat). SSH signals cannot be relied on: OpenSSH up to 9.x drops them for root.
#   $1 this script  $2 watch.sh  $3 ending.sh  $4 task id  $5 grace from TERM to KILL in 1/100 s
#   $6 a quarter of the seconds without a heartbeat  $7 looks, as below  $8 command
# This shell becomes the command, which leads the session that the server has given it: without
# one, the first line goes on to setsid. The other half is the watch: nobody's job, so that the
# command cannot wait for it, and in a session of its own, where nothing that the command does to its
# group can reach it. It goes there when it has looked for the command's end as often as there are
# words in $7: until then, what ends the group ends the command, too, and what stops it stops both.
kill -0 "-$$" 2>/dev/null && {
  if command -v setsid >/dev/null; then
    set -- "$@" setsid
  elif command -v perl >/dev/null; then
    set -- "$@" perl -MPOSIX -e 'setsid;exec(@ARGV)'
  else
    echo 'gofab: this host needs setsid or perl to run commands' >&2
    exit 127
  fi
  watch() {
    exec 3<&- 5>&2 2>/dev/null
    set +efu # which bash may have found in its environment
    watch=$2 ending=$3 id=$4 grace=$5 quarter=$6 looks=$7
    shift 8
    [ -z "$looks" ] || exec >/dev/null
    for i in $looks; do
      : $(:) # lets it run, on a busy host
      kill -0 "$$" || exit
      ! read -r stat </proc/$$/stat || case ${stat##*) } in [ZX]*) exit ;; esac
    done
    exec "$@" sh -c "$watch" gofab "$ending" "$id" "$grace" "$quarter" "$$"
  }
  exec 3<&0 </dev/null
  # It is to outlive what the command sends to its own group. This goes on when it has closed its output.
  : $(trap '' HUP INT TERM; watch "$@" <&3 &)
  exec 3<&-
  unset -f watch
  export "GOFAB_TASK=${GOFAB_TASK:+$GOFAB_TASK.}$4" # a task of a task is both's
  set -- "$8"
  eval "shift
$1"
  exit
}
