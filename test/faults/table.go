//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
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
	command := fmt.Sprintf("go run ./test/faults -rows %s -seed %d", got.row.name, got.seed)
	if got.lasting > 0 {
		command += " -for " + got.lasting.String()
	}
	if got.row.engines {
		command = "test/engines/with.sh " + command
	}
	if got.row.disturb == enginesStop {
		command = keepVariable + "=1 " + command
	}
	return command
}

const tableHead = `# What was tried to break the promises

` + "`make faults`" + ` wrote this page. Each row is one run: clients create apps, chats and messages, some with metadata and some
as long as the API accepts, repeat some creates under their Idempotency-Key, edit with and without If-Match, delete,
raise read marks, and read rows, pages, counts and searches, while something fails; then everything is read over the
API and compared with what the clients were told. A row's command runs it again, with the same faults at the same calls
of each step; how steps interleave is up to the machine.

A promise is broken if

- a number is allocated twice, or a create that begins after a number was known has a lower one, even if its response was
  lost (checked for all, and by porcupine for the smaller chats);
- an acknowledged create is not stored, is stored twice or with another text or metadata, or something is stored or shown
  that nobody sent;
- a number is left out, below the last row or above it, unless a create of the same chat had no response and began before
  a higher number was known;
- a count differs from the rows or, during the load, from what can be stored;
- an acknowledged edit is not made or is undone, a version does not fit the edits and deletes (that of a tombstone is read
  from the store), If-Match accepts another version, or something deleted is there;
- a read does not show what was known before it began, a page lacks a row of its range or is out of order, or a read mark
  falls;
- a search for all finds at the end anything but the live rows with their newest text, or during the load anything that
  nobody sent;
- one Idempotency-Key has two numbers;
- a response is not one that the API documents, 500 among them, or is 410 for a message that nobody deleted.

A create that is a dead letter counts as lost, except in the rows whose creates become dead letters: these redrive them
before the check, as an operator does with ` + "`chatapi dlq redrive`" + `, and fail if no create was received too often or the writer
made none a dead letter. A change that OpenSearch refuses for good is a dead letter too, and is redriven likewise.

A run also fails if the server takes more than %d MiB of memory (mapped files aside), %d goroutines, %d open
files or %d KiB of disk a message, or does not end within %v of SIGTERM.

`

// The heads of the two tables of the page.
var (
	figureHead = []string{"row", "what goes wrong", "acknowledged creates", "edits", "deletes", "unknown", "lost", "twice", "out of order", "broken"}
	faultHead  = []string{"row", "faults that happened", "memory", "goroutines", "files", "disk", "load", "begun", "again"}
)

// writeTable writes the results of a matrix as a page. A row that the page has
// already and that was not run now stays as it is.
func writeTable(path string, results []result) error {
	figures, faults := map[string][]string{}, map[string][]string{}
	if err := readTable(path, figures, faults); err != nil {
		return err
	}
	for _, got := range results {
		name := got.row.name
		if got.report == nil {
			figures[name], faults[name] = []string{name, got.row.what, notRun(got.err)}, nil
			continue
		}
		figures[name], faults[name] = got.figureCells(), got.faultCells()
	}
	var page strings.Builder
	fmt.Fprintf(&page, tableHead, mostMemory>>20, mostGoroutines, mostFiles, mostDisk>>10, stopWithin)
	fmt.Fprintf(&page, "Run on %s with %d cores, of which other programs had their part.\n\n", runtime.GOOS, runtime.NumCPU())
	page.WriteString(lines(figureHead, "--:"))
	for _, r := range matrix {
		page.WriteString(line(figures[r.name]))
	}
	page.WriteString(line(sums(figures)) + "\n" + lines(faultHead, "---"))
	for _, r := range matrix {
		page.WriteString(line(faults[r.name]))
	}
	return os.WriteFile(path, []byte(page.String()), 0o644)
}

func (got result) figureCells() []string {
	r := got.report
	cells := []string{got.row.name, got.row.what}
	for _, n := range []int{r.Acknowledged, r.Edits, r.Deletes, r.Unknown, r.Lost, r.Duplicated, r.OutOfOrder, r.Broken} {
		cells = append(cells, strconv.Itoa(n))
	}
	return cells
}

func (got result) faultCells() []string {
	u := got.usage
	return []string{
		got.row.name, strings.Join(got.faults, ", "), fmt.Sprintf("%d MiB", u.memory>>20), strconv.Itoa(u.goroutines), strconv.Itoa(u.files),
		fmt.Sprintf("%d MiB", u.disk>>20), got.took.Round(time.Second).String(), got.begun.UTC().Format("2006-01-02 15:04"), "`" + got.command() + "`",
	}
}

// readTable reads the rows of a page that writeTable wrote, if there is one.
func readTable(path string, figures, faults map[string][]string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	into := figures
	for l := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(l), "| "), " | ")
		switch _, noRow := rowNamed(cells[0]); {
		case len(cells) == len(faultHead) && cells[1] == faultHead[1]:
			into = faults
		case strings.HasPrefix(l, "| ") && noRow == nil:
			into[cells[0]] = cells
		}
	}
	return err
}

// sums adds up the numbers of the figures.
func sums(figures map[string][]string) []string {
	total := []string{"**all**", ""}
	for column := 2; column < len(figureHead); column++ {
		sum := 0
		for _, cells := range figures {
			if column < len(cells) {
				n, _ := strconv.Atoi(cells[column]) // a row that was not run has none
				sum += n
			}
		}
		total = append(total, fmt.Sprintf("**%d**", sum))
	}
	return total
}

func line(cells []string) string {
	if cells == nil {
		return ""
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// lines are those above a table whose columns, but for the first two, are
// aligned in some way.
func lines(head []string, align string) string {
	return line(head) + "|---|---|" + strings.Repeat(align+"|", len(head)-2) + "\n"
}

func notRun(err error) string {
	if errors.Is(err, errNoEngines) || errors.Is(err, errNoMount) {
		return "not run: " + err.Error()
	}
	return "failed"
}
