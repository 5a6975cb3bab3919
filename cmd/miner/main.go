// Command miner is what gofab copies to machines: it searches one host's share of a range of
// nonces for a golden one. It needs nothing on the machine, and it talks to nobody.
//
// Its exit codes are grep's: 0 found, 1 none (exhausted, time limit, end of stdin, or stopped by
// a signal), 2 trouble. Stdout gets exactly one line, the result; stderr gets only trouble, and
// the progress that --announce asks for; all other progress goes to the log.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/gofab/gofab/miner"
)

const (
	exitFound   = 0
	exitNone    = 1
	exitTrouble = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return exitFound
	}
	if err != nil {
		return trouble(stderr, err)
	}
	if o.kernels {
		if err := listKernels(stdout); err != nil {
			return trouble(stderr, err)
		}
		return exitFound
	}
	ctx, release := o.limits(ctx, stdin)
	defer release()
	result, err := mine(ctx, o, stderr)
	if err != nil {
		return trouble(stderr, err)
	}
	if err := report(stdout, o, result); err != nil {
		return trouble(stderr, fmt.Errorf("write the result: %w", err))
	}
	if !result.Found {
		return exitNone
	}
	return exitFound
}

// limits adds the ends that the user asked for to those by signals.
func (o options) limits(ctx context.Context, stdin io.Reader) (limited context.Context, release func()) {
	ctx, stop := context.WithCancelCause(ctx)
	if o.stdin {
		go func() { // ends with the process: a read cannot be called back
			_, _ = io.Copy(io.Discard, stdin)
			stop(errors.New("end of stdin"))
		}()
	}
	cancel := context.CancelFunc(func() {})
	if o.timeLimit > 0 {
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeLimit, fmt.Errorf("time limit %s reached", o.timeLimit))
	}
	return ctx, func() {
		cancel()
		stop(nil)
	}
}

// mine searches, keeping the log and the state if they are wanted. One that breaks in the middle
// costs a line on stderr, not the search.
func mine(ctx context.Context, o options, stderr io.Writer) (miner.Result, error) {
	state := stateFile(o.resume)
	var err error
	if o.search.Resume, err = state.read(); err != nil {
		return miner.Result{}, err
	}
	search, err := miner.NewSearch(o.job, o.search)
	if err != nil {
		return miner.Result{}, err
	}
	if err := state.write(search.State()); err != nil {
		return miner.Result{}, err
	}
	log, err := openLog(o.log)
	if err != nil {
		return miner.Result{}, err
	}
	// Where there is one processor, the thread that hears signals shall not wait for the search's
	// time slice to end: the operating system is quicker at this than the Go scheduler.
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), search.Threads()+1))

	log.begin(o, search)
	var broken error
	finish := []func(){
		log.follow(o.job, search, o.progress),
		announce(stderr, o, search),
		every(time.Second, func() { broken = cmp.Or(broken, state.write(search.State())) }),
	}
	result := search.Run(ctx)
	for _, finish := range finish {
		finish()
	}
	if err := cmp.Or(state.write(search.State()), broken); err != nil {
		fmt.Fprintf(stderr, "miner: %v\n", err)
	}
	log.end(o.job, result)
	if err := log.close(); err != nil {
		fmt.Fprintf(stderr, "miner: the log is incomplete: %v\n", err)
	}
	return result, nil
}

// announce writes lines for a program that watches: @progress, the fraction of the share that is
// covered, the rate since the line before, and what is covered without holes.
func announce(w io.Writer, o options, search *miner.Search) (finish func()) {
	speed := speedometer{at: time.Now()}
	return every(o.announce, func() {
		fmt.Fprintf(w, "@progress %.6f rate %s %s\n", search.Fraction(), speed.text(search.Tried()), coverage(o.job, search.Covered()))
	})
}

// trouble prints an error, or several joined ones, each on its line.
func trouble(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "miner: %s\n", strings.ReplaceAll(err.Error(), "\n", "\nminer: "))
	return exitTrouble
}
