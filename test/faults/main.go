//go:build linux

// Command faults tries to break what the service promises: it runs a server,
// lets things go wrong while clients create, edit and delete, and judges what
// is stored by what the clients were told.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := matrixMain
	args := os.Args[1:]
	switch {
	case len(args) > 0 && args[0] == "serve":
		run, args = serveMain, args[1:]
	case len(args) > 0 && args[0] == "function":
		run, args = functionMain, args[1:]
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
	lasting := flags.Duration("for", 0, "stop each row after this time instead; 0 is as long as the matrix says")
	table := flags.String("table", "", "write the table to this `FILE`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	rows, err := chosen(*names, *brief)
	if err != nil {
		return err
	}
	var results []result
	for _, r := range rows {
		n, lasting := cmp.Or(*creates, r.creates), cmp.Or(*lasting, r.lasting)
		if lasting > 0 {
			n = math.MaxInt
		}
		got := try(ctx, r, *seed, n, lasting)
		got.print()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		results = append(results, got)
		if *table == "" {
			continue
		}
		if err := writeTable(*table, results); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(results, result.failed) {
		return errFailed
	}
	return nil
}

// chosen returns the rows with these names, or those of the whole or the short
// matrix. Rows of the short matrix have as many creates as it has. Rows that stop
// engines are among them if the engines keep their data.
func chosen(names string, brief bool) (rows []row, err error) {
	if names != "" {
		for name := range strings.SplitSeq(names, ",") {
			r, err := rowNamed(name)
			if err != nil {
				return nil, err
			}
			if brief && r.brief > 0 {
				r.creates, r.lasting = r.brief, 0
			}
			rows = append(rows, r)
		}
		return rows, nil
	}
	for _, r := range matrix {
		if brief {
			r.creates, r.lasting = r.brief, 0
		}
		if (r.creates > 0 || r.lasting > 0) && (r.disturb != enginesStop || kept()) {
			rows = append(rows, r)
		}
	}
	return rows, nil
}
