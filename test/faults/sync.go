//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"time"

	"chatapi/test/faults/history"
	"chatapi/test/faults/inject"
)

const (
	// endWithin is how long the command may take to end after a failed fsync: it
	// reports the failure for 5 seconds before.
	endWithin = 15 * time.Second
	// refuseWithin is how long it may take until it refuses writes: that of a
	// commit under way.
	refuseWithin = 200 * time.Millisecond
)

// interval is a time of the history.
type interval struct{ begin, end time.Duration }

// buildCommand builds the command of a row that serves with it. The working
// directory must be the repository's.
func buildCommand(ctx context.Context, r row, dir string) (string, error) {
	if !r.command {
		return "", nil
	}
	program := filepath.Join(dir, "chatapi")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/chatapi")
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the command: %w: %s", err, text)
	}
	return program, nil
}

// failSyncs lets one sync after the other fail. Each time the command must end
// by itself with status 1; then, every other time, the machine goes down too.
func (t *trial) failSyncs(ctx context.Context) error {
	const (
		syncs  = 200 // between two failures, at most
		within = 3 * time.Second
	)
	for {
		failed := t.disk.FailSync(1 + t.random.Int64N(syncs))
		select {
		case <-ctx.Done():
			t.disk.FailSync(0)
			return nil
		case <-t.server.gone():
			return fmt.Errorf("the server ended by itself: %w\n%s", t.server.endedWith(), t.server.logged())
		case <-time.After(within): // nothing is synced: try fewer
			continue
		case <-failed:
		}
		t.done[syncFails]++
		refusing := interval{begin: t.load.recorder.Now() + refuseWithin}
		if err := t.awaitEnd(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		refusing.end = t.load.recorder.Now()
		t.refusing = append(t.refusing, refusing)
		if t.random.IntN(2) == 0 {
			t.done[powerLoss]++
			if err := t.recoverDisk(); err != nil {
				return err
			}
		}
		if err := t.server.start(context.WithoutCancel(ctx), inject.Kill{}); err != nil {
			return err
		}
	}
}

// awaitEnd waits until the command has ended, with status 1, and has said in
// /health before that it will.
func (t *trial) awaitEnd(ctx context.Context) error {
	reported := false
	for end := time.Now().Add(endWithin); time.Now().Before(end); {
		select {
		case <-t.server.gone():
			var exit *exec.ExitError
			if !errors.As(t.server.endedWith(), &exit) || exit.ExitCode() != 1 {
				return fmt.Errorf("after a failed fsync the server ended with %w, not with status 1\n%s", t.server.endedWith(), t.server.logged())
			}
			if !reported {
				return errors.New("/health did not report a failed fsync")
			}
			return nil
		case <-time.After(100 * time.Millisecond):
		}
		reported = reported || !healthy(ctx, t.server.addr)
	}
	return fmt.Errorf("the server did not end within %v of a failed fsync (reported in /health: %t)", endWithin, reported)
}

// healthy reports whether /health answers with anything but 503.
func healthy(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/health", nil)
	if err != nil {
		return true
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return true // it has just ended
	}
	defer response.Body.Close()
	return response.StatusCode != http.StatusServiceUnavailable
}

// checkRefusing returns an error if a create was acknowledged that was sent
// after an fsync had failed.
func (t *trial) checkRefusing() error {
	acknowledged := 0
	for _, r := range t.load.recorder.History().Requests {
		for _, in := range t.refusing {
			if r.Kind == history.Create && r.Outcome == history.Acknowledged && r.Begin > in.begin && r.End < in.end {
				acknowledged++
			}
		}
	}
	if acknowledged > 0 {
		return fmt.Errorf("%d creates were acknowledged after an fsync had failed", acknowledged)
	}
	return nil
}
