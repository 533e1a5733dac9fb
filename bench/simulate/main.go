// Command simulate works out what becomes of 100,000 creates of messages a second,
// in chats of which few are busy, and of the creates in one chat, with AWS's
// documented limits: what refuses them, what they wait for, and what changes that.
// It calls nothing; the same seed gives the same page.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

// pageFile is where -update writes the page.
const pageFile = "docs/reports/scale.md"

// standard is the load of the page.
var standard = load{creates: 100_000, chats: 1_000_000, skew: 1.0, seconds: 3600, seed: 1}

func main() {
	of := standard
	flag.Float64Var(&of.creates, "creates", of.creates, "creates a second")
	flag.IntVar(&of.chats, "chats", of.chats, "chats")
	flag.Float64Var(&of.skew, "skew", of.skew, "exponent of Zipf's law")
	flag.IntVar(&of.seconds, "seconds", of.seconds, "length of the load; the last minute is printed")
	flag.Uint64Var(&of.seed, "seed", of.seed, "seed of the noise and of the chats' partitions")
	update := flag.Bool("update", false, "write "+pageFile)
	flag.Parse()
	if of.creates <= 0 || of.chats < 1 || of.chats > 50_000_000 || of.skew < 0 || of.seconds < 60 {
		fmt.Fprintln(os.Stderr, "simulate: invalid load: want -creates above 0, -chats from 1 to 50000000, "+
			"-skew 0 or more, -seconds 60 or more")
		os.Exit(2)
	}
	if err := run(os.Stdout, of, *update); err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, of load, update bool) error {
	if !update {
		writePage(w, of)
		return nil
	}
	page, err := os.Create(pageFile)
	if err != nil {
		return err
	}
	writePage(page, of)
	return page.Close()
}

func writePage(w io.Writer, of load) {
	fmt.Fprintf(w, "# %s creates a second\n\n", thousands(of.creates))
	fmt.Fprintf(w, "Written by `make scale-update` (bench/simulate, seed %d): computed from AWS's documented limits, "+
		"not measured. %s creates a second, from the first second on, go to %s chats by Zipf's law with exponent %g; "+
		"messages have up to 1 KB with their row. Each line changes one more thing and shows the last minute of %d.\n\n",
		of.seed, thousands(of.creates), thousands(float64(of.chats)), of.skew, of.seconds/60)
	fmt.Fprintln(w, "| with | acknowledged | stored | indexed | busiest chat | refused by | waits for |")
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|---|---|")
	l := today()
	for i, s := range steps {
		s.change(&l)
		name := s.name
		if i > 0 {
			name = "+ " + name
		}
		r := simulate(of, l)
		fmt.Fprintf(w, "| %s | %s/s | %s/s | %s/s | %s/s | %s | %s |\n", name, thousands(r.accepted),
			thousands(r.stored), thousands(r.indexed), thousands(r.busiest), places(r.refused), places(r.waiting))
	}
	fmt.Fprintf(w, "\nThe response to what is refused is 429 or 503 with Retry-After. What waits is in the queue, "+
		"which keeps it for 7 days, or in the stream, which keeps it for 24 hours.\n")
	writeChat(w)
	fmt.Fprintf(w, "\n## The limits\n\n| limit | value | source |\n|---|---|---|\n")
	for _, s := range sources {
		fmt.Fprintf(w, "| %s | %s | %s |\n", s.what, s.value, s.url)
	}
}

// writeChat writes what one chat takes.
func writeChat(w io.Writer) {
	fmt.Fprintf(w, "\n## One chat\n\n")
	fmt.Fprintf(w, "The messages of a chat are written to one partition of the Messages table, which takes 1,000 "+
		"write units a second. A row of up to 1 KB consumes 2 in a transaction, so a chat stores at most 500 such "+
		"messages a second, and 495 in whole transactions of 99. A message of 16 KB has a row of 17 started KB, which "+
		"consumes 34: 29 a second. The chat's counter allocates 1,000 numbers a second; creates that come faster than "+
		"they can be stored wait in the queue.\n\n")
	fmt.Fprintf(w, "The simulation follows each create through the queue, %d writers and their transactions, with the "+
		"limits of the template and of the code. AWS does not say what a throttled transaction has consumed. The table "+
		"has both extremes: nothing, and half of its units, which others then lack.\n\n", chatToday.writers)
	fmt.Fprintln(w, "| row | created | for | a throttled transaction consumes | stored meanwhile "+
		"| longest wait for a row | most receives | dead letters | expired |")
	fmt.Fprintln(w, "|--:|--:|--:|---|--:|--:|--:|--:|--:|")
	for _, load := range chatLoads {
		writeChatLoad(w, load, 0, "nothing")
		writeChatLoad(w, load, chatToday.wasted, "half")
	}
	fmt.Fprintf(w, "\nA create becomes a dead letter only after %d receives, which take at least %d hours, "+
		"and expires after %d days in the queue.\n",
		chatToday.receives, chatToday.receives*chatToday.visibility/3600_000, chatToday.retention/24/3600_000)
}

func writeChatLoad(w io.Writer, load chatLoad, wasted float64, name string) {
	l := chatToday
	l.wasted = wasted
	r := simulateChat(load, l)
	fmt.Fprintf(w, "| %d KB | %s/s | %d min | %s | %s/s | %s | %d of %d | %d | %d |\n",
		load.row/2, thousands(load.rate), load.seconds/60, name,
		thousands(r.rate), length(r.longest), r.receives, l.receives, r.dead, r.expired)
}

// length writes a time in milliseconds for people.
func length(milliseconds int) string {
	switch seconds := float64(milliseconds) / 1000; {
	case seconds < 1:
		return "under 1 s"
	default:
		return fmt.Sprintf("%.0f min", seconds/60)
	}
}

// places names what refuses or delays creates, the highest rate first.
func places(rates map[string]float64) string {
	var text string
	for _, place := range slices.SortedFunc(maps.Keys(rates), func(a, b string) int {
		return cmp.Or(cmp.Compare(rates[b], rates[a]), cmp.Compare(a, b))
	}) {
		if rates[place] < 1 {
			continue
		}
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf("%s %s/s", place, thousands(rates[place]))
	}
	return cmp.Or(text, "nothing")
}

// thousands writes a number without fractions, in groups of three digits.
func thousands(n float64) string {
	digits := fmt.Sprintf("%.0f", n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
