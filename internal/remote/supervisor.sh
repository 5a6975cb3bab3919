# gofab's supervisor: runs one command so that its whole process tree can be ended, by whoever
# still can: the controller (end of standard input), a dropped connection (the same), or nobody
# (no heartbeat). SSH signals cannot be relied on: OpenSSH up to 9.x drops them for root.
#   $1 task id   $2 grace from TERM to KILL in 1/100 s   $3 seconds without a heartbeat   $4 command
# Fd 3 is the session's standard input, which carries one line per heartbeat; 4 its standard
# output, 5 its standard error. A pipeline, not `&`, starts the command: a shell makes background jobs ignore INT.
exec 3<&0 4>&1 5>&2 </dev/null
mark=GOFAB_TASK=${GOFAB_TASK:+$GOFAB_TASK.}$1 grace=$2 limit=$3 # a task of a task is both's
if command -v setsid >/dev/null; then
  session=setsid
else
  session='perl -MPOSIX -e setsid;exec(@ARGV)'
fi

# Lists the tree: what inherited the mark, in whatever session or group it is by now, and what
# has dropped the mark but not left the session. This reads all of /proc, so it is done seldom.
tree() {
  set -- $(grep -lsE "$mark|\) [^ZX] [0-9]+ ($p [0-9]+|[0-9]+ $p) " /proc/[0-9]*/stat ${whole:+/proc/[0-9]*/environ})
  [ "$whole" ] || for f in /proc/[0-9]*/environ; do
    tr '\0' '\n' <"$f" | grep -q "$mark" && set -- "$@" "$f"
  done
  for f; do
    f=${f#/proc/}
    echo "${f%/*}"
  done
  [ -r /proc/self/stat ] || { kill -0 "-$p" && echo "-$p"; }
} 2>/dev/null

# Whether one of $pids still runs.
alive() {
  for pid in $pids; do
    kill -0 "$pid" || continue
    read -r stat </proc/$pid/stat || return 0
    case ${stat##*) } in [ZX]*) ;; *) return 0 ;; esac
  done
  false
}

# Lists those of $pids that are not in the process group.
outside() {
  for pid in $pids; do
    read -r stat </proc/$pid/stat || continue
    set -- ${stat##*) }
    [ "$3" = "$p" ] || echo $pid
  done
}

# Whether it is earlier than $1 hundredths of a second after $began.
within() {
  read -r t rest </proc/uptime || t=$(date +%s).00
  t=${t%.*}${t#*.}
  [ "$t" -lt $((${began:=$t} + $1)) ]
}

# Waits for the end of $pids, for $1 from $began, and looks for what they may have left behind.
await() {
  while alive && within "$1"; do
    sleep 0.03 || sleep 1
  done
  pids=$(tree)
}

# Ends the tree: TERM, grace, then KILL again and again until nothing is left. The group, which is
# most often all, does not have to wait for the search. Status 143, or 99 when something would not go.
end() {
  trap '' USR1 HUP INT TERM
  kill -TERM "-$p"
  # A grep may stop reading at NUL, as busybox's does with -F and some do without.
  printf 'a\0b\n' | grep -q b && whole=yes
  pids=$(tree)
  kill -TERM $(outside) # nobody gets it twice: to many, that means to leave at once
  while [ -n "$pids" ] && within "$grace"; do await "$grace"; done
  began=
  while [ -n "$pids" ] && within 300; do
    kill -KILL "-$p"
    kill -KILL $pids
    await 300
  done
  [ -z "$pids" ] || quit 99
  quit 143
} 2>/dev/null

# Leaves, and takes the watch along.
quit() {
  [ -z "$watch" ] || kill -KILL "-$watch" || kill -KILL "$watch"
  exit "$1"
} 2>/dev/null

(
  # The prefix of the command tells its process group to the next stage, then steps aside.
  env "$mark" $session sh -c 'echo $$; exec >&4 2>&5 3<&- 4>&- 5>&-
'"$4"
  echo $?
) 2>/dev/null | {
  read -r p || {
    echo 'gofab: this host needs setsid or perl to run commands' >&5
    exit 127
  }
  read -r self rest </proc/self/stat || self=$(exec sh -c 'echo $PPID')
  watch= whole= began=
  trap end USR1 HUP INT TERM
  # The watch, a group of its own, speaks up when standard input ends and after three of four
  # quarters of the limit without a heartbeat; and again until it is heard.
  $session sh -c '
    trap beat=1 USR2
    tell() { while kill -USR1 "$1"; do sleep 1; done; }
    (
      while read -r line; do kill -USR2 $$; done
      tell "$1"
    ) <&3 &
    silent=0 beat=
    while [ "$silent" -lt 3 ] && sleep "$2"; do
      silent=$((silent + 1))
      [ -z "$beat" ] || silent=0 beat=
    done
    tell "$1"
  ' watch "$self" $((limit / 4)) >/dev/null 2>&1 4>&- 5>&- &
  watch=$!
  read -r status || { # whoever waits for the command was killed
    echo 'gofab: the supervisor of the command was killed; what the command has left is ended' >&5
    end
  }
  trap '' USR1
  quit "$status"
} 2>/dev/null
