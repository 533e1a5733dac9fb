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
		if t.functions != nil {
			t.functions.close()
		}
		for _, each := range append(t.others, s) {
			each.close()
		}
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
	if s.command, err = buildCommand(ctx, got.row, dir); err != nil {
		return err
	}
	if err := t.startAll(ctx); err != nil {
		return err
	}
	l := t.load
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
	if err := errors.Join(t.checkRefusing(), t.wearOut(ctx), t.settleServer(ctx)); err != nil {
		return err
	}
	var state history.State
	got.report, state, err = settled(ctx, l, s.tally, settleWithin, t.redriveRunning)
	got.settled = time.Since(begun)
	got.usage = watching.end(s, got.report)
	got.faults = t.faults()
	if err := errors.Join(err, t.checkLetters(), t.stopAll()); err != nil {
		return err
	}
	if got.report.OK() {
		got.report, err = t.checkTombstones(ctx, l, state)
	}
	return err
}

// redriveRunning redrives dead letters while the server runs, if that is
// possible.
func (t *trial) redriveRunning(ctx context.Context) error {
	if !t.row.engines {
		return nil
	}
	return t.redrive(ctx)
}

// startAll starts the row's servers and makes their load.
func (t *trial) startAll(ctx context.Context) error {
	if err := t.server.start(ctx, inject.Kill{}); err != nil {
		return err
	}
	addresses := []string{"http://" + t.server.addr}
	for n := 1; n < t.row.servers; n++ {
		other, err := newServer(t.row, t.server.seed, t.server.dir, t.server.data)
		if err != nil {
			return err
		}
		t.others = append(t.others, other)
		other.skew, other.log = t.row.skew, fmt.Sprintf("serve%d.log", n+1)
		if err := other.start(ctx, inject.Kill{}); err != nil {
			return err
		}
		addresses = append(addresses, "http://"+other.addr)
	}
	if t.row.lambda {
		platform, err := startFunctions(t.server.dir)
		if err != nil {
			return err
		}
		t.functions, addresses = platform, []string{"http://" + platform.addr}
	}
	t.load = newLoad(t.row, t.server.seed, addresses...)
	return nil
}

func (t *trial) stopAll() error {
	err := t.server.stop()
	for _, other := range t.others {
		err = errors.Join(err, other.stop())
	}
	return err
}

// checkTombstones judges the history again, with the versions of tombstones,
// which only the store knows. No server may run.
func (t *trial) checkTombstones(ctx context.Context, l *load, state history.State) (*history.Report, error) {
	store, closeStore, err := openStore(ctx, t.row, t.server.data)
	if err != nil {
		return nil, err
	}
	err = readTombstones(ctx, store, state)
	return history.Check(l.recorder.History(), state, t.server.tally.LostNumbers()), errors.Join(err, closeStore())
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
	if t.row.disturb == powerLoss || t.row.disturb == syncFails {
		all = append(all, t.lost.String())
	}
	if n := t.redriven.changes; n > 0 {
		all = append(all, fmt.Sprintf("%d changes redriven", n))
	}
	if t.row.deadLetters() {
		all = append(all, fmt.Sprintf("%d creates redriven that were received too often, %d that the writer refused", t.redriven.worn, t.redriven.refused))
	}
	if t.functions != nil {
		all = append(all, t.functions.faults()...)
	}
	byKind := t.server.tally.Faults()
	for _, kind := range inject.Kinds() {
		if n := byKind[kind]; n > 0 && t.row.disturb != killSteps {
			all = append(all, fmt.Sprintf("%d %s", n, kind))
		}
	}
	return all
}

// settled reads the state until it agrees with the history, or breaks what does
// not heal, or the time is up, and returns the last report. A slow machine has longer for the first.
// Each time it redrives before.
func settled(ctx context.Context, l *load, tally *inject.Tally, within time.Duration, redrive func(context.Context) error) (report *history.Report, state history.State, err error) {
	ctx, cancel := context.WithTimeout(ctx, within+firstReport)
	defer cancel()
	end := time.Now().Add(within)
	for {
		readErr := redrive(ctx)
		if readErr == nil {
			state, readErr = l.readState(ctx)
		}
		if readErr == nil {
			report, err = history.Check(l.recorder.History(), state, tally.LostNumbers()), nil
		} else if report == nil && ctx.Err() == nil {
			err = fmt.Errorf("read what is stored: %w", readErr)
		}
		judged := readErr == nil && (report.OK() || !report.MayHeal())
		late := report != nil && time.Now().After(end)
		if judged || late || pause(ctx, time.Second) != nil {
			return report, state, err
		}
	}
}

// firstReport is how much longer than it should a first report may take.
const firstReport = time.Minute
