// Gofab runs playbooks over parallel SSH on machines that it starts and ends.
package main

import (
	"os"

	"github.com/gofab/gofab/internal/cli"
)

func main() { os.Exit(cli.Main(minerSource)) }
