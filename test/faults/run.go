//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"chatapi/test/faults/history"
	"chatapi/test/faults/inject"
)

const (
	// runWithin bounds a row's load: what no client can create in this time,
	// nobody waits for.
	runWithin = 20 * time.Minute
	// settleWithin bounds the wait for everything to be stored and indexed.
	settleWithin = 3 * time.Minute
)

// result is what a row gave.
type result struct {
	row     row
	seed    uint64
	lasting time.Duration // 0 where a number of creates ended it
	begun   time.Time
	report  *history.Report
	took    time.Duration // of the load
	settled time.Duration // until all was stored, indexed and checked
	faults  []string      // kinds and how often each happened
	usage   usage
	err     error // that ended the row before it was checked
}

// failed reports whether a promise was broken or could not be checked. A row
// that cannot run on this machine has said why.
func (got result) failed() bool {
	if errors.Is(got.err, errNoEngines) || errors.Is(got.err, errNoMount) {
		return false
	}
	return got.err != nil || !got.report.OK() || got.usage.exceeded != ""
}

// try runs a row. lasting 0 stops at so many creates, else after that time.
func try(ctx context.Context, r row, seed uint64, creates int, lasting time.Duration) result {
	got := result{row: r, seed: seed, lasting: lasting, begun: time.Now()}
	dir, err := os.MkdirTemp("", "chatapi-faults-")
	if err != nil {
		got.err = err
		return got
	}
	defer os.RemoveAll(dir)
	got.err = got.in(ctx, dir, creates, lasting)
	return got
}

func (got *result) in(ctx context.Context, dir string, creates int, lasting time.Duration) (err error) {
	ctx, cancel := context.WithTimeout(ctx, runWithin+settleWithin)
	defer cancel()
	s, err := newServer(got.row, got.seed, dir, filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	t := &trial{row: got.row, server: s, random: rand.New(rand.NewPCG(got.seed, 0)), done: map[disturbance]int{}, places: map[inject.Kill]int{}}
	defer func() {
		s.close()
		err = errors.Join(err, t.unmountDisk())
	}()
	if err := t.mountDisk(); err != nil {
		return err
	}
	if got.row.engines {
		if err := setUpEngines(ctx, got.row); err != nil {
			return err
		}
	}
	if err := s.start(ctx, inject.Kill{}); err != nil {
		return err
	}
	l := newLoad("http://"+s.addr, got.seed, got.row.clients, got.row.pause)
	if err := l.begin(ctx); err != nil {
		return err
	}
	watching := watchUsage(s)
	begun := time.Now()
	if err := t.loaded(ctx, l, creates, lasting); err != nil {
		return err
	}
	got.took = time.Since(begun)
	begun = time.Now()
	if err := t.settleServer(ctx); err != nil {
		return err
	}
	got.report, err = settled(ctx, l, s.tally, settleWithin, s.redrive)
	got.settled = time.Since(begun)
	got.usage = watching.end(s, got.report)
	got.faults = t.faults()
	return errors.Join(err, s.stop())
}

// loaded runs the load while the server is disturbed.
func (t *trial) loaded(ctx context.Context, l *load, creates int, lasting time.Duration) error {
	limit := runWithin
	if lasting > 0 {
		limit = lasting
	}
	loadCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	disturbCtx, rest := context.WithCancel(ctx)
	disturbed := make(chan error, 1)
	go func() {
		err := t.until(disturbCtx)
		if err != nil {
			cancel()
		}
		disturbed <- err
	}()
	l.run(loadCtx, creates)
	rest()
	return <-disturbed
}

// faults lists the kinds of faults that happened, with how often.
func (t *trial) faults() (all []string) {
	for what, n := range t.done {
		all = append(all, fmt.Sprintf("%d %s", n, what))
	}
	if t.row.disturb == killSteps {
		all = append(all, fmt.Sprintf("at %d of %d places", len(t.places), 2*len(inject.Steps)))
	}
	if t.row.disturb == powerLoss {
		all = append(all, t.lost.String())
	}
	if n := t.server.redriven; n > 0 {
		all = append(all, fmt.Sprintf("%d changes redriven", n))
	}
	byKind := t.server.tally.Faults()
	for _, kind := range inject.Kinds() {
		if n := byKind[kind]; n > 0 && t.row.disturb != killSteps {
			all = append(all, fmt.Sprintf("%d %s", n, kind))
		}
	}
	return all
}

// settled reads the state until it agrees with the history, or the time is
// up, and returns the last report. A slow machine has longer for the first.
// Each time it redrives before.
func settled(ctx context.Context, l *load, tally *inject.Tally, within time.Duration, redrive func(context.Context) error) (report *history.Report, err error) {
	ctx, cancel := context.WithTimeout(ctx, within+firstReport)
	defer cancel()
	end := time.Now().Add(within)
	for {
		readErr := redrive(ctx)
		var state history.State
		if readErr == nil {
			state, readErr = readState(ctx, l.client, l.app)
		}
		if readErr == nil {
			report, err = history.Check(l.recorder.Requests(), state, tally.LostAnswers()), nil
		} else if report == nil {
			err = fmt.Errorf("read what is stored: %w", readErr)
		}
		agrees := readErr == nil && report.OK()
		late := report != nil && time.Now().After(end)
		if agrees || late || pause(ctx, time.Second) != nil {
			return report, err
		}
	}
}

// firstReport is how much longer than it should a first report may take.
const firstReport = time.Minute
