//go:build peers

package bench

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofab/gofab/internal/lab"
)

// result is what one workload took on a number of hosts.
type result struct {
	work  string
	hosts int
	names []string
	took  map[string][]took // by contender, a round each
}

// print writes medians, and how many times what gofab took they are. Only the ratios of one run mean something: the machine may be busy.
func (r *result) print() {
	fmt.Printf("\n%s, %d hosts, %d rounds, load average %s\n", r.work, r.hosts, *rounds, load())
	fmt.Printf("%-12s %8s %17s %10s %18s %18s %10s\n", "", "wall s", "from-to", "client CPU", "wall / gofab", "CPU / gofab", "memory MB")
	for _, name := range r.names {
		wall := sorted(r.took[name], func(t took) float64 { return t.Wall.Seconds() })
		cpu := sorted(r.took[name], func(t took) float64 { return t.CPU.Seconds() })
		w, c := r.ratio(name, wallOf), r.ratio(name, cpuOf)
		fmt.Printf("%-12s %8.3f %8.3f-%-8.3f %10.3f %6.2f (%.2f-%.2f) %6.2f (%.2f-%.2f) %10.1f\n", name, middle(wall), wall[0], wall[len(wall)-1], middle(cpu),
			w.middle, w.low, w.high, c.middle, c.low, c.high, middle(sorted(r.took[name], func(t took) float64 { return float64(t.Memory) / 1024 })))
	}
}

func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	return strings.Join(strings.Fields(string(text) + " ? ? ?")[:3], " ")
}

// ratio is how many times gofab's time another's is: in the middle of the rounds, and from where to where in the middle half of them.
type ratio struct {
	what              string
	middle, low, high float64
}

func wallOf(t took) time.Duration { return t.Wall }
func cpuOf(t took) time.Duration  { return t.CPU }

func (r *result) ratio(name string, of func(took) time.Duration) ratio {
	var each []float64
	for i, t := range r.took[name] {
		each = append(each, float64(of(t))/float64(of(r.took["gofab"][i])))
	}
	slices.Sort(each)
	return ratio{middle: middle(each), low: each[len(each)/4], high: each[len(each)-1-len(each)/4]}
}

// ratios are those that are worth keeping.
func (r *result) ratios() []ratio {
	var list []ratio
	for _, name := range r.names {
		if name == "gofab" {
			continue
		}
		w, c := r.ratio(name, wallOf), r.ratio(name, cpuOf)
		w.what, c.what = fmt.Sprintf("%s/%d/%s/wall", r.work, r.hosts, name), fmt.Sprintf("%s/%d/%s/cpu", r.work, r.hosts, name)
		list = append(list, w, c)
	}
	return list
}

func sorted(all []took, of func(took) float64) []float64 {
	var values []float64
	for _, t := range all {
		values = append(values, of(t))
	}
	slices.Sort(values)
	return values
}

func middle(sorted []float64) float64 { return sorted[len(sorted)/2] }

func writeRatios(file string, list []ratio) error {
	var text strings.Builder
	fmt.Fprintf(&text, "# Times of others over gofab's in the same round: in the middle of the rounds, and the range of the middle half. %s/%s, %d processors, %s.\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	for _, r := range list {
		fmt.Fprintf(&text, "%s\t%.3f\t%.3f\t%.3f\n", r.what, r.middle, r.low, r.high)
	}
	return os.WriteFile(file, []byte(text.String()), 0o644)
}

func readRatios(file string) ([]ratio, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []ratio
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		var r ratio
		if _, err := fmt.Sscan(lines.Text(), &r.what, &r.middle, &r.low, &r.high); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", file, lines.Text(), err)
		}
		list = append(list, r)
	}
	return list, lines.Err()
}

// much is by how much a ratio has to move to be worth a word.
const much = 1.15

// moved says which ratios are elsewhere than they were: each middle is outside of the other's range, and by more than a little.
func moved(before, now []ratio) string {
	var text strings.Builder
	for _, n := range now {
		i := slices.IndexFunc(before, func(b ratio) bool { return b.what == n.what })
		if i < 0 {
			fmt.Fprintf(&text, "%s is new: %.2f\n", n.what, n.middle)
			continue
		}
		b := before[i]
		verdict := ""
		switch {
		case n.middle > b.high && b.middle < n.low && n.middle > much*b.middle:
			verdict = "gofab is faster"
		case n.middle < b.low && b.middle > n.high && b.middle > much*n.middle:
			verdict = "gofab is slower"
		}
		if verdict != "" {
			fmt.Fprintf(&text, "%s: %s: %.2f (%.2f-%.2f), it was %.2f (%.2f-%.2f)\n", n.what, verdict, n.middle, n.low, n.high, b.middle, b.low, b.high)
		}
	}
	if text.Len() == 0 {
		return "nothing has moved beyond noise"
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// simulated is an arena of hosts that another process simulates.
func simulated(t *testing.T, n int) *arena {
	t.Helper()
	m := lab.SimulateElsewhere(t)
	known := t.TempDir() + "/known_hosts"
	if err := os.WriteFile(known, fmt.Appendf(nil, "[%s]:%d %s", m.Address, m.Port, m.HostKey), 0o600); err != nil {
		t.Fatal(err)
	}
	a := newArena(t, m.Login.KeyFile, known, strings.TrimSpace(m.HostKey))
	a.marks = ""
	for i := range n {
		a.hosts = append(a.hosts, host{fmt.Sprintf("user%d", i), m.Address, m.Port})
	}
	return a
}
