//go:build peers

package bench

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/lab"
)

var (
	hostsFlag   = flag.String("hosts", "8,64", "numbers of hosts")
	rounds      = flag.Int("rounds", 5, "how often each contender is measured")
	onlyFlag    = flag.String("only", "", "contenders, by commas; gofab and floor always take part")
	workFlag    = flag.String("work", "run,play", "run: one command; play: ten steps, everybody finishes one before the next")
	programFlag = flag.String("program", "", "run this in every step; empty: true in run, echo in play")
	recordFlag  = flag.Bool("record", false, "keep the ratios in ratios.tsv")
)

func TestMain(m *testing.M) {
	switch {
	case lab.IsSimulation():
		return
	case os.Getenv("GOFAB_BENCH_FLOOR") != "":
		floor()
		return
	case os.Getenv(aloneEnv) != "":
		alone()
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

// TestPeers runs gofab and its peers in turn on OpenSSH servers, one for each host, and prints what each took. It needs root; peers that
// are not installed are left out.
func TestPeers(t *testing.T) {
	numbers := numbersOf(t, *hostsFlag)
	most := slices.Max(numbers)
	servers := lab.Sshd(t, most, "MaxSessions 1000", "MaxStartups 10000")
	a := newArena(t, servers.KeyFile, servers.KnownHosts, strings.TrimSpace(servers.HostKey))
	for _, m := range servers.Machines(lab.User) {
		a.hosts = append(a.hosts, host{m.User, m.Address, m.Port})
	}
	var all []contender
	for _, c := range contenders {
		if *onlyFlag != "" && c.name != "gofab" && c.name != "floor" && !slices.Contains(strings.Split(*onlyFlag, ","), c.name) {
			continue
		}
		if _, err := exec.LookPath(c.needs); c.needs != "" && err != nil {
			fmt.Printf("without %s: no %s\n", c.name, c.needs)
			continue
		}
		all = append(all, c)
	}
	for _, work := range strings.Split(*workFlag, ",") {
		for _, n := range numbers {
			a.compete(work, n, all).print()
		}
	}
}

// TestRatios compares gofab with the floor, on hosts that another process simulates, and with how that was when it was last recorded.
func TestRatios(t *testing.T) {
	numbers := numbersOf(t, *hostsFlag)
	a := simulated(t, slices.Max(numbers))
	var now []ratio
	for _, work := range strings.Split(*workFlag, ",") {
		for _, n := range numbers {
			r := a.compete(work, n, contenders[:2])
			r.print()
			now = append(now, r.ratios()...)
		}
	}
	if *recordFlag {
		if err := writeRatios("ratios.tsv", now); err != nil {
			t.Fatal(err)
		}
		return
	}
	before, err := readRatios("ratios.tsv")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(moved(before, now))
}

func numbersOf(t *testing.T, list string) []int {
	var numbers []int
	for _, word := range strings.Split(list, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			t.Fatalf("-hosts %s: not a list of numbers", list)
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// arena is where contenders meet: hosts, and files that tell each contender about them in its own way.
type arena struct {
	t                   *testing.T
	dir                 string
	hosts               []host
	key, known, hostKey string
	marks               string // a directory to which the hosts can write; empty: they run nothing
	gofab, self         string
	values              map[string]string
}

type host struct {
	user, address string
	port          int
}

func newArena(t *testing.T, key, known, hostKey string) *arena {
	t.Helper()
	// Control paths are short, so t.TempDir is too long.
	dir, err := os.MkdirTemp("", "peers-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	a := &arena{t: t, dir: dir, key: key, known: known, hostKey: hostKey, gofab: filepath.Join(dir, "gofab"), self: os.Args[0], marks: filepath.Join(dir, "marks")}
	if out, err := exec.Command("go", "build", "-o", a.gofab, "github.com/gofab/gofab").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	a.write("mark", "set -- $SSH_CONNECTION $1\n: >"+a.marks+"/$3.$4.$5\n")
	a.write("peers.py", fabricScript)
	return a
}

func (a *arena) write(name, text string) {
	a.t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o644); err != nil {
		a.t.Fatal(err)
	}
}

// describe writes the files about the first n hosts and the commands, which run one after the other.
func (a *arena) describe(n int, commands []string) {
	var names, plain, inventory, config, ansible strings.Builder
	for i, h := range a.hosts[:n] {
		fmt.Fprintf(&names, "h%d\n", i)
		fmt.Fprintf(&plain, "%s %s %d\n", h.user, h.address, h.port)
		fmt.Fprintf(&inventory, "%s@%s:%d name=h%d key=%s known_hosts=%s\n", h.user, h.address, h.port, i, a.key, a.known)
		fmt.Fprintf(&config, "Host h%d\nUser %s\nHostName %s\nPort %d\n", i, h.user, h.address, h.port)
		fmt.Fprintf(&ansible, "h%d\n", i)
	}
	fmt.Fprintf(&config, "Host *\nIdentityFile %s\nIdentitiesOnly yes\nUserKnownHostsFile %s\nGlobalKnownHostsFile /dev/null\nUpdateHostKeys no\nBatchMode yes\nKexAlgorithms curve25519-sha256\nLogLevel ERROR\n", a.key, a.known)
	var play, book strings.Builder
	play.WriteString("steps:\n")
	book.WriteString("- hosts: all\n  gather_facts: false\n  tasks:\n")
	quoted := make([]string, len(commands))
	for i, c := range commands {
		quoted[i] = "'" + c + "'"
		fmt.Fprintf(&play, "  - run-parallel: %q\n", c)
		fmt.Fprintf(&book, "    - shell: %q\n", c)
	}
	for name, text := range map[string]string{
		"names": names.String(), "plain": plain.String(), "inventory": inventory.String(), "config": config.String(), "ansible": ansible.String(),
		"play.yaml": play.String(), "book.yaml": book.String(),
	} {
		a.write(name, text)
	}
	a.values = map[string]string{
		"N": strconv.Itoa(n), "DIR": a.dir, "GOFAB": a.gofab, "SELF": a.self, "KEY": a.key, "HOSTKEY": "'" + a.hostKey + "'",
		"COMMANDS": strings.Join(quoted, " "), "FORKS": strconv.Itoa(min(n, 16)), "SOME": strconv.Itoa(min(n, 32)),
	}
}

// compete has everybody prove once that they do the work, and then measures them in turn.
func (a *arena) compete(work string, n int, all []contender) *result {
	r := &result{work: work, hosts: n, took: map[string][]took{}}
	steps := map[string]int{"run": 1, "play": 10}[work]
	if steps == 0 {
		a.t.Fatalf("-work %s: there is run and play", work)
	}
	measured := make([]string, steps)
	proof := make([]string, steps)
	for i := range steps {
		measured[i], proof[i] = fmt.Sprintf("echo step %d", i+1), fmt.Sprintf("sh %s/mark %d", a.dir, i+1)
	}
	if work == "run" {
		measured[0] = "true"
	}
	if *programFlag != "" {
		measured = slices.Repeat([]string{*programFlag}, steps)
	}
	a.describe(n, proof)
	for _, c := range all {
		if err := a.prove(c, n*steps); err != nil {
			fmt.Printf("without %s: %v\n", c.name, err)
			continue
		}
		r.names = append(r.names, c.name)
	}
	a.describe(n, measured)
	for range *rounds {
		for _, c := range all {
			if !slices.Contains(r.names, c.name) {
				continue
			}
			one, err := a.measure(c)
			if err != nil {
				a.t.Fatalf("%s: %v", c.name, err)
			}
			r.took[c.name] = append(r.took[c.name], one)
		}
	}
	return r
}

// prove sees to it that each command runs on each host.
func (a *arena) prove(c contender, want int) error {
	if a.marks == "" {
		_, err := a.measure(c)
		return err
	}
	os.RemoveAll(a.marks)
	if err := os.Mkdir(a.marks, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(a.marks, 0o777); err != nil {
		return err
	}
	if _, err := a.measure(c); err != nil {
		return err
	}
	if entries, _ := os.ReadDir(a.marks); len(entries) != want {
		return fmt.Errorf("%d commands have run, not %d", len(entries), want)
	}
	return nil
}

// took is what one run of a contender took.
type took struct {
	Wall, CPU time.Duration
	Memory    int64 // of its largest process, in KiB
	Failure   string
}

// limit ends a contender that hangs.
const limit = 5 * time.Minute
