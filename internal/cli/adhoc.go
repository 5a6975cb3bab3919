package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gofab/gofab/runner"
	"github.com/gofab/gofab/tasks"
)

func (a *app) runCommand() *cobra.Command {
	o := &playOptions{}
	cmd := &cobra.Command{
		Use:   "run -i HOSTS [flags] -- COMMAND…",
		Short: "Run one command on hosts",
		Long: `Run one shell command on all hosts at once: a play with one step. Each line that a host
says is marked with its name. The words of the command are joined by blanks and
understood by the host's sh, as with ssh; quote what is for that shell.

Exit status: 0 success, 2 the command failed on a host, 4 hosts unreachable, 5 wrong usage,
9 no host matched, 130 or 143 interrupted (the command has then ended everywhere).`,
		Example: `  gofab run -i web1,web2 -- uptime
  gofab run -i hosts.txt -l 'web*' -- 'df -h / | tail -n 1'
  gofab run -i hosts.txt --list-hosts`,
		Args: func(_ *cobra.Command, args []string) error {
			if strings.TrimSpace(strings.Join(args, "")) == "" && !o.listHosts {
				return errors.New("say what to run: gofab run -i host1,host2 -- uptime")
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			a.code, err = a.adHoc(cmd.Context(), strings.Join(args, " "), o)
			return err
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false) // what follows the command's first word is the command's
	o.hostFlags(cmd)
	f.CountVarP(&o.verbose, "verbose", "v", "say how it ended on each host; -vv even more")
	f.BoolVar(&o.listHosts, "list-hosts", false, "list the hosts and stop; takes no command")
	f.StringVar(&o.hostKeys, "host-key-checking", "yes", "yes, or accept-new to accept a host's key at the first meeting")
	cmd.RegisterFlagCompletionFunc("host-key-checking", cobra.FixedCompletions([]cobra.Completion{"yes", "accept-new"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// adHoc plays a playbook that nobody has written.
func (a *app) adHoc(ctx context.Context, command string, o *playOptions) (int, error) {
	if len(o.inventory) == 0 {
		return runner.ExitUsage, &usageError{error: errors.New("say where to run it: -i host1,host2 or -i FILE"), bare: true}
	}
	if _, err := tasks.ParseHostKeyChecking(o.hostKeys); err != nil {
		return runner.ExitUsage, &usageError{error: fmt.Errorf("--host-key-checking %w", err), bare: true}
	}
	if o.listHosts {
		command = "true" // it is not run, and a playbook has a step
	}
	o.brief = o.verbose == 0
	text, err := json.Marshal(literal.Replace(command)) // which is YAML
	if err != nil {
		return runner.ExitUsage, err
	}
	const book = "name: run\nhost_key_checking: %s\nsteps:\n  - run-parallel: %s\n"
	return a.playSource(ctx, "command line", fmt.Appendf(nil, book, o.hostKeys, text), o)
}

// literal keeps what looks like a template from being one.
var literal = strings.NewReplacer("{{", `{{ "{{" }}`, "{%", `{{ "{%" }}`, "{#", `{{ "{#" }}`)
