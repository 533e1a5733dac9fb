// Package reindex builds a search index anew from the rows of a store, beside
// the live one, and puts it in its place. It knows no engine.
//
// It scans all messages page by page and brings each page into the new index;
// versions decide where a message arrives twice. What changes meanwhile comes
// through chat.Rebuild.CatchUp. How far it is is noted every few seconds, so a
// run that ends early, for whatever reason, is gone on with by the next one.
package reindex

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatapi/pkg/chat"
)

const (
	// pageSize is how many messages are in memory at a time.
	pageSize = 500
	// saveEvery is how often the progress is noted: what is scanned again after
	// a kill.
	saveEvery = 5 * time.Second
	// A call that fails and may pass is made again up to maxTries times, after
	// firstDelay, then twice that and so on up to maxDelay: half a minute in all.
	maxTries   = 10
	firstDelay = 100 * time.Millisecond
	maxDelay   = 5 * time.Second
)

// Reindexer builds an index.
type Reindexer struct {
	scanner chat.Scanner
	build   chat.Rebuild
	options Options
	saved   time.Time
	result  Result
}

// Options are the settings of a run. The zero value is ready for use.
type Options struct {
	// StopAt is when to stop and leave the rest to the next run; zero is never.
	StopAt time.Time
	// Report is called with the progress every few seconds, and at the end.
	Report func(chat.Progress)
}

// Result is what a run has done.
type Result struct {
	Done     bool   `json:"done"`              // the new index is live
	Messages int64  `json:"messages"`          // brought into it so far, by all runs
	Changed  int64  `json:"changed"`           // brought over by this run because they changed meanwhile
	Refused  int64  `json:"refused"`           // that this run met and the index takes in no version
	Refusal  string `json:"refusal,omitempty"` // why the first of them was refused
}

// New returns a reindexer that goes on where the build stands.
func New(scanner chat.Scanner, build chat.Rebuild, options Options) *Reindexer {
	if options.Report == nil {
		options.Report = func(chat.Progress) {}
	}
	return &Reindexer{scanner: scanner, build: build, options: options}
}

// Run builds the rest of the index and switches to it, or stops when it is
// time to, which is no error: Result.Done says which. After an error the next
// run goes on as well.
func (r *Reindexer) Run(ctx context.Context) (Result, error) {
	p := r.build.Progress()
	r.saved = time.Now()
	for !p.Scanned {
		if r.late() {
			return r.stop(ctx, p)
		}
		if err := r.page(ctx, &p); err != nil {
			return r.result, errors.Join(err, r.leave(ctx, p))
		}
		if err := r.keep(ctx, p); err != nil {
			return r.result, err
		}
	}
	if r.late() {
		return r.stop(ctx, p)
	}
	if err := again(ctx, func() error { return r.build.Switch(ctx) }); err != nil {
		return r.result, fmt.Errorf("switch to the new index: %w", err)
	}
	r.options.Report(p)
	r.result.Done, r.result.Messages = true, p.Messages
	return r.result, nil
}

func (r *Reindexer) late() bool {
	return !r.options.StopAt.IsZero() && !time.Now().Before(r.options.StopAt)
}

// stop leaves the rest to the next run.
func (r *Reindexer) stop(ctx context.Context, p chat.Progress) (Result, error) {
	r.options.Report(p)
	r.result.Messages = p.Messages
	return r.result, r.leave(ctx, p)
}

// leave notes how far the run came, also where the context has ended. A build
// that another has taken over has nothing to note.
func (r *Reindexer) leave(ctx context.Context, p chat.Progress) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxDelay)
	defer cancel()
	if err := r.build.Save(ctx, p); !errors.Is(err, chat.ErrReplaced) {
		return err
	}
	return nil
}

// keep notes the progress every few seconds, and whenever the scan has ended.
// Then it catches up as well, so that there is never much to catch up.
func (r *Reindexer) keep(ctx context.Context, p chat.Progress) error {
	if time.Since(r.saved) < saveEvery && !p.Scanned {
		return nil
	}
	err := again(ctx, func() error {
		n, err := r.build.CatchUp(ctx)
		r.result.Changed += int64(n)
		if err != nil {
			return err
		}
		return r.build.Save(ctx, p)
	})
	r.saved = time.Now()
	r.options.Report(p)
	return err
}

// page brings the next page of messages into the index.
func (r *Reindexer) page(ctx context.Context, p *chat.Progress) error {
	var messages []chat.Message
	var next string
	err := again(ctx, func() (err error) {
		messages, next, err = r.scanner.ScanMessages(ctx, p.Cursor, pageSize)
		return err
	})
	if err != nil {
		return err
	}
	applied, err := r.apply(ctx, messages)
	if err != nil {
		return err
	}
	p.Messages += int64(applied)
	p.Cursor, p.Scanned = next, next == ""
	return nil
}

// apply brings messages into the index and returns how many it took. Those
// that it would refuse again are counted and left: the live index has none of
// them either.
func (r *Reindexer) apply(ctx context.Context, messages []chat.Message) (applied int, err error) {
	messages = r.known(messages)
	total := len(messages)
	err = again(ctx, func() error {
		var failed []chat.Message
		var passing []error
		for i, err := range r.build.Apply(ctx, messages) {
			switch {
			case err == nil:
			case errors.Is(err, chat.ErrReplaced):
				return err
			case errors.Is(err, chat.ErrUnavailable):
				failed, passing = append(failed, messages[i]), append(passing, err)
			default:
				r.refuse(err)
				total--
			}
		}
		messages = failed
		return errors.Join(passing...)
	})
	return total, err
}

// known leaves out the rows that are no messages.
func (r *Reindexer) known(messages []chat.Message) []chat.Message {
	return slices.DeleteFunc(messages, func(m chat.Message) bool {
		if m.Version < 1 {
			r.refuse(fmt.Errorf("row %d of chat %d is no message", m.Number, m.ChatNumber))
			return true
		}
		return false
	})
}

func (r *Reindexer) refuse(err error) {
	r.result.Refused++
	if r.result.Refusal == "" {
		r.result.Refusal = err.Error()
	}
}

// again makes a call until it succeeds, fails for good, or has been made
// maxTries times.
func again(ctx context.Context, call func() error) error {
	delay := firstDelay
	for try := 1; ; try++ {
		err := call()
		if err == nil || try == maxTries || !errors.Is(err, chat.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		delay = min(2*delay, maxDelay)
	}
}
