package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"time"
)

const (
	budgetFile = "bench/functions/budget.json"
	// outgrown is how far above its budget a figure is too far.
	outgrown = 1.10
	// promisedRatio is how many times as long as the empty function any other
	// may take to start.
	promisedRatio = 1.5
	// noise is what a busy machine adds to the ratio of a time, at worst; what a
	// function does more in its init shows in its allocations before.
	noise = 0.3
	// tries is how often a ratio that is too high is measured.
	tries = 4
)

// budget is what all functions may take.
type budget struct {
	Go           string                    `json:"go"` // that measured it
	Architecture string                    `json:"architecture"`
	Functions    map[string]functionBudget `json:"functions"`
}

// functionBudget is what one function may take, give or take a tenth, or for its
// time to start, noise.
type functionBudget struct {
	Binary          int64   `json:"binary_bytes"`
	Zip             int64   `json:"zip_bytes"`
	InitAllocations int64   `json:"init_allocations"`
	InitAllocated   int64   `json:"init_allocated_bytes"`
	InitRatio       float64 `json:"init_ratio"` // to the empty function's time to start
}

func writeBudget(all []*measured) error {
	b := budget{Go: runtime.Version(), Architecture: runtime.GOARCH, Functions: map[string]functionBudget{}}
	empty, functions := all[0], all[1:]
	for _, f := range functions {
		b.Functions[f.name] = functionBudget{
			Binary: f.binary, Zip: f.zip, InitAllocations: f.initAllocations, InitAllocated: f.initAllocated,
			InitRatio: math.Ceil(max(f.ratio(empty), 1)*20) / 20, // in steps that noise does not change
		}
	}
	data, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(budgetFile, append(data, '\n'), 0o644)
}

func readBudget() (b budget, err error) {
	data, err := os.ReadFile(budgetFile)
	if err != nil {
		return budget{}, err
	}
	if err := json.Unmarshal(data, &b); err != nil {
		return budget{}, fmt.Errorf("decode %s: %w", budgetFile, err)
	}
	return b, nil
}

// check returns an error that names every function that has outgrown its
// budget and by what.
func (m measuring) check(ctx context.Context, all []*measured) error {
	b, err := readBudget()
	if err != nil {
		return err
	}
	var grown []error
	if b.Architecture == runtime.GOARCH {
		grown = b.checkSizes(all[1:])
	} else {
		fmt.Printf("the sizes of %s are not compared: they are those of %s\n", budgetFile, b.Architecture)
	}
	slow, err := m.checkStarts(ctx, b, all)
	if err != nil {
		return err
	}
	grown = append(grown, slow...)
	if len(grown) == 0 {
		return nil
	}
	return fmt.Errorf("outgrown their budget in %s (make budget-update, where it is meant):\n%w", budgetFile, errors.Join(grown...))
}

// checkSizes compares what is the same in every run.
func (b budget) checkSizes(all []*measured) (grown []error) {
	for _, f := range all {
		allowed, ok := b.Functions[f.name]
		if !ok {
			grown = append(grown, fmt.Errorf("%s has no budget", f.name))
			continue
		}
		for _, figure := range []struct {
			name       string
			is, budget int64
		}{
			{"bytes of binary", f.binary, allowed.Binary},
			{"bytes of zip", f.zip, allowed.Zip},
			{"allocations of its init", f.initAllocations, allowed.InitAllocations},
			{"bytes allocated by its init", f.initAllocated, allowed.InitAllocated},
		} {
			if float64(figure.is) > outgrown*float64(figure.budget) {
				grown = append(grown, fmt.Errorf("%s: %d %s, budget %d", f.name, figure.is, figure.name, figure.budget))
			}
		}
	}
	return grown
}

// checkStarts measures the functions that take too long to start again, with
// the empty one, before it says so.
func (m measuring) checkStarts(ctx context.Context, b budget, all []*measured) (slow []error, err error) {
	empty, suspects := all[0], all[1:]
	for try := 1; ; try++ {
		slow, suspects = b.slow(empty, suspects)
		if len(slow) == 0 || try == tries {
			return slow, nil
		}
		if err := m.rounds(ctx, append([]*measured{empty}, suspects...)); err != nil {
			return nil, err
		}
	}
}

// slow returns the functions that take too long to start, and what to say of
// each.
func (b budget) slow(empty *measured, functions []*measured) (errs []error, slow []*measured) {
	for _, f := range functions {
		allowed := min(b.Functions[f.name].InitRatio+noise, promisedRatio)
		if ratio := f.ratio(empty); ratio > allowed {
			errs = append(errs, fmt.Errorf("%s: starts in %.2f times the empty function's time, allowed %.2f", f.name, ratio, allowed))
			slow = append(slow, f)
		}
	}
	return errs, slow
}

// table writes the figures of all functions as a Markdown table.
func table(w io.Writer, all []*measured) {
	empty := all[0]
	fmt.Fprintf(w, "%d starts of each function and %d invocations of each start, on %d cores (%s), %s, %s\n\n",
		len(empty.starts), len(empty.laters)/len(empty.starts)+1, runtime.NumCPU(), runtime.GOARCH, runtime.Version(), time.Now().UTC().Format(time.DateOnly))
	fmt.Fprintln(w, "| function | init p50 | init p99 | × empty | first call | later calls | memory | binary | zip | allocations in init |")
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, f := range all {
		fmt.Fprintf(w, "| %s | %s | %s | %.2f | %s | %s | %s | %s | %s | %d |\n", f.name,
			ms(percentile(f.starts, 50)), ms(percentile(f.starts, 99)), f.ratio(empty), median(f.firsts), median(f.laters),
			mb(percentile(f.memory, 50)), mb(f.binary), mb(f.zip), f.initAllocations)
	}
}

// pageFile is the page that -update writes beside the budget.
const pageFile = "docs/reports/functions.md"

func writePage(all []*measured) error {
	var page bytes.Buffer
	fmt.Fprint(&page, "# What the functions take\n\n"+
		"Written by `make budget-update`. Init is the time from the start of the process to its first question for an event; "+
		"× empty is its ratio to that of an empty Go function with the SDK's DynamoDB client (bench/functions/empty), by lower quartiles of the same run. "+
		"Calls are those of the event in events/, with stand-ins for the engines; memory is the largest resident set.\n\n")
	table(&page, all)
	return os.WriteFile(pageFile, page.Bytes(), 0o644)
}

// median returns the median in milliseconds, and a dash for that of nothing.
func median(some []time.Duration) string {
	if len(some) == 0 {
		return "–"
	}
	return ms(percentile(some, 50))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

func mb(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
