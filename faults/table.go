//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// print shows a result as it comes.
func (got result) print() {
	fmt.Printf("== %s, seed %d: %s\n", got.row.name, got.seed, got.row.what)
	if got.err != nil {
		fmt.Printf("   %v\n", got.err)
	}
	if got.report != nil {
		fmt.Printf("   %v\n", got.report)
	}
	if len(got.faults) > 0 {
		fmt.Printf("   faults: %s\n", strings.Join(got.faults, ", "))
	}
	u := got.usage
	fmt.Printf("   load %v, checked after %v; at most %d MiB of memory, %d goroutines, %d open files; %d MiB of disk\n",
		got.took.Round(time.Millisecond), got.settled.Round(time.Millisecond), u.memory>>20, u.goroutines, u.files, u.disk>>20)
	if u.exceeded != "" {
		fmt.Printf("   too much: %s\n", u.exceeded)
	}
}

// command reproduces a result.
func (got result) command() string {
	command := fmt.Sprintf("go run ./faults -rows %s -seed %d", got.row.name, got.seed)
	if got.row.engines {
		command = "CHATAPI_ENGINES_KEEP=1 engines/with.sh " + command
	}
	return command
}

const tableHead = `# What was tried to break the promises

` + "`make faults`" + ` wrote this page. Each row is one run: clients create chats and messages, repeat some creates under their Idempotency-Key, edit and delete, while something goes wrong; then everything is read over the API and checked against the history of what the clients were told. A row's command runs it again, with the same faults at the same calls of each step; how steps interleave is the machine's.

An invariant is broken where

- a number is given out twice, or a create that begins after another was answered has a lower one (checked for all, and by porcupine for the smaller chats);
- an acknowledged create is not stored, is stored twice or with another text, or something is stored that nobody sent;
- a number is left out although its create was acknowledged;
- a count differs from the rows, an acknowledged edit is undone, or something deleted is there;
- a search for all finds anything but the live rows with their newest text;
- one Idempotency-Key has two numbers;
- an answer is none that the API documents, 500 among them.

A run also fails where the server takes more than %d MiB of memory (mapped files aside), %d goroutines, %d open files or %d KiB of disk a message, or does not end within %v of SIGTERM.

`

// writeTable writes the results of a matrix as a page.
func writeTable(path string, results []result) error {
	var page strings.Builder
	fmt.Fprintf(&page, tableHead, mostMemory>>20, mostGoroutines, mostFiles, mostDisk>>10, stopWithin)
	fmt.Fprintf(&page, "Run on %s with %d cores on %s.\n\n", runtime.GOOS, runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly))
	page.WriteString("| row | what goes wrong | acknowledged creates | edits, deletes | unknown | lost | twice | out of order | broken |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n")
	creates, lost, twice, disordered, broken := 0, 0, 0, 0, 0
	for _, got := range results {
		if got.report == nil {
			fmt.Fprintf(&page, "| %s | %s | %s |||||||\n", got.row.name, got.row.what, notRun(got.err))
			continue
		}
		r := got.report
		fmt.Fprintf(&page, "| %s | %s | %d | %d, %d | %d | %d | %d | %d | %d |\n", got.row.name, got.row.what,
			r.Acknowledged, r.Edits, r.Deletes, r.Unknown, r.Lost, r.Duplicated, r.OutOfOrder, r.Broken)
		creates, lost, twice, disordered, broken = creates+r.Acknowledged, lost+r.Lost, twice+r.Duplicated, disordered+r.OutOfOrder, broken+r.Broken
	}
	fmt.Fprintf(&page, "| **all** | | **%d** | | | **%d** | **%d** | **%d** | **%d** |\n\n", creates, lost, twice, disordered, broken)
	page.WriteString("| row | faults that happened | memory | goroutines | files | disk | load | again |\n|---|---|--:|--:|--:|--:|--:|---|\n")
	for _, got := range results {
		if got.report == nil {
			continue
		}
		u := got.usage
		fmt.Fprintf(&page, "| %s | %s | %d MiB | %d | %d | %d MiB | %v | `%s` |\n", got.row.name, strings.Join(got.faults, ", "),
			u.memory>>20, u.goroutines, u.files, u.disk>>20, got.took.Round(time.Second), got.command())
	}
	return os.WriteFile(path, []byte(page.String()), 0o644)
}

func notRun(err error) string {
	if errors.Is(err, errNoEngines) || errors.Is(err, errNoMount) {
		return "not run: " + err.Error()
	}
	return "failed"
}
