package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gofab/gofab/internal/journal"
	"github.com/gofab/gofab/internal/plan"
	"github.com/gofab/gofab/miner"
	"github.com/gofab/gofab/runner"
)

// planOptions are the flags of plan.
type planOptions struct {
	playOptions
	confidence float64
	bits       float64
	rate       string
	measure    time.Duration
	setup      time.Duration
	asJSON     bool
}

func (a *app) planCommand() *cobra.Command {
	o := &planOptions{}
	cmd := &cobra.Command{
		Use:   "plan PLAYBOOK",
		Short: "Say how many machines a search needs",
		Long: `Say how many machines it takes to find a golden nonce before the play's deadline, with the
wanted confidence, and what other numbers of machines can hope for:

  machines = ceil(-ln(1-confidence) * 2^bits / (rate * (deadline - setup)))

The difficulty is the playbook's variable D (hex digits), the time its deadline. The rate of one
machine is given, or measured here. Nothing is launched.`,
		Example: "  gofab plan search.yaml -e D=9 -e T=300 --confidence 0.95\n  gofab plan search.yaml -e D=9 --rate 21.4M --setup 45s",
		Args:    onePlaybook,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			a.code, err = a.plan(cmd.Context(), args[0], o)
			return err
		},
		ValidArgsFunction: completePlaybooks,
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.extra, "extra-vars", "e", nil, "set variables, as for play")
	f.Float64Var(&o.confidence, "confidence", 0.95, "wanted probability of success, between 0 and 1")
	f.Float64Var(&o.bits, "bits", 0, "difficulty in zero bits (default 4 for each of the D hex digits)")
	f.StringVar(&o.rate, "rate", "", "nonces per second of one machine, such as 21.4M, or a processor that was measured: "+strings.Join(plan.Processors(), ", ")+" (default: measured here)")
	f.DurationVar(&o.measure, "measure", 2*time.Second, "how long to measure")
	f.DurationVar(&o.setup, "setup", 0, "time that boot and upload take, which is not searched in")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object")
	return cmd
}

// row of a plan: what so many machines can hope for.
type hope struct {
	Machines int     `json:"machines"`
	Chance   float64 `json:"chance"`           // of success before the deadline
	Expected float64 `json:"expected_seconds"` // mean time to the first golden nonce, were there no deadline
	P95      float64 `json:"p95_seconds"`      // in 95 of 100 runs it takes less
}

func (a *app) plan(ctx context.Context, name string, o *planOptions) (int, error) {
	file, src, err := findPlaybook(name)
	if err != nil {
		return runner.ExitUsage, err
	}
	state, err := journal.StateDir()
	if err != nil {
		return runner.ExitError, err
	}
	r, errs := a.compile(file, src, state, nil, &o.playOptions)
	if err := errs.Err(); err != nil {
		return runner.ExitInvalid, a.report(err, map[string][]byte{file: src})
	}
	search := plan.Search{Bits: o.bits, Time: r.play.Deadline, Setup: o.setup}
	if search.Bits == 0 {
		digits, ok := r.vars["D"].(int)
		if !ok {
			return runner.ExitUsage, errors.New("the playbook has no variable D for the difficulty in hex digits: say --bits")
		}
		search.Bits = 4 * float64(digits)
	}
	if search.Time == 0 {
		return runner.ExitUsage, errors.New("the playbook has no deadline: with time enough, one machine will do")
	}
	how := "given"
	threads, _ := r.vars["threads"].(int)
	if core, ok := plan.Measured[o.rate]; ok {
		how = fmt.Sprintf("as measured on %s, with threads: %d", o.rate, max(threads, 1))
		search.Rate = core * float64(max(threads, 1))
	} else if o.rate != "" {
		search.Rate, err = plan.ParseRate(o.rate)
	} else {
		how = fmt.Sprintf("measured here in %v with threads: %d", o.measure, cmp.Or(threads, runtime.NumCPU()))
		search.Rate, err = a.measure(ctx, threads, o.measure)
	}
	if err != nil {
		return runner.ExitUsage, fmt.Errorf("rate: %w", err)
	}
	n, err := search.Machines(o.confidence)
	if err != nil {
		return runner.ExitUsage, err
	}
	if o.asJSON {
		return runner.ExitOK, printJSON(map[string]any{
			"machines": n, "chance": search.Chance(n), "confidence": o.confidence, "bits": search.Bits,
			"rate": search.Rate, "deadline_seconds": search.Time.Seconds(), "setup_seconds": search.Setup.Seconds(), "table": hopes(search, n),
		})
	}
	fmt.Printf("%d machines find a golden nonce of %v zero bits within %v with a chance of %.3g %%\n", n, search.Bits, search.Time, 100*search.Chance(n))
	fmt.Printf("(one machine tests %s nonces/s, %s; boot and upload take %v; no prices are known)\n\n", plan.Rate(search.Rate), how, search.Setup)
	return runner.ExitOK, printHopes(hopes(search, n), n)
}

// hopes are the rows around n: powers of two, and n itself.
func hopes(s plan.Search, n int) []hope {
	counts := []int{n}
	for c := 1; c <= 4*n && c > 0; c *= 2 {
		if c >= n/16 {
			counts = append(counts, c)
		}
	}
	slices.Sort(counts)
	var rows []hope
	for _, c := range slices.Compact(counts) {
		rows = append(rows, hope{c, s.Chance(c), s.Expected(c).Seconds(), s.Within(c, 0.95).Seconds()})
	}
	return rows
}

func printHopes(rows []hope, chosen int) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "machines\tchance\texpected time\tP95 time\t")
	for _, h := range rows {
		mark := ""
		if h.Machines == chosen {
			mark = "  <-"
		}
		fmt.Fprintf(w, "%d\t%.4g %%\t%s\t%s\t%s\n", h.Machines, 100*h.Chance, seconds(h.Expected), seconds(h.P95), mark)
	}
	return w.Flush()
}

func seconds(s float64) string {
	if s > math.MaxInt64/float64(time.Second) {
		return "centuries"
	}
	return time.Duration(s * float64(time.Second)).Round(time.Second / 10).String()
}

// measure runs the miner that would be put on machines like this one.
func (a *app) measure(ctx context.Context, threads int, limit time.Duration) (float64, error) {
	file, err := a.miners().Miner(ctx, runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, file, "--difficulty", fmt.Sprint(miner.MaxDifficulty), "--threads", fmt.Sprint(threads), "--time-limit", limit.String(), "--json")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) { // 1: none found, as intended
		return 0, fmt.Errorf("the miner: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	var result struct{ Rate float64 }
	if err := json.Unmarshal(out, &result); err != nil {
		return 0, fmt.Errorf("the miner said %q: %w", out, err)
	}
	return result.Rate, nil
}
