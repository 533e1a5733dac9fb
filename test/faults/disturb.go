//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"chatapi/test/faults/inject"
	"chatapi/test/faults/volatile"
)

// trial is a row under way.
type trial struct {
	row    row
	server *server
	others []*server // on the same engines
	load   *load
	random *rand.Rand
	done   map[disturbance]int // how often each happened
	places map[inject.Kill]int // where the server killed itself, whatever the Hit

	disk  *volatile.Disk // that the data is on, nil for the machine's own
	mount *volatile.Mount
	lost  volatile.Loss // in all losses of power

	functions *platform // nil if the server serves itself
	redriven  redriven
	refusing  []interval // in which no create may be acknowledged
}

// errNoMount: a row cannot run here.
var errNoMount = errors.New("nothing can be mounted: it needs /dev/fuse and root")

// mountDisk puts the data on a disk that can be full and lose its power.
func (t *trial) mountDisk() (err error) {
	if t.row.disturb != powerLoss && t.row.disturb != diskFull && t.row.disturb != syncFails {
		return nil
	}
	if err := os.MkdirAll(t.server.data, 0o700); err != nil {
		return err
	}
	if t.disk == nil {
		t.disk = volatile.NewDisk()
	}
	if t.mount, err = volatile.MountAt(t.server.data, t.disk); err != nil {
		return fmt.Errorf("%w: %w", errNoMount, err)
	}
	return nil
}

func (t *trial) unmountDisk() error {
	if t.mount == nil {
		return nil
	}
	err := t.mount.Unmount()
	t.mount = nil
	return err
}

// rarely is how many calls a step has in the time between two kills, at most:
// those that deal with batches have few.
var rarely = map[string]int64{
	inject.Receive: 8, inject.StoreMessages: 50, inject.DeleteDelivery: 6, inject.ReadStream: 3, inject.Apply: 2,
	inject.Checkpoint: 2, inject.AllocateChatNumber: 1, inject.CreateCounter: 1, inject.StoreChats: 1, inject.UpdateMessage: 60, inject.DeleteMessage: 30,
	inject.ClaimKey: 50, inject.RecordNumber: 50,
	inject.AllocateMessageNumber: 1500, inject.Send: 1500,
}

// until disturbs the server until ctx is done. It leaves it running.
func (t *trial) until(ctx context.Context) error {
	switch t.row.disturb {
	case killSteps:
		return t.killAtSteps(ctx)
	case killRandom:
		return t.again(ctx, t.row.every, func() error { t.server.kill(); return nil })
	case powerLoss:
		return t.losePower(ctx)
	case diskFull:
		return t.fillDisk(ctx)
	case enginesStop:
		return t.stopEngines(ctx)
	case syncFails:
		return t.failSyncs(ctx)
	case restart:
		return t.again(ctx, t.row.every, t.server.stop)
	default:
		select {
		case <-ctx.Done():
			return nil
		case <-t.server.gone():
			return fmt.Errorf("the server ended by itself: %w\n%s", t.server.endedWith(), t.server.logged())
		}
	}
}

// again ends the server in some way, again and again, and starts it.
func (t *trial) again(ctx context.Context, most time.Duration, end func() error) error {
	for {
		wait := most/20 + time.Duration(t.random.Int64N(int64(most)))
		select {
		case <-ctx.Done():
			return nil
		case <-t.server.gone():
			return fmt.Errorf("the server ended by itself: %w\n%s", t.server.endedWith(), t.server.logged())
		case <-time.After(wait):
		}
		if err := end(); err != nil {
			return err
		}
		t.done[t.row.disturb]++
		if err := t.server.start(context.WithoutCancel(ctx), inject.Kill{}); err != nil {
			return err
		}
	}
}

// killAtSteps lets the server kill itself before and after each step of a
// create in turn, at a call of it that the seed chooses.
func (t *trial) killAtSteps(ctx context.Context) error {
	const within = 3 * time.Second
	for n := 0; ; n++ {
		step := inject.Steps[n/2%len(inject.Steps)]
		at := inject.Kill{Point: step, After: n%2 == 1, Hit: 1 + t.random.Int64N(rarely[step])}
		t.server.kill()
		if err := t.server.start(context.WithoutCancel(ctx), at); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil // the server may still kill itself: it is started again for the check
		case <-t.server.gone():
			if err := t.server.endedWith(); !killed(err) {
				return fmt.Errorf("the server ended by itself: %w\n%s", err, t.server.logged())
			}
			t.done[killSteps]++
			t.places[inject.Kill{Point: at.Point, After: at.After}]++
		case <-time.After(within): // the step did not come
		}
	}
}

// losePower lets the machine go down at some write or sync, again and again,
// and come back with what its disk has kept.
func (t *trial) losePower(ctx context.Context) error {
	const (
		most   = 600 // writes and syncs between two losses
		within = 3 * time.Second
	)
	for {
		gone := t.disk.LosePower(1 + t.random.Int64N(most))
		select {
		case <-ctx.Done():
		case <-gone:
		case <-time.After(within):
		}
		t.server.kill()
		t.done[powerLoss]++
		if err := t.recoverDisk(); err != nil {
			return err
		}
		if err := t.server.start(context.WithoutCancel(ctx), inject.Kill{}); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// recoverDisk lets the machine go down and come back with what its disk has
// kept. No server may run.
func (t *trial) recoverDisk() error {
	if err := t.unmountDisk(); err != nil {
		return err
	}
	var lost volatile.Loss
	t.disk, lost = t.disk.Recover(t.random)
	t.lost.Kept, t.lost.Lost, t.lost.Torn = t.lost.Kept+lost.Kept, t.lost.Lost+lost.Lost, t.lost.Torn+lost.Torn
	t.lost.Names += lost.Names
	return t.mountDisk()
}

// fillDisk makes the disk full again and again, for a second at most.
func (t *trial) fillDisk(ctx context.Context) error {
	defer t.disk.SetFull(false)
	for full := false; ; full = !full {
		t.disk.SetFull(full)
		if full {
			t.done[diskFull]++
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.server.gone():
			return fmt.Errorf("the server ended by itself: %w\n%s", t.server.endedWith(), t.server.logged())
		case <-time.After(100*time.Millisecond + time.Duration(t.random.Int64N(int64(time.Second)))):
		}
	}
}

// settleServer makes sure that a server without faults runs.
func (t *trial) settleServer(ctx context.Context) error {
	for _, other := range t.others {
		other.heal()
	}
	if t.row.disturb == none || t.row.disturb == diskFull || t.row.disturb == enginesStop {
		t.server.heal() // and everything must go on without a restart
		return nil
	}
	var stopped error
	select {
	case <-t.server.gone():
	default:
		if t.row.disturb == killSteps {
			t.server.kill()
		} else {
			stopped = t.server.stop()
		}
	}
	err := t.server.start(ctx, inject.Kill{})
	if err == nil {
		t.server.heal()
	}
	return errors.Join(stopped, err)
}
