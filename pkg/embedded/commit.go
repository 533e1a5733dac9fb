package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// commit runs a write in a transaction and returns once it is durable. The
// write may run more than once; where it returns an error none of it stays,
// and that error is returned.
type commit func(ctx context.Context, write func(*bbolt.Tx) error) error

// maxGroup bounds the writes of one transaction, so that none waits long for
// the others.
const maxGroup = 1024

var errClosed = errors.New("the data folder is closed")

// committer is the one writer of the file: it takes all the writes that are
// waiting and commits them together. While the disk writes, the next group
// gathers.
type committer struct {
	db      *bbolt.DB
	waiting chan *pending
	closing chan struct{}
	stopped sync.WaitGroup
}

type pending struct {
	write func(*bbolt.Tx) error
	err   error
	done  chan error
}

func newCommitter(db *bbolt.DB) *committer {
	c := &committer{db: db, waiting: make(chan *pending, maxGroup), closing: make(chan struct{})}
	c.stopped.Go(c.run)
	return c
}

func (c *committer) commit(ctx context.Context, write func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", chat.ErrUnavailable, err)
	}
	p := &pending{write: write, done: make(chan error, 1)}
	select {
	case c.waiting <- p:
	case <-c.closing:
		return fmt.Errorf("%w: %w", chat.ErrUnavailable, errClosed)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", chat.ErrUnavailable, ctx.Err())
	}
	select {
	case err := <-p.done:
		return err
	case <-c.closing:
		return c.lastWord(p)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", chat.ErrUnavailable, ctx.Err()) // the write may be made all the same
	}
}

// lastWord returns what became of a write that was waiting when the committer
// was closed.
func (c *committer) lastWord(p *pending) error {
	c.stopped.Wait()
	select {
	case err := <-p.done:
		return err
	default:
		return fmt.Errorf("%w: %w", chat.ErrUnavailable, errClosed)
	}
}

func (c *committer) close() {
	close(c.closing)
	c.stopped.Wait()
}

func (c *committer) run() {
	for {
		select {
		case first := <-c.waiting:
			c.commitGroup(c.gather(first))
		case <-c.closing:
			return
		}
	}
}

// gather takes what is waiting, without waiting for more.
func (c *committer) gather(first *pending) []*pending {
	group := []*pending{first}
	for len(group) < maxGroup {
		select {
		case p := <-c.waiting:
			group = append(group, p)
		default:
			return group
		}
	}
	return group
}

func (c *committer) commitGroup(group []*pending) {
	err := c.db.Update(func(tx *bbolt.Tx) error { return apply(tx, group) })
	if errors.Is(err, errRefused) {
		c.commitAccepted(group)
		return
	}
	if err != nil {
		err = fmt.Errorf("%w: commit: %w", chat.ErrUnavailable, err)
	}
	for _, p := range group {
		p.done <- cmp.Or(err, p.err)
	}
}

// commitAccepted commits a group again without the writes that refused.
func (c *committer) commitAccepted(group []*pending) {
	var accepted []*pending
	for _, p := range group {
		if refused(p.err) {
			p.done <- p.err
			continue
		}
		accepted = append(accepted, p)
	}
	if len(accepted) > 0 {
		c.commitGroup(accepted)
	}
}

// errRefused rolls a group back because one of its writes returned an error.
var errRefused = errors.New("a write of the group refused")

// refused reports whether a write may have left something that has to be
// rolled back.
func refused(err error) bool { return err != nil && !errors.As(err, new(untouched)) }

func apply(tx *bbolt.Tx, group []*pending) error {
	for _, p := range group {
		if p.err = p.write(tx); refused(p.err) {
			return errRefused
		}
	}
	return nil
}
