// Package groupcommit commits writes together that wait at the same time, so
// that many requests share one fsync.
package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"chatapi/pkg/chat"
)

// limit bounds the writes of one group, so that none waits long for the others.
const limit = 1024

var errClosed = errors.New("the data folder is closed")

// Committer commits writes in groups. While a group is committed, the next one
// gathers.
type Committer[W any] struct {
	commit  func(group []W)
	waiting chan pending[W]
	closing chan struct{}
	stopped sync.WaitGroup
}

type pending[W any] struct {
	write W
	done  chan struct{}
}

// New returns a committer. It calls commit with one group after the other, from
// one goroutine; commit must not keep the slice. What became of a write, commit
// notes in the write itself.
func New[W any](commit func(group []W)) *Committer[W] {
	c := &Committer[W]{commit: commit, waiting: make(chan pending[W], limit), closing: make(chan struct{})}
	c.stopped.Go(c.run)
	return c
}

// Commit returns nil once a write was committed in a group. It returns an error
// that wraps chat.ErrUnavailable if the committer is closed, and if ctx ends
// before: then the write may still be committed.
func (c *Committer[W]) Commit(ctx context.Context, write W) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	p := pending[W]{write: write, done: make(chan struct{})}
	select {
	case c.waiting <- p:
	case <-c.closing:
		return unavailable(errClosed)
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	select {
	case <-p.done:
		return nil
	case <-c.closing:
		return c.afterClose(p)
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
}

// afterClose returns nil if a write was in the last group before Close.
func (c *Committer[W]) afterClose(p pending[W]) error {
	c.stopped.Wait()
	select {
	case <-p.done:
		return nil
	default:
		return unavailable(errClosed)
	}
}

// Close waits for the current group. Commit may still be called, and returns an
// error.
func (c *Committer[W]) Close() {
	close(c.closing)
	c.stopped.Wait()
}

func (c *Committer[W]) run() {
	var group []pending[W]
	var writes []W
	for {
		select {
		case first := <-c.waiting:
			group = c.gather(append(group[:0], first))
			writes = writes[:0]
			for _, p := range group {
				writes = append(writes, p.write)
			}
			c.commit(writes)
			for _, p := range group {
				close(p.done)
			}
			clear(group)
			clear(writes)
		case <-c.closing:
			return
		}
	}
}

// gather adds to a group what is waiting, without waiting for more.
func (c *Committer[W]) gather(group []pending[W]) []pending[W] {
	for len(group) < limit {
		select {
		case p := <-c.waiting:
			group = append(group, p)
		default:
			return group
		}
	}
	return group
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", chat.ErrUnavailable, err) }
