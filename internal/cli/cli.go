// Package cli is the command line: verbs, flags, exit statuses and signals. It is the one place
// that knows everybody.
package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gofab/gofab/internal/cloud/local"
	"github.com/gofab/gofab/internal/payload"
	"github.com/gofab/gofab/internal/source"
	"github.com/gofab/gofab/internal/ui"
	"github.com/gofab/gofab/runner"
)

// app is what the verbs share.
type app struct {
	minerSource fs.FS
	color       string
	code        int // of a verb that has said all there is to say
}

// Main runs gofab with the process's arguments and gives its exit status. minerSource has the
// sources of the miner, for machines without Go.
func Main(minerSource fs.FS) int {
	if local.IsMachine(os.Args) {
		return local.Main(os.Args)
	}
	log.SetOutput(io.Discard) // what AWS's transfer manager says there, the error that it returns says as well
	a := &app{minerSource: minerSource}
	root := a.root()
	if err := root.Execute(); err != nil {
		fmt.Fprintf(os.Stderr, "gofab: %v\n", err)
		var usage *usageError
		if errors.As(err, &usage) && !usage.bare {
			fmt.Fprintf(os.Stderr, "try: %s --help\n", usage.cmd.CommandPath())
		}
		if a.code == runner.ExitOK {
			a.code = runner.ExitError
			if usage != nil {
				a.code = runner.ExitUsage
			}
		}
	}
	return a.code
}

// usageError is a command line that makes no sense.
type usageError struct {
	error
	cmd  *cobra.Command
	bare bool // --help would not help
}

func (e *usageError) Unwrap() error { return e.error }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "gofab",
		Short: "Run a job over many short-lived machines",
		Long: `gofab runs a playbook over parallel SSH: it starts machines, runs the steps on all of
them at once, brings the results home and ends everything that it started.

  gofab play search.yaml -e N=8`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Version:           describeVersion(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		msg, _, _ := strings.Cut(err.Error(), ": strconv.") // says the same again, in Go's words
		return &usageError{error: errors.New(msg), cmd: cmd}
	})
	root.PersistentFlags().StringVar(&a.color, "color", "auto", "colour: auto, always or never")
	root.AddCommand(a.playCommand(), a.runCommand(), a.planCommand(), a.lsCommand(), a.scramCommand(), a.reapCommand(), a.checkCommand(), versionCommand())
	for _, cmd := range append(root.Commands(), root) {
		if args := cmd.Args; args != nil {
			cmd.Args = func(cmd *cobra.Command, argv []string) error {
				if err := args(cmd, argv); err != nil {
					return &usageError{error: err, cmd: cmd}
				}
				return nil
			}
		}
	}
	return root
}

// unknownCommand answers a verb that there is not, or a playbook in its place.
func unknownCommand(root *cobra.Command, word string) error {
	var verbs []string
	for _, c := range root.Commands() {
		verbs = append(verbs, c.Name())
	}
	hint := source.Suggest(word, verbs)
	if _, _, err := findPlaybook(word); err == nil {
		hint = "to run that playbook, say gofab play " + word
	}
	if hint == "" {
		return fmt.Errorf("unknown command %q", word)
	}
	return fmt.Errorf("unknown command %q; %s", word, hint)
}

// streams are standard output and error as the views see them.
func (a *app) streams() (stdout, stderr ui.Stream, err error) {
	mode, err := ui.ParseColorMode(a.color)
	if err != nil {
		return stdout, stderr, &usageError{error: err, bare: true}
	}
	return ui.NewStream(os.Stdout, mode, os.Getenv), ui.NewStream(os.Stderr, mode, os.Getenv), nil
}

// miners is the store of miner binaries, which says when it has to build one.
func (a *app) miners() *payload.Store {
	store := payload.New(a.minerSource)
	store.Building = func(goos, goarch string) {
		fmt.Fprintf(os.Stderr, "building the miner for %s/%s, once for this version …\n", goos, goarch)
	}
	return store
}
