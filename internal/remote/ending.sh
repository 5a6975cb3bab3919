# Ends the process tree of a command: TERM, grace, then KILL again and again until nothing is left.
# Then it says so on fd 5: the task's id and 143, or 99 when something would not go. It is a part of
# watch.sh and has its arguments.
id=$2 grace=$3 p=$5 mark=GOFAB_TASK=${GOFAB_TASK:+$GOFAB_TASK.}$2 whole= began=

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
  pids=$(tree)
}

# The group, which is most often all, does not have to wait for the search; and most often it is
# gone before the search, which then need not be repeated.
kill -TERM "-$p"
for i in 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9; do running "$p" || break; done
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
[ -z "$pids" ] && status=143 || status=99
echo "$id $status" >&5
