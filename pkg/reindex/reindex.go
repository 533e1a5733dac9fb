// Package reindex builds a new search index from the rows of a store, beside the
// live one, and switches to it. It knows no engine.
//
// It scans all messages page by page and indexes each page; versions decide if a
// message arrives twice. What changes meanwhile is indexed by chat.Rebuild.CatchUp.
// The progress is saved every few seconds, so that the next run resumes one that
// ended early, for whatever reason.
package reindex

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatapi/pkg/chat"

	smithytime "github.com/aws/smithy-go/time"
)

const (
	// pageSize is how many messages are in memory at a time.
	pageSize = 500
	// saveEvery is how often the progress is saved: what is scanned again after a
	// kill.
	saveEvery = 5 * time.Second
	// A call that fails with chat.ErrUnavailable is attempted up to maxAttempts
	// times, after firstDelay, then twice that and so on up to maxDelay: half a
	// minute in all.
	maxAttempts = 10
	firstDelay  = 100 * time.Millisecond
	maxDelay    = 5 * time.Second
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
	Messages int64  `json:"messages"`          // indexed so far, by all runs
	Changed  int64  `json:"changed"`           // indexed by this run because they changed meanwhile
	Refused  int64  `json:"refused"`           // that this run scanned and the index refuses in every version
	Refusal  string `json:"refusal,omitempty"` // why the first of them was refused
}

// New returns a reindexer that resumes the build.
func New(scanner chat.Scanner, build chat.Rebuild, options Options) *Reindexer {
	if options.Report == nil {
		options.Report = func(chat.Progress) {}
	}
	return &Reindexer{scanner: scanner, build: build, options: options}
}

// Run builds the rest of the index and switches to it, or stops when it is time
// to, which is not an error: Result.Done says which. After an error the next run
// resumes as well.
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
	if err := retry(ctx, func() error { return r.build.Switch(ctx) }); err != nil {
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

// leave saves the progress, even if the context has ended. There is nothing to
// save of a build that another has taken over.
func (r *Reindexer) leave(ctx context.Context, p chat.Progress) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxDelay)
	defer cancel()
	if err := r.build.Save(ctx, p); !errors.Is(err, chat.ErrReplaced) {
		return err
	}
	return nil
}

// keep saves the progress every few seconds, and when the scan has ended. It
// catches up as well, so that there is never much to catch up.
func (r *Reindexer) keep(ctx context.Context, p chat.Progress) error {
	if time.Since(r.saved) < saveEvery && !p.Scanned {
		return nil
	}
	err := retry(ctx, func() error {
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

// page indexes the next page of messages.
func (r *Reindexer) page(ctx context.Context, p *chat.Progress) error {
	var messages []chat.Message
	var next string
	err := retry(ctx, func() (err error) {
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

// apply indexes messages and returns how many the index has accepted. Those that
// it would refuse again are counted and skipped: the live index does not have them
// either.
func (r *Reindexer) apply(ctx context.Context, messages []chat.Message) (applied int, err error) {
	messages = r.known(messages)
	total := len(messages)
	err = retry(ctx, func() error {
		var failed []chat.Message
		var transient []error
		for i, err := range r.build.Apply(ctx, messages) {
			switch {
			case err == nil:
			case errors.Is(err, chat.ErrReplaced):
				return err
			case errors.Is(err, chat.ErrUnavailable):
				failed, transient = append(failed, messages[i]), append(transient, err)
			default:
				r.refuse(err)
				total--
			}
		}
		messages = failed
		return errors.Join(transient...)
	})
	return total, err
}

// known leaves out the rows that are not messages.
func (r *Reindexer) known(messages []chat.Message) []chat.Message {
	return slices.DeleteFunc(messages, func(m chat.Message) bool {
		if m.Version < 1 {
			r.refuse(fmt.Errorf("row %d of chat %d is not a message", m.Number, m.ChatNumber))
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

// retry makes a call until it succeeds, fails permanently, or has been attempted
// maxAttempts times.
func retry(ctx context.Context, call func() error) error {
	delay := firstDelay
	for attempt := 1; ; attempt++ {
		err := call()
		if err == nil || attempt == maxAttempts || !errors.Is(err, chat.ErrUnavailable) {
			return err
		}
		if smithytime.SleepWithContext(ctx, delay) != nil {
			return err
		}
		delay = min(2*delay, maxDelay)
	}
}
