// Command functions measures the Lambda functions as Lambda runs them: it
// builds each, starts it many times with a runtime API of its own, and notes
// how long it takes from its start to its first question for an event, how
// long it takes over its event in events/, and how much memory that needs.
// Beside them runs an empty function with the SDK's DynamoDB client in it; all
// take turns, so that the ratios hold on a noisy machine. The engines are
// stand-ins in this process.
//
// It compares the figures with budget.json and fails where a function has
// outgrown its budget: by more than a tenth in what is the same in every run, by
// more than noise in its time to start. -update writes the budget anew.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

type settings struct {
	runs   int  // starts of each function
	calls  int  // invocations of each process
	update bool // write the budget
}

func main() {
	var s settings
	flag.IntVar(&s.runs, "runs", 20, "starts of each function")
	flag.IntVar(&s.calls, "calls", 20, "invocations of each started function")
	flag.BoolVar(&s.update, "update", false, "write the budget anew")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "functions:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	folder, err := os.MkdirTemp("", "functions-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	names, err := build(ctx, folder)
	if err != nil {
		return err
	}
	engines, err := newEngines(ctx)
	if err != nil {
		return err
	}
	server := httptest.NewServer(engines)
	defer server.Close()
	m := measuring{folder: folder, environment: lambdaEnvironment(server.URL), settings: s}
	measured, err := m.all(ctx, names)
	if err != nil {
		return err
	}
	table(os.Stdout, measured)
	if s.update {
		return errors.Join(writeBudget(measured), writePage(measured))
	}
	return m.check(ctx, measured)
}

// binary returns the path of a built function.
func (m measuring) binary(name string) string { return filepath.Join(m.folder, name) }
