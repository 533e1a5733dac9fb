package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatapi/test/e2e"
)

// event is a line of go test -json.
//
// https://pkg.go.dev/cmd/test2json
type event struct {
	Action     string
	Time       time.Time
	Test       string  // "TestRoutes", or "TestRoutes/<case>" with _ for spaces
	Elapsed    float64 // seconds
	Output     string
	Key, Value string // of an attribute
}

// part returns the name of the test that the event's test is a case of.
func (e event) part() string {
	part, _, _ := strings.Cut(e.Test, "/")
	return part
}

func (e event) ended() bool { return e.Action == "pass" || e.Action == "fail" || e.Action == "skip" }

// readEvents calls each with every line and its event, nil where it is none.
func readEvents(r io.Reader, each func(line string, e *event)) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) == nil && e.Action != "" {
				each(line, &e)
			} else {
				each(line, nil)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read results: %w", err)
		}
	}
}

// counts are how the cases of a part ended.
type counts struct{ passed, failed, excepted, absent int }

func (c *counts) add(o counts) {
	c.passed += o.passed
	c.failed += o.failed
	c.excepted += o.excepted
	c.absent += o.absent
}

func (c counts) words() string {
	words := []string{fmt.Sprintf("%d passed", c.passed)}
	for _, w := range []struct {
		n    int
		what string
	}{{c.failed, "failed"}, {c.excepted, "excepted"}, {c.absent, "not on this target"}} {
		if w.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", w.n, w.what))
		}
	}
	return strings.Join(words, ", ")
}

// cell is how the table shows the counts.
func (c counts) cell() string {
	if c == (counts{absent: c.absent}) {
		return "–"
	}
	return fmt.Sprintf("%d/%d/%d", c.passed, c.failed, c.excepted)
}

// result is what the suite gave on one target.
type result struct {
	target   string
	notRun   string // why, "" where it ran
	parts    []*part
	seconds  float64
	excepted map[string]int // cases by the exception that covers them
	broken   string         // what went wrong outside of the cases
}

// part is one top-level test.
type part struct {
	test string
	counts
	begun    time.Time
	cases    map[string]*outcome
	failures []*outcome
}

// outcome is of one case, or of a part that failed outside of its cases.
type outcome struct {
	name, output     string
	excepted, absent bool
	ended            bool
}

func newResult(target string) *result {
	return &result{target: target, excepted: map[string]int{}}
}

func (r *result) part(test string) *part {
	i := slices.IndexFunc(r.parts, func(p *part) bool { return p.test == test })
	if i >= 0 {
		return r.parts[i]
	}
	p := &part{test: test, cases: map[string]*outcome{}}
	r.parts = append(r.parts, p)
	return p
}

// took returns how long a part took, cases that ran side by side included,
// which its Elapsed leaves out.
func (p *part) took(end event) time.Duration { return end.Time.Sub(p.begun) }

// add counts an event.
func (r *result) add(e event) {
	if e.Test == "" {
		if e.ended() {
			r.seconds = e.Elapsed
		}
		return
	}
	p := r.part(e.part())
	if p.begun.IsZero() {
		p.begun = e.Time
	}
	o := p.cases[e.Test]
	if o == nil {
		_, name, _ := strings.Cut(e.Test, "/")
		o = &outcome{name: cmp.Or(strings.ReplaceAll(name, "_", " "), "preparation")}
		p.cases[e.Test] = o
	}
	switch {
	case e.Action == "attr" && e.Key == "excepted":
		o.excepted = true
		r.excepted[e.Value]++
	case e.Action == "attr" && e.Key == "absent":
		o.absent = true
	case e.Action == "output" && !strings.HasPrefix(strings.TrimSpace(e.Output), "=== ") && !strings.HasPrefix(strings.TrimSpace(e.Output), "--- "):
		o.output += e.Output
	case e.ended():
		o.ended = true
		p.count(e, o)
	}
}

// count counts a case that ended, or a part that failed though no case did.
func (p *part) count(e event, o *outcome) {
	switch {
	case e.Test == p.test && (e.Action != "fail" || p.failed > 0):
	case e.Action == "fail":
		p.failed++
		p.failures = append(p.failures, o)
	case o.absent:
		p.absent++
	case o.excepted:
		p.excepted++
	default:
		p.passed++
	}
}

// partName is the name of a part for people: TestRoutes is routes.
func partName(test string) string { return strings.ToLower(strings.TrimPrefix(test, "Test")) }

// total adds up the parts.
func (r *result) total() (all counts) {
	for _, p := range r.parts {
		all.add(p.counts)
	}
	return all
}

func (r *result) failed() bool { return r.broken != "" || r.total().failed > 0 }

// needless returns the exceptions of this target that no case needed.
func (r *result) needless() []e2e.Exception {
	if r.notRun != "" || r.failed() {
		return nil
	}
	var found []e2e.Exception
	for _, x := range e2e.Exceptions() {
		if x.Target == r.target && r.excepted[x.Case] == 0 {
			found = append(found, x)
		}
	}
	return found
}

// statusNotRun is the exit status of a target that cannot run on this machine
// (EX_UNAVAILABLE of sysexits.h).
const statusNotRun = 69

// readResult reads what a run left in a folder.
func readResult(folder, target string) (*result, error) {
	file := func(ending string) string { return filepath.Join(folder, target+ending) }
	r := newResult(target)
	words, err := os.ReadFile(file(".status"))
	if err != nil {
		return nil, err
	}
	status, err := strconv.Atoi(strings.TrimSpace(string(words)))
	if err != nil {
		return nil, fmt.Errorf("exit status of %s: %w", target, err)
	}
	said, err := os.ReadFile(file(".err"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if status == statusNotRun {
		r.notRun = reason(said)
		return r, nil
	}
	kept, err := os.ReadFile(file(".json"))
	if err != nil {
		return nil, err
	}
	if err := readEvents(bytes.NewReader(kept), func(_ string, e *event) {
		if e != nil {
			r.add(*e)
		}
	}); err != nil {
		return nil, err
	}
	r.broken = r.brokenBy(status, said)
	return r, nil
}

// reason returns what a target said after "not run:".
func reason(said []byte) string {
	for line := range strings.Lines(string(said)) {
		if _, why, ok := strings.Cut(line, "not run: "); ok {
			return strings.TrimSpace(why)
		}
	}
	return "no reason given"
}

// brokenBy says what a status means that no failed case explains.
func (r *result) brokenBy(status int, said []byte) string {
	for _, p := range r.parts {
		for _, o := range p.cases {
			if !o.ended {
				return fmt.Sprintf("%s: %s did not end", partName(p.test), o.name)
			}
		}
	}
	if len(r.parts) > 0 && status == 0 || r.total().failed > 0 {
		return ""
	}
	return fmt.Sprintf("exit status %d after %d parts: %s", status, len(r.parts), lastLines(string(said), 5))
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
