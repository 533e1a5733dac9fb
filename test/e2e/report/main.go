// Command report makes of the suite's results what people read. test/e2e/run.sh
// calls it:
//
//	go test -json … | report follow FILE      keeps the results and prints a line for each part
//	report table FOLDER TARGET…               prints the table; status 1 where anything failed
//
// For each target, FOLDER holds what follow kept in <target>.json, the exit
// status of the target's script in <target>.status, and what it said in
// <target>.err.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	failed, err := run(os.Args[1:], os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(2)
	}
	if failed {
		os.Exit(1)
	}
}

// run reports whether the table has a failure.
func run(args []string, stdin io.Reader, stdout io.Writer) (failed bool, err error) {
	switch {
	case len(args) == 2 && args[0] == "follow":
		return false, follow(args[1], stdin, stdout)
	case len(args) > 2 && args[0] == "table":
		return table(stdout, args[1], args[2:])
	default:
		return false, fmt.Errorf("usage: report follow FILE | report table FOLDER TARGET…")
	}
}

// follow copies the results to a file and prints the parts as they end. What
// is no result, such as a word of the target's script, it prints as it is.
func follow(file string, stdin io.Reader, stdout io.Writer) (err error) {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() {
		if closed := out.Close(); err == nil {
			err = closed
		}
	}()
	r := newResult("")
	return readEvents(io.TeeReader(stdin, out), func(line string, e *event) {
		if e == nil {
			fmt.Fprintln(stdout, line)
			return
		}
		r.add(*e)
		if e.ended() && e.Test != "" && e.part() == e.Test {
			p := r.part(e.Test)
			fmt.Fprintf(stdout, "  %-10s %s, %.1f s\n", partName(e.Test), p.words(), p.took(*e).Seconds())
		}
	})
}
