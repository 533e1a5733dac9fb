// Command chatapi serves the chat backend on one machine, from a data folder or from
// the engines that it uses on AWS, is a client of it, and has operators' tools.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"chatapi/internal/cli"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	tune(os.Getenv)
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// run runs the command that the arguments name and returns its exit status.
func run(
	ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer,
) int {
	root := cli.New(getenv)
	root.AddGroup(&cobra.Group{ID: groupRepair, Title: "Repair:"})
	root.AddCommand(
		serveCommand(getenv), setupCommand(), keysCommand(), costCommand(),
		dlqCommand(getenv), reindexCommand(getenv), verifyCommand(getenv),
	)
	return cli.Run(ctx, root, args, stdin, stdout, stderr)
}
