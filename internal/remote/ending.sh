# Ends the process tree of a command whose group has had TERM: grace, then KILL again and again until
# nothing is left. Then it says so on fd 5: the task's id and 143, or 99 when something would not go.
# It is a part of watch.sh and has its arguments.
unset mark GREP_OPTIONS # the search would find itself if the first were exported, and an old grep minds the second
id=$2 grace=$3 mark=GOFAB_TASK=${GOFAB_TASK:+$GOFAB_TASK.}$2 began=

# Finds the tree: what inherited the mark, in whatever session or group it is by now, and what has
# dropped the mark but not left the session. This reads all of /proc, so it is done seldom. A grep
# that stops reading at NUL, as some do, does not find the mark in its own arguments.
look() {
  set -- $(grep -lsE "$mark|\) [^ZX] [0-9]+ ($p [0-9]+|[0-9]+ $p) " /proc/self/cmdline /proc/[0-9]*/stat /proc/[0-9]*/environ)
  if [ "$1" = /proc/self/cmdline ]; then
    shift
  else
    for f in /proc/[0-9]*/environ; do
      tr '\0' '\n' <"$f" | grep -q "$mark" && set -- "$@" "$f"
    done
  fi
  pids=
  for f; do
    f=${f#/proc/}
    pids="$pids ${f%/*}"
  done
  [ -r /proc/self/stat ] || { kill -0 "-$p" && pids=-$p; }
}

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
  look
}

# Most often the group is all, and gone before the search, which then need not be repeated.
for i in 1 2 3 4; do
  running "$p" || break
  : $(:) # lets others run, on a busy host
done
look
[ -z "$pids" ] || kill -TERM $(outside) # nobody gets it twice: to many, that means to leave at once
while [ -n "$pids" ] && within "$grace"; do await "$grace"; done
began=
while [ -n "$pids" ] && within 300; do
  kill -KILL "-$p"
  kill -KILL $pids
  await 300
done
[ -z "$pids" ] && status=143 || status=99
echo "$id $status" >&5
