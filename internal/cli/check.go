package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/gofab/gofab/internal/cloud/aws"
	"github.com/gofab/gofab/internal/journal"
	"github.com/gofab/gofab/runner"
)

func (a *app) checkCommand() *cobra.Command {
	var policy bool
	cmd := &cobra.Command{
		Use:   "check aws",
		Short: "See whether a provider will let us work",
		Long: `See whether there are a region and credentials for AWS, and whether these may do what
gofab does. Nothing is made: EC2 is only asked what it would answer (DryRun).

--policy prints the least that the credentials must be allowed to do, as an IAM policy.

Exit status: 0 when all is well, 1 when something is not.`,
		Example: "  gofab check aws\n  gofab check aws --policy >gofab-policy.json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] != "aws" {
				return errors.New("say which provider: gofab check aws")
			}
			return nil
		},
		ValidArgs: []string{"aws"},
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if policy {
				_, err = os.Stdout.Write(aws.Policy)
				return err
			}
			a.code, err = checkAWS(cmd.Context())
			return err
		},
	}
	cmd.Flags().BoolVar(&policy, "policy", false, "print the IAM policy that gofab needs, and stop")
	return cmd
}

// checkAWS prints a line for each thing that was looked at.
func checkAWS(ctx context.Context) (int, error) {
	state, err := journal.StateDir()
	if err != nil {
		return runner.ExitError, err
	}
	trouble := 0
	aws.New(state, "").CheckAll(ctx, func(what string, err error) {
		if err == nil {
			fmt.Printf("ok      %s\n", what)
			return
		}
		trouble++
		fmt.Printf("FAILED  %s: %v\n", what, withRemedy(err))
	})
	fmt.Println("not looked at: ending machines, queues and the bucket, which depends on their tags and names")
	if trouble == 1 {
		return runner.ExitError, errors.New("1 thing is not as gofab needs it")
	}
	if trouble > 1 {
		return runner.ExitError, fmt.Errorf("%d things are not as gofab needs them", trouble)
	}
	return runner.ExitOK, nil
}
