// Awslab runs the AWS of gofab's tests by itself, until it is interrupted: it prints the lines that
// make a shell use it. Instances are machines that serve SSH on port 22 of their own loopback
// addresses, for which it has to be root; without -machines they are records.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gofab/gofab/internal/cloud/local"
	"github.com/gofab/gofab/internal/lab/awslab"
)

func main() {
	if local.IsMachine(os.Args) {
		os.Exit(local.Main(os.Args))
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "awslab:", err)
		os.Exit(1)
	}
}

func run() error {
	var cfg awslab.Config
	flag.BoolVar(&cfg.Machines, "machines", true, "instances are machines that serve SSH; it needs root")
	flag.StringVar(&cfg.Dir, "dir", "", "where machines keep their files (default: a temporary directory)")
	flag.DurationVar(&cfg.Boot, "boot", time.Second, "time from pending to running")
	flag.DurationVar(&cfg.Login, "login", 0, "time from running until a machine serves SSH")
	flag.DurationVar(&cfg.Address, "address", 0, "time from running until the addresses are shown")
	flag.DurationVar(&cfg.Visible, "visible", 0, "time until a new instance or security group can be found")
	flag.DurationVar(&cfg.Shutdown, "shutdown", time.Second, "time from shutting-down to terminated")
	flag.DurationVar(&cfg.Minute, "minute", time.Minute, "how long a minute of `shutdown -h +N` lasts")
	flag.IntVar(&cfg.Quota, "quota", 0, "on-demand vCPUs of a region (default: unlimited)")
	flag.Parse()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGINT, unix.SIGTERM)
	e, err := awslab.Start(cfg)
	if err != nil {
		return err
	}
	for _, pair := range e.Env() {
		fmt.Println("export " + pair)
	}
	<-stop
	for _, left := range e.Left() {
		fmt.Fprintln(os.Stderr, "left:", left)
	}
	return e.Close()
}
