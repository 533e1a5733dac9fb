package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"chatapi/test/e2e"
)

// table prints the results of targets and reports whether any failed.
func table(w io.Writer, folder string, targets []string) (failed bool, err error) {
	results := make([]*result, len(targets))
	for i, target := range targets {
		if results[i], err = readResult(folder, target); err != nil {
			return false, err
		}
		failed = failed || results[i].failed()
	}
	if err := printCells(w, results); err != nil {
		return false, err
	}
	for _, r := range results {
		printNotes(w, r)
	}
	return failed, nil
}

// printCells prints a row for each part and a column for each target.
func printCells(w io.Writer, results []*result) error {
	cells := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	row := func(name string, cell func(*result) string) {
		fmt.Fprint(cells, name)
		for _, r := range results {
			text := "not run"
			if r.notRun == "" {
				text = cell(r)
			}
			fmt.Fprint(cells, "\t", text)
		}
		fmt.Fprintln(cells)
	}
	fmt.Fprint(cells, "part")
	for _, r := range results {
		fmt.Fprint(cells, "\t", r.target)
	}
	fmt.Fprintln(cells)
	for _, test := range testsOf(results) {
		row(partName(test), func(r *result) string { return r.part(test).cell() })
	}
	row("all", func(r *result) string { return r.total().cell() })
	row("seconds", func(r *result) string { return fmt.Sprintf("%.0f", r.seconds) })
	if err := cells.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\npassed/failed/excepted; – where a target cannot run any case of a part")
	return nil
}

// testsOf returns the parts of all results, in the order of the longest.
func testsOf(results []*result) (tests []string) {
	byLength := slices.SortedStableFunc(slices.Values(results), func(a, b *result) int { return len(b.parts) - len(a.parts) })
	for _, r := range byLength {
		for _, p := range r.parts {
			if !slices.Contains(tests, p.test) {
				tests = append(tests, p.test)
			}
		}
	}
	return tests
}

// printNotes prints what the cells cannot say about a target.
func printNotes(w io.Writer, r *result) {
	note := func(kind, format string, args ...any) {
		fmt.Fprintf(w, "%s: %s: %s\n", r.target, kind, indent(fmt.Sprintf(format, args...)))
	}
	if r.notRun != "" {
		note("not run", "%s", r.notRun)
	}
	if r.broken != "" {
		note("FAILED", "%s", r.broken)
	}
	for _, p := range r.parts {
		for _, o := range p.failures {
			note("FAILED", "%s/%s: %s", partName(p.test), o.name, strings.TrimSpace(o.output))
		}
		if p.absent > 0 {
			note("not on this target", "%d × %s", p.absent, partName(p.test))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.excepted)) {
		x, _ := e2e.ExceptionFor(r.target, name)
		note("excepted", "%d × %s: %s", r.excepted[name], name, x.Reason)
	}
	for _, x := range r.needless() {
		note("passes after all", "%s: its exception can go", x.Case)
	}
}

// indent sets the further lines of a note below its first.
func indent(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")
}
