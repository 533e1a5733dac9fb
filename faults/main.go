//go:build linux

// Command faults tries to break what the service promises: it runs a server,
// lets things go wrong while clients create, edit and delete, and judges what
// is stored by what the clients were told.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := matrixMain
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "serve" {
		run, args = serveMain, args[1:]
	}
	if err := run(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

var errFailed = errors.New("a promise does not hold")

func matrixMain(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("faults", flag.ExitOnError)
	names := flags.String("rows", "", "run only these `ROWS` of the matrix, with commas between them")
	brief := flags.Bool("brief", false, "run the short matrix")
	seed := flags.Uint64("seed", uint64(time.Now().Unix()), "of the faults and of the load")
	creates := flags.Int("creates", 0, "stop each row at so many creates; 0 is as many as the matrix says")
	lasting := flags.Duration("for", 0, "stop each row after this time instead")
	table := flags.String("table", "", "write the table to this `FILE`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var results []result
	failed := false
	for _, r := range matrix {
		n := r.creates
		if *brief {
			n = r.brief
		}
		if *names == "" && (n == 0 || r.engines) || *names != "" && !strings.Contains(","+*names+",", ","+r.name+",") {
			continue
		}
		if *creates > 0 {
			n = *creates
		}
		if *lasting > 0 {
			n = 1 << 40
		}
		got := try(ctx, r, *seed, n, *lasting)
		print(got)
		failed = failed || !got.ok()
		results = append(results, got)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	_ = table
	if failed {
		return errFailed
	}
	return nil
}

func print(got result) {
	fmt.Printf("== %s, seed %d: %s\n", got.row.name, got.seed, got.row.what)
	if got.err != nil {
		fmt.Printf("   %v\n", got.err)
	}
	if got.report != nil {
		fmt.Printf("   %v\n", got.report)
	}
	fmt.Printf("   load %v, settled %v; %s\n", got.took.Round(time.Millisecond), got.settled.Round(time.Millisecond), strings.Join(got.faults, ", "))
	u := got.usage
	fmt.Printf("   memory %d MiB, goroutines %d, files %d, disk %d MiB %s\n", u.memory>>20, u.goroutines, u.files, u.disk>>20, u.exceeded)
}
