package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// What is measured in each round.
const (
	bareCreates  = "bare net/http server: creates"
	bareReads    = "bare net/http server: reads"
	diskAppends  = "disk: group-committed fsync of the same bytes"
	createsOne   = "creates in one chat"
	createsMany  = "creates in many chats"
	mixedLoad    = "80 % reads, 20 % creates"
	readsOfOne   = "reads of one message"
	usualCreates = "Redis + RabbitMQ + MariaDB: creates in one chat"
)

// report gathers what was measured.
type report struct {
	settings settings
	texts    *texts
	began    time.Time
	rounds   map[string][]result
	sizes    []size
}

func newReport(s settings) *report {
	return &report{settings: s, texts: newTexts(), began: time.Now(), rounds: map[string][]result{}}
}

func (r *report) add(name string, got result) { r.rounds[name] = append(r.rounds[name], got) }

// lastRound says in a line what the last round gave.
func (r *report) lastRound() string {
	rate := func(name string) float64 {
		if all := r.rounds[name]; len(all) > 0 {
			return all[len(all)-1].perSecond
		}
		return 0
	}
	return fmt.Sprintf("creates: bare %.0f/s, chatapi %.0f/s, usual %.0f/s; reads: bare %.0f/s, chatapi %.0f/s",
		rate(bareCreates), rate(createsOne), rate(usualCreates), rate(bareReads), rate(readsOfOne))
}

// middle returns the median of one figure over the rounds.
func middle(all []result, figure func(result) float64) float64 {
	values := make([]float64, len(all))
	for i, r := range all {
		values[i] = figure(r)
	}
	return median(values)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// ratio returns the median of the rounds' ratios of one figure.
func (r *report) ratio(name, to string, figure func(result) float64) (float64, bool) {
	a, b := r.rounds[name], r.rounds[to]
	var values []float64
	for i := range min(len(a), len(b)) {
		values = append(values, figure(a[i])/figure(b[i]))
	}
	return median(values), len(values) > 0
}

func perSecond(r result) float64       { return r.perSecond }
func storedPerSecond(r result) float64 { return r.storedPerSecond }
func p99(r result) float64             { return r.p99.Seconds() }
func seconds(f func(result) time.Duration) func(result) float64 {
	return func(r result) float64 { return f(r).Seconds() }
}

// write prints the report, and writes it with its plot where it was asked for.
func (r *report) write() error {
	text := r.markdown()
	fmt.Println()
	fmt.Print(text)
	if r.settings.report != "" {
		page := "# Measured\n\n" + text + "\n![creates and reads a second](measured.svg)\n"
		err := os.WriteFile(filepath.Join(r.settings.report, "measured.md"), []byte(page), 0o644)
		if err == nil {
			err = os.WriteFile(filepath.Join(r.settings.report, "measured.svg"), r.plot(), 0o644)
		}
		if err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	return nil
}

func (r *report) markdown() string {
	var out strings.Builder
	s := r.settings
	fmt.Fprintf(&out, "Made by `%s` on %s in %s: %d cores that the client shares, %s, %d connections over loopback, "+
		"medians of %d rounds of %v. Every create is durable (fsync) before its 201, with the writer and the indexer at work beside it; "+
		"a create's CPU time has all of it in, until it can be searched.\n\n",
		s.command, r.began.UTC().Format("2006-01-02 15:04 UTC"), time.Since(r.began).Round(time.Second),
		runtime.NumCPU(), runtime.Version(), s.connections, s.rounds, s.duration)
	r.writeRates(&out)
	r.writeRatios(&out)
	r.writeLags(&out)
	r.writeGrowth(&out)
	return out.String()
}

func (r *report) writeRates(out *strings.Builder) {
	table(out, "what|a second|p50|p99|p99.9|CPU µs each|memory MiB")
	for _, name := range []string{createsOne, createsMany, mixedLoad, readsOfOne, bareCreates, bareReads, diskAppends, usualCreates} {
		all := r.rounds[name]
		if len(all) == 0 {
			continue
		}
		row := []string{
			name, fmt.Sprintf("%.0f", middle(all, perSecond)),
			ms(middle(all, seconds(func(r result) time.Duration { return r.p50 }))), ms(middle(all, p99)),
			ms(middle(all, seconds(func(r result) time.Duration { return r.p999 }))),
			blank("%.0f", middle(all, func(r result) float64 { return r.cpu })),
			blank("%.0f", middle(all, func(r result) float64 { return float64(r.memory >> 20) })),
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(row, " | "))
	}
	out.WriteString("\n")
}

// mark is what a ratio is wanted to be; the zero mark is none.
type mark struct{ atLeast, below float64 }

func (m mark) words(form string) string {
	switch {
	case m.atLeast > 0:
		return "at least " + fmt.Sprintf(form, m.atLeast)
	case m.below > 0:
		return "below " + fmt.Sprintf(form, m.below)
	default:
		return ""
	}
}

func (m mark) reached(value float64) string {
	switch {
	case m == mark{}:
		return ""
	case value >= m.atLeast && (m.below == 0 || value < m.below):
		return "yes"
	default:
		return "**no**"
	}
}

func (r *report) writeRatios(out *strings.Builder) {
	table(out, "ratio|measured|wanted|reached")
	write := func(what string, value float64, form string, wanted mark) {
		fmt.Fprintf(out, "| %s | "+form+" | %s | %s |\n", what, value, wanted.words(form), wanted.reached(value))
	}
	of := func(what, name, to string, figure func(result) float64, form string, wanted mark) {
		if value, ok := r.ratio(name, to, figure); ok {
			write(what, value, form, wanted)
		}
	}
	of("creates / bare server", createsOne, bareCreates, perSecond, "%.2f", mark{atLeast: 0.4})
	of("reads / bare server", readsOfOne, bareReads, perSecond, "%.2f", mark{atLeast: 0.6})
	of("creates / group-committed fsync", createsOne, diskAppends, perSecond, "%.2f", mark{})
	of("creates / usual stack", createsOne, usualCreates, perSecond, "%.1f", mark{atLeast: 8})
	of("rows stored a second / usual stack", createsOne, usualCreates, storedPerSecond, "%.1f", mark{atLeast: 4})
	of("p99 of creates / usual stack", createsOne, usualCreates, p99, "%.2f", mark{below: 0.1})
	if len(r.sizes) > 0 {
		in := r.marked()
		for _, f := range in.searches {
			what := fmt.Sprintf("p99 of a search for a %s / p50 of a read, among %s messages", f.name, grouped(in.messages))
			write(fmt.Sprintf("%s, %d connections", what, r.settings.connections), f.loaded.p99.Seconds()/in.reads.p50.Seconds(), "%.1f", markOf(f.name))
			write(what+", one connection", f.quick.p99.Seconds()/in.quick.p50.Seconds(), "%.1f", markOf(f.name))
		}
	}
	out.WriteString("\n")
}

// marked returns the size that the marks of searches are for, a million messages,
// or the largest where that is less.
func (r *report) marked() size {
	for _, s := range r.sizes {
		if s.messages == 1_000_000 {
			return s
		}
	}
	return r.sizes[len(r.sizes)-1]
}

func markOf(search string) mark {
	if strings.HasPrefix(search, "word") {
		return mark{below: 10}
	}
	return mark{}
}

func (r *report) writeLags(out *strings.Builder) {
	table(out, "after its 201|stored, p50|stored, p99|searchable, p50|searchable, p99|stored / created a second|last one searchable after the load's end")
	for _, name := range []string{createsOne, createsMany, usualCreates} {
		all := r.rounds[name]
		if len(all) == 0 {
			continue
		}
		lags := []func(result) time.Duration{
			func(r result) time.Duration { return r.stored.p50 }, func(r result) time.Duration { return r.stored.p99 },
			func(r result) time.Duration { return r.searchable.p50 }, func(r result) time.Duration { return r.searchable.p99 },
		}
		row := []string{name}
		for _, lag := range lags {
			row = append(row, blank("%.0f ms", 1000*middle(all, seconds(lag))))
		}
		row = append(row, fmt.Sprintf("%.0f %%", 100*middle(all, func(r result) float64 { return r.storedPerSecond / r.perSecond })))
		row = append(row, blank("%.1f s", middle(all, seconds(func(r result) time.Duration { return r.searchableAfter }))))
		fmt.Fprintf(out, "| %s |\n", strings.Join(row, " | "))
	}
	out.WriteString("\n")
}

func (r *report) writeGrowth(out *strings.Builder) {
	if len(r.sizes) == 0 {
		return
	}
	heads := "in one folder, half of them in one chat"
	for _, s := range r.sizes {
		heads += "|" + grouped(s.messages) + " messages"
	}
	if len(r.sizes) > 1 {
		heads += "|last / first"
	}
	table(out, heads)
	row := func(what, form string, scale float64, figure func(size) float64) {
		fmt.Fprintf(out, "| %s", what)
		for _, s := range r.sizes {
			fmt.Fprintf(out, " | "+form, scale*figure(s))
		}
		if len(r.sizes) > 1 {
			fmt.Fprintf(out, " | %.2f ×", figure(r.sizes[len(r.sizes)-1])/figure(r.sizes[0]))
		}
		out.WriteString(" |\n")
	}
	row("creates a second", "%.0f", 1, func(s size) float64 { return s.creates.perSecond })
	row("reads a second", "%.0f", 1, func(s size) float64 { return s.reads.perSecond })
	row("read over one connection, p50", "%.2f ms", 1000, func(s size) float64 { return s.quick.p50.Seconds() })
	for i, f := range r.sizes[0].searches {
		row("searches for a "+f.name+" a second", "%.0f", 1, func(s size) float64 { return s.searches[i].loaded.perSecond })
		row("over one connection, p50", "%.2f ms", 1000, func(s size) float64 { return s.searches[i].quick.p50.Seconds() })
		row("over one connection, p99", "%.2f ms", 1000, func(s size) float64 { return s.searches[i].quick.p99.Seconds() })
	}
	row("bytes on disk for a message", "%.0f", 1, func(s size) float64 { return s.bytesPerMessage })
	row("first answer after a crash under load", "%.0f ms", 1000, func(s size) float64 { return s.restart.Seconds() })
	row("memory of the server and the files that it maps, MiB", "%.0f", 1.0/(1<<20), func(s size) float64 { return float64(s.creates.memory) })
	out.WriteString("\n")
}

func table(out *strings.Builder, heads string) {
	columns := strings.Split(heads, "|")
	fmt.Fprintf(out, "| %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---:|", len(columns)-1))
}

func ms(seconds float64) string { return fmt.Sprintf("%.1f ms", 1000*seconds) }

// blank leaves out what was not measured.
func blank(form string, value float64) string {
	if value == 0 {
		return ""
	}
	return fmt.Sprintf(form, value)
}

// grouped writes a number with commas between thousands.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// plot draws a bar for each rate.
func (r *report) plot() []byte {
	type bar struct {
		name string
		rate float64
	}
	var bars []bar
	for name, all := range r.rounds {
		bars = append(bars, bar{name, middle(all, perSecond)})
	}
	slices.SortFunc(bars, func(a, b bar) int { return cmp.Or(cmp.Compare(b.rate, a.rate), cmp.Compare(a.name, b.name)) })
	const left, width, height, step = 340, 420, 18, 28
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", left+width+80, step*len(bars)+50)
	fmt.Fprintf(&out, `<rect width="100%%" height="100%%" fill="#fff"/><text x="10" y="20" font-weight="bold">a second, durable, %d connections, %s</text>`+"\n",
		r.settings.connections, r.began.UTC().Format(time.DateOnly))
	most := 1.0
	if len(bars) > 0 {
		most = bars[0].rate
	}
	for i, b := range bars {
		y := 36 + i*step
		fmt.Fprintf(&out, `<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d">%.0f</text>`+"\n",
			left-8, y+14, b.name, left, y, max(1, width*b.rate/most), height, colour(b.name), left+6+max(1, width*b.rate/most), y+14, b.rate)
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}

func colour(name string) string {
	switch name {
	case createsOne, createsMany, mixedLoad, readsOfOne:
		return "#2a6fdb"
	case usualCreates:
		return "#d1495b"
	default:
		return "#9aa5b1"
	}
}
