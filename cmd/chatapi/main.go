// Command chatapi runs the chat backend on one machine, by itself or over the
// engines that it has on AWS.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const usage = `chatapi is a chat backend: apps hold chats, chats hold messages, messages are searched.

Usage:

  chatapi serve [--addr HOST:PORT] [--data FOLDER]   serve the API, with everything in one folder
  chatapi serve [--addr HOST:PORT] --backend aws     serve it from DynamoDB, SQS and OpenSearch
  chatapi setup [--name NAME]                        create tables, queues and index on emulators

"chatapi serve -h" and "chatapi setup -h" explain the flags.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	tune(os.Getenv)
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run returns the exit status: 0, 1 where the command failed, 2 where it was
// called wrongly.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	switch args[0] {
	case "serve":
		return serve(ctx, args[1:], getenv, stdout, stderr)
	case "setup":
		return setup(ctx, args[1:], stdout, stderr)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return 0
	default:
		fmt.Fprintf(stderr, "chatapi: there is no command %q\n\n%s", args[0], usage)
		return 2
	}
}

// parse reads the flags of a command that takes no arguments. Where it returns
// false the command ends with the status.
func parse(flags *flag.FlagSet, args []string) (status int, ok bool) {
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0, false
	case err != nil:
		return 2, false
	case flags.NArg() > 0:
		fmt.Fprintf(flags.Output(), "%s: takes no argument %q\n", flags.Name(), flags.Arg(0))
		return 2, false
	}
	return 0, true
}

// fail prints an error as one line and returns the exit status, 0 for none.
func fail(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "chatapi: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	return 1
}
