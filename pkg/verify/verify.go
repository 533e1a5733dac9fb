// Package verify compares what a store and a search index say about the same
// things, and repairs what differs: counters with the highest rows, counts with
// the rows that they count, the index with the rows. It knows no engine.
//
// Others may write meanwhile. Counts are compared at one instant
// (chat.Auditor). A message that is missing or older in the index is only a
// suspect at first: it is checked again after a grace period, and is a difference
// if the index is still behind what the rows were before that period.
package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatapi/pkg/chat"

	smithytime "github.com/aws/smithy-go/time"
)

const (
	// DefaultGrace is how long a suspect may take to arrive: longer than the
	// writer and the indexer take if nothing is wrong.
	DefaultGrace = 10 * time.Second
	// pageSize is how many rows are in memory at a time, and maxSuspects how many
	// suspects.
	pageSize, maxSuspects = 500, 50_000
	// tries and pause are for an index that does not respond at once.
	tries, pause = 5, time.Second
	// overtime is how long after Options.StopAt a count may take.
	overtime = 30 * time.Second
)

// Kind says what differs.
type Kind string

// The kinds of differences.
const (
	// CounterBehind is a counter below the highest number that is stored, so that
	// numbers would be allocated twice. It is repaired by raising the counter.
	CounterBehind Kind = "counter_behind"
	// ChatCount and MessageCount are counts that are not exact. They are repaired.
	ChatCount    Kind = "chat_count"
	MessageCount Kind = "message_count"
	// NotIndexed is a message that the index lacks or holds in an older version.
	// It is repaired.
	NotIndexed Kind = "not_indexed"
	// NoRow is a message that the index holds and that is not stored. It is
	// repaired.
	NoRow Kind = "no_row"
	// IndexAhead is a message that the index holds in a newer version than is
	// stored, as after a table was restored from a backup. Only a new index
	// repairs it.
	IndexAhead Kind = "index_ahead"
	// Gap is numbers that are allocated and not stored. Numbering allows for them,
	// so they are reported and are not a difference.
	Gap Kind = "gap"
)

// Difference is one thing that differs, or a gap.
type Difference struct {
	Kind     Kind   `json:"kind"`
	AppToken string `json:"app_token"`
	Chat     int64  `json:"chat_number,omitempty"` // 0 if it is about the app
	First    int64  `json:"first,omitempty"`       // number of a message, or of a chat for a gap in chats
	Last     int64  `json:"last,omitempty"`        // the same, but for a gap of several
	Has      int64  `json:"has"`                   // the counter, count or version
	Want     int64  `json:"want"`                  // what it should be
	Repaired bool   `json:"repaired"`
}

// Result is what a run found.
type Result struct {
	Apps        int64   `json:"apps"`
	Chats       int64   `json:"chats"`
	Messages    int64   `json:"messages"`         // including tombstones
	Differences int64   `json:"differences"`      // that are left
	Repaired    int64   `json:"repaired"`         // that were repaired
	Gaps        int64   `json:"gaps"`             // numbers allocated and not stored
	Unchecked   int64   `json:"unchecked"`        // counts that changed too fast, or were too large, to be counted in time
	Cursor      *Cursor `json:"cursor,omitempty"` // where the next run continues; absent if everything is verified
}

// Cursor is the place at which a run stopped.
type Cursor struct {
	Apps    string `json:"apps,omitempty"`    // cursor of the page of apps
	App     string `json:"app"`               // the app
	Chat    int64  `json:"chat"`              // the next chat in it
	Message int64  `json:"message,omitempty"` // the next message in it
}

// Options are the settings of a run. The zero value verifies everything and
// repairs nothing.
type Options struct {
	App    string           // the token of the only app to verify, "" for all
	Repair bool             // repair what can be
	Grace  time.Duration    // 0 is DefaultGrace
	From   *Cursor          // of the previous run
	StopAt time.Time        // when to leave the rest to the next run; zero is never
	Found  func(Difference) // called with each difference and gap
}

// Verifier verifies a store and its index.
type Verifier struct {
	store    chat.Store
	auditor  chat.Auditor
	index    chat.VersionIndex
	options  Options
	result   Result
	suspects []suspect
}

// New returns a verifier of the store and the index.
func New(p chat.Ports, options Options) *Verifier {
	if options.Grace == 0 {
		options.Grace = DefaultGrace
	}
	if options.Found == nil {
		options.Found = func(Difference) {}
	}
	return &Verifier{store: p.Store, auditor: p.Auditor, index: p.Index, options: options}
}

// Run verifies until the end or until it is time to stop: Result.Cursor says
// which. It returns chat.ErrAppNotFound if the only app does not exist. With an
// error it returns what was found before.
func (v *Verifier) Run(ctx context.Context) (Result, error) {
	err := v.apps(ctx)
	if settleErr := v.settle(ctx); err == nil {
		err = settleErr
	}
	return v.result, err
}

func (v *Verifier) apps(ctx context.Context) error {
	from := Cursor{}
	if v.options.From != nil {
		from = *v.options.From
	}
	if v.options.App != "" {
		app, err := v.store.App(ctx, v.options.App)
		if err != nil {
			return err
		}
		_, err = v.app(ctx, app.Token, from)
		return err
	}
	for page := from.Apps; ; {
		apps, next, err := v.store.Apps(ctx, page, chat.MaxPage)
		if err != nil {
			return err
		}
		for _, app := range after(apps, from.App) {
			at := Cursor{Apps: page, App: app.Token}
			if app.Token == from.App {
				at.Chat, at.Message = from.Chat, from.Message
			}
			if more, err := v.app(ctx, app.Token, at); err != nil || !more {
				return err
			}
		}
		if page = next; page == "" {
			return nil
		}
	}
}

// after returns the apps of a page from one on, or all if it is not among them.
func after(apps []chat.App, token string) []chat.App {
	for i, app := range apps {
		if app.Token == token {
			return apps[i:]
		}
	}
	return apps
}

// app verifies an app, beginning with a chat and a message in it, and reports
// whether there is time for more.
func (v *Verifier) app(ctx context.Context, token string, at Cursor) (more bool, err error) {
	at.App = token
	parent := chat.AppParent(token)
	allocated, _, err := v.auditor.Counter(ctx, parent)
	if err != nil {
		return false, err
	}
	next := max(at.Chat, 1)
	for page := (chat.Page{After: next - 1, Limit: pageSize}); ; {
		chats, hasMore, err := v.store.Chats(ctx, token, page)
		if err != nil && !errors.Is(err, chat.ErrAppNotFound) { // no chats and no counter
			return false, err
		}
		last := allocated
		if len(chats) > 0 {
			page.After = chats[len(chats)-1].Number
			last = page.After
		}
		if !hasMore {
			last = max(last, allocated)
		}
		for _, c := range append(chats, chat.Chat{Number: last + 1}) {
			for ; next <= min(c.Number, last); next++ {
				if next != at.Chat {
					at.Chat, at.Message = next, 0
				}
				if v.late() {
					return v.stop(at), nil
				}
				stored := next == c.Number
				if !stored && at.Message == 0 {
					v.suspectGap(parent, next, next)
				}
				at.Message, err = v.chat(ctx, chat.ChatID{AppToken: token, Number: next}, at.Message, stored)
				if err != nil {
					return false, err
				}
				if at.Message > 0 {
					return v.stop(at), nil
				}
			}
		}
		if !hasMore {
			break
		}
	}
	v.result.Apps++
	if err := v.counter(ctx, parent, next-1, true); err != nil {
		return false, err
	}
	return true, v.count(ctx, ChatCount, parent)
}

// stop records where the next run continues. There is no time for more.
func (v *Verifier) stop(at Cursor) (more bool) {
	v.result.Cursor = &at
	return false
}

func (v *Verifier) late() bool {
	return !v.options.StopAt.IsZero() && !time.Now().Before(v.options.StopAt)
}

// chat verifies a chat, whether its row is stored or not, beginning with a
// message. It returns the message with which the next run continues, 0 if there
// was time for all.
func (v *Verifier) chat(ctx context.Context, id chat.ChatID, first int64, stored bool) (left int64, err error) {
	allocated, opened, err := v.auditor.Counter(ctx, id.Parent())
	if err != nil {
		return 0, err
	}
	highest, left, err := v.messages(ctx, id, max(first, 1), allocated)
	if err != nil || left > 0 || (!stored && !opened && highest == 0) {
		return left, err
	}
	v.result.Chats++
	if err := v.counter(ctx, id.Parent(), highest, stored || highest > 0); err != nil {
		return 0, err
	}
	return 0, v.count(ctx, MessageCount, id.Parent())
}

// counter compares a counter with the highest number that is stored. It is read
// last, because it only grows. It must exist if anything is stored.
func (v *Verifier) counter(ctx context.Context, parent chat.Parent, highest int64, needed bool) error {
	value, found, err := v.auditor.Counter(ctx, parent)
	if err != nil || (value >= highest && (found || !needed)) {
		return err
	}
	d := Difference{Kind: CounterBehind, AppToken: parent.AppToken, Chat: parent.ChatNumber, Has: value, Want: highest}
	if v.options.Repair {
		if err := v.auditor.RaiseCounter(ctx, parent, highest); err != nil {
			return err
		}
		d.Repaired = true
	}
	v.report(d)
	return nil
}

// count compares a count with what it counts.
func (v *Verifier) count(ctx context.Context, kind Kind, parent chat.Parent) error {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if !v.options.StopAt.IsZero() {
		limited, cancel = context.WithDeadline(ctx, v.options.StopAt.Add(overtime))
	}
	defer cancel()
	count, err := v.countRows(limited, parent)
	if errors.Is(err, chat.ErrUnavailable) && ctx.Err() == nil {
		v.result.Unchecked++
		return nil
	}
	if err != nil || count.Exact() {
		return err
	}
	v.report(Difference{
		Kind: kind, AppToken: parent.AppToken, Chat: parent.ChatNumber,
		Has: count.Stored, Want: count.Actual, Repaired: v.options.Repair,
	})
	return nil
}

// countRows counts and, if the options say so, repairs the count.
func (v *Verifier) countRows(ctx context.Context, parent chat.Parent) (chat.Count, error) {
	switch {
	case parent.IsApp() && v.options.Repair:
		return v.auditor.RepairChatCount(ctx, parent.AppToken)
	case parent.IsApp():
		return v.auditor.CountChats(ctx, parent.AppToken)
	case v.options.Repair:
		return v.auditor.RepairMessageCount(ctx, parent.ChatID())
	default:
		return v.auditor.CountMessages(ctx, parent.ChatID())
	}
}

func (v *Verifier) report(d Difference) {
	switch {
	case d.Kind == Gap:
		v.result.Gaps += d.Last - d.First + 1
	case d.Repaired:
		v.result.Repaired++
	default:
		v.result.Differences++
	}
	v.options.Found(d)
}

// versions asks the index, and retries while it does not respond.
func (v *Verifier) versions(
	ctx context.Context, id chat.ChatID, first, last int64,
) (held map[int64]chat.Indexed, err error) {
	for try := 1; ; try++ {
		held, err = v.index.Versions(ctx, id, first, last)
		if err == nil || try == tries || !errors.Is(err, chat.ErrUnavailable) {
			return held, err
		}
		if err := smithytime.SleepWithContext(ctx, pause); err != nil {
			return nil, fmt.Errorf("verify: %w", err)
		}
	}
}
