package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gofab/gofab/internal/cloud"
	"github.com/gofab/gofab/internal/cloud/static"
	"github.com/gofab/gofab/internal/journal"
	"github.com/gofab/gofab/internal/payload"
	"github.com/gofab/gofab/internal/playbook"
	"github.com/gofab/gofab/internal/source"
	"github.com/gofab/gofab/runner"
	"github.com/gofab/gofab/tasks"
)

// playOptions are the flags of play, with ansible-playbook's letters.
type playOptions struct {
	extra      []string
	inventory  []string
	limit      []string
	forks      int
	budget     string
	verbose    int
	quiet      bool
	keep       bool
	check      bool
	listHosts  bool
	listTasks  bool
	privateKey string
	timeout    string
	hostKeys   string // of run: what host_key_checking is in a playbook
	brief      bool   // no headings and no sums
}

func (a *app) playCommand() *cobra.Command {
	o := &playOptions{}
	cmd := &cobra.Command{
		Use:   "play PLAYBOOK",
		Short: "Run a playbook",
		Long: `Run a playbook. A name without a slash is looked for in the current directory, in
playbooks/, and among the playbooks that come with gofab (search.yaml).

Exit status: 0 success, 1 an internal or cloud error or a race that nobody won, 2 a step
failed, 4 hosts unreachable, 5 wrong usage, 6 the playbook is invalid (nothing was launched),
7 deadline reached without success, 8 budget reached without success, 9 no host matched,
10 scram incomplete: something may still be running, 130 or 143 interrupted (after a clean
scram).`,
		Example: `  gofab play search.yaml -e N=8
  gofab play search.yaml -e N=3 -i alice@host1,host2:2222,host3`,
		Args:              onePlaybook,
		ValidArgsFunction: completePlaybooks,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			a.code, err = a.play(cmd.Context(), args[0], o)
			return err
		},
	}
	f := cmd.Flags()
	o.hostFlags(cmd)
	f.Lookup("inventory").Usage = "hosts to use instead of new machines: host1,host2, or a file with a [user@]host[:port] [key=value…] a line"
	f.StringArrayVarP(&o.extra, "extra-vars", "e", nil, "set variables: k=v, '{yaml or json}' or @file; beats everything")
	f.StringVar(&o.budget, "budget", "", "US dollars that the machines may cost before the play is stopped, such as 0.50; beats the playbook's")
	f.CountVarP(&o.verbose, "verbose", "v", "say more; -vv even more")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "only what print steps say, and errors")
	f.BoolVar(&o.keep, "keep", false, "leave the machines running until their time to live ends")
	f.BoolVar(&o.check, "syntax-check", false, "check the playbook and stop")
	f.BoolVar(&o.listHosts, "list-hosts", false, "list the hosts and stop")
	f.BoolVar(&o.listTasks, "list-tasks", false, "list the steps and stop")
	return cmd
}

// hostFlags are the flags that say where things run.
func (o *playOptions) hostFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVarP(&o.inventory, "inventory", "i", nil, "hosts: host1,host2, or a file with a [user@]host[:port] [key=value…] a line")
	f.StringSliceVarP(&o.limit, "limit", "l", nil, "only hosts whose name matches one of these patterns; !pattern leaves out")
	f.IntVarP(&o.forks, "forks", "f", 0, "hosts at once (default all)")
	f.StringVar(&o.privateKey, "private-key", "", "key file for the hosts of -i and hosts: that name none")
	f.StringVarP(&o.timeout, "timeout", "T", "10s", "limit on connecting to a host, and again on logging in")
}

// dollars is what --budget says; 0: nothing.
func (o *playOptions) dollars() (float64, error) {
	if o.budget == "" {
		return 0, nil
	}
	usd, err := runner.ParseDollars(o.budget)
	if err != nil {
		return 0, &usageError{error: fmt.Errorf("--budget takes %w, not %q", err, o.budget), bare: true}
	}
	return usd, nil
}

func onePlaybook(_ *cobra.Command, args []string) error {
	switch {
	case len(args) == 0 || args[0] == "":
		return errors.New("name a playbook; with gofab come " + strings.Join(builtinPlaybooks(), ", "))
	case len(args) > 1:
		return fmt.Errorf("one playbook at a time, not %d: %s", len(args), strings.Join(args, " "))
	}
	return nil
}

// play compiles and runs a playbook. The code is meaningful along with a nil error.
func (a *app) play(ctx context.Context, name string, o *playOptions) (int, error) {
	if _, err := o.dollars(); err != nil {
		return runner.ExitUsage, err
	}
	file, src, err := findPlaybook(name)
	if err != nil {
		return runner.ExitUsage, err
	}
	return a.playSource(ctx, file, src, o)
}

// playSource is play once the playbook has been read.
func (a *app) playSource(ctx context.Context, file string, src []byte, o *playOptions) (int, error) {
	if o.forks < 0 {
		return runner.ExitUsage, &usageError{error: fmt.Errorf("--forks is a number of hosts, not %d", o.forks), bare: true}
	}
	state, err := journal.StateDir()
	if err != nil {
		return runner.ExitError, err
	}
	limit, err := limiter(o.limit)
	if err != nil {
		return runner.ExitUsage, err
	}
	r, errs := a.compile(file, src, state, limit, o)
	if err := errs.Err(); err != nil {
		return runner.ExitInvalid, a.report(err, map[string][]byte{file: src})
	}
	switch {
	case r.hosts != nil && len(r.hosts) == 0:
		return runner.ExitNoHosts, fmt.Errorf("no host matches -l %s", strings.Join(o.limit, ","))
	case o.listHosts, o.listTasks:
		r.list(os.Stdout, o)
		return runner.ExitOK, nil
	case o.check:
		fmt.Printf("%s: ok\n", file)
		return runner.ExitOK, nil
	}
	return a.runPlay(ctx, r, o)
}

// ready is a play with all that it takes to run it.
type ready struct {
	play     *runner.Play
	vars     map[string]any
	provider cloud.Provider
	hosts    []static.Host     // of a static provider
	borrow   bool              // the hosts are there from the start
	limit    func(string) bool // of -l; nil: all hosts
	miners   *payload.Store
	miner    bool // the play puts the miner somewhere
	state    string
}

// compile reads the book and everything around it. All mistakes are in errs.
func (a *app) compile(file string, src []byte, state string, limit func(string) bool, o *playOptions) (*ready, *source.List) {
	errs := &source.List{}
	book, err := playbook.Load(file, src, tasks.Kinds())
	errs.AddAll(err)
	extra, err := playbook.ParseExtra(o.extra, os.ReadFile)
	errs.AddAll(err)
	if book == nil {
		return nil, errs
	}
	head := tasks.Open(book, extra, errs)
	r := &ready{vars: head.Vars, miners: a.miners(), state: state, limit: limit}
	r.choose(head, o, errs)
	hosts := r.hosts != nil || r.provider == nil || !book.Hosts.IsZero() // or were meant to be
	budget, _ := o.dollars()
	r.play = head.Compile(tasks.Options{Provider: r.provider, Payload: r.miners, Hosts: hosts, Inventory: len(r.hosts), Forks: o.forks, Budget: budget})
	r.borrow = r.hosts != nil && !head.Provisions()
	r.miner = head.PutsMiner()
	return r, errs
}

// choose decides who gives the machines: -i, else what the book says.
func (r *ready) choose(head *tasks.Head, o *playOptions, errs *source.List) {
	r.hosts = head.Hosts
	if len(o.inventory) > 0 {
		r.hosts = inventory(o.inventory, errs)
	}
	name := cmp.Or(head.Provider, "local")
	if r.hosts != nil {
		name = "static"
	}
	if r.hosts != nil && r.limit != nil {
		r.hosts = slices.DeleteFunc(r.hosts, func(h static.Host) bool { return !r.limit(h.Name) })
	}
	accept := head.AcceptNewKeys()
	for i := range r.hosts {
		login := &r.hosts[i].Login
		login.AcceptNewKey = login.AcceptNewKey || accept
		login.KeyFile = cmp.Or(login.KeyFile, o.privateKey)
	}
	var err error
	if r.provider, err = newProvider(name, r.state, "", r.hosts); err != nil {
		pos := head.Book.Provider.Pos()
		errs.Add(&source.Error{Pos: pos, Msg: err.Error(), Hint: source.Suggest(name, providers)})
	}
}

func inventory(args []string, errs *source.List) []static.Host {
	hosts := []static.Host{}
	for _, arg := range args {
		more, err := static.ParseInventory(arg, nil)
		errs.AddAll(err)
		hosts = append(hosts, more...)
	}
	hosts, err := static.Check(hosts)
	errs.AddAll(err)
	return hosts
}

// prepare does what takes time and needs no machine, before the clock starts. Whether the provider
// will be able to work comes first: that takes seconds, and building the miner may take longer.
func (r *ready) prepare(ctx context.Context) error {
	if c, ok := r.provider.(cloud.Checker); ok {
		if err := c.Check(ctx); err != nil {
			return withRemedy(err)
		}
	}
	if !r.miner {
		return nil
	}
	goos, goarch := "linux", "amd64"
	if r.provider.Name() == "local" {
		goos, goarch = runtime.GOOS, runtime.GOARCH
	}
	_, err := r.miners.Miner(ctx, goos, goarch)
	return err
}

// withRemedy adds to an error what to do about it, for where there is no view to show that.
func withRemedy(err error) error {
	var r interface{ Remedy() string }
	if errors.As(err, &r) && r.Remedy() != "" {
		return fmt.Errorf("%w\n%s", err, r.Remedy())
	}
	return err
}

// providers are the words that `provider:` knows.
var providers = []string{"local", "aws", "static"}

func completePlaybooks(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return builtinPlaybooks(), cobra.ShellCompDirectiveDefault
}

// mostMistakes is how many a report shows: a file that is no playbook at all has thousands.
const mostMistakes = 100

// report shows what is wrong with a playbook, and gives the error that sums it up.
func (a *app) report(err error, sources map[string][]byte) error {
	all := source.All(err, source.Pos{})
	_, stderr, serr := a.streams()
	if serr != nil {
		return serr
	}
	shown := all[:min(len(all), mostMistakes)]
	if err := source.Render(os.Stderr, shown, sources, stderr.Terminal, stderr.Color); err != nil {
		return err
	}
	if len(all) == 1 {
		return errors.New("1 mistake; nothing was launched")
	}
	return fmt.Errorf("%d mistakes; nothing was launched", len(all))
}
