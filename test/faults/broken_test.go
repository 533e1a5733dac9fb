//go:build linux

package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatapi/pkg/api"
	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
	"chatapi/pkg/local"
	"chatapi/test/faults/history"
	"chatapi/test/faults/inject"
)

// Each of these breaks one promise, and nothing else where that is possible.
// The check must say so, or it would be worth nothing.

// every counts calls and tells which of them to break.
type every struct {
	n     int64
	calls atomic.Int64
}

func (e *every) now() bool { return e.calls.Add(1)%e.n == 0 }

type brokenStore struct {
	chat.Store
	take         func(ctx context.Context, id chat.ChatID, n int64) (int64, error)
	count        int64 // added to each count of messages
	update, gone func() bool
	failing      *every

	edit          func(chat.MessageEdit, chat.Versions) (chat.Versions, error)
	bury, unread  *every
	page          *every
	withoutTitles bool
}

func (s *brokenStore) AllocateMessageNumber(ctx context.Context, id chat.ChatID) (int64, error) {
	if s.failing != nil && s.failing.now() {
		return 0, errors.New("nobody expects this")
	}
	n, err := s.Store.AllocateMessageNumber(ctx, id)
	if err != nil || s.take == nil {
		return n, err
	}
	return s.take(ctx, id, n)
}

func (s *brokenStore) Chat(ctx context.Context, id chat.ChatID) (chat.Chat, error) {
	c, err := s.Store.Chat(ctx, id)
	c.MessageCount += s.count
	return c, err
}

func (s *brokenStore) UpdateMessage(ctx context.Context, id chat.ChatID, number int64, edit chat.MessageEdit, allowed chat.Versions) (chat.Message, error) {
	if s.update != nil && s.update() {
		return s.Message(ctx, id, number)
	}
	if s.edit != nil {
		var err error
		if allowed, err = s.edit(edit, allowed); err != nil {
			return chat.Message{}, err
		}
	}
	return s.Store.UpdateMessage(ctx, id, number, edit, allowed)
}

func (s *brokenStore) UpdateChat(ctx context.Context, id chat.ChatID, edit chat.ChatEdit, allowed chat.Versions) (chat.Chat, error) {
	if s.withoutTitles {
		edit.Title = nil
	}
	return s.Store.UpdateChat(ctx, id, edit, allowed)
}

func (s *brokenStore) Message(ctx context.Context, id chat.ChatID, number int64) (chat.Message, error) {
	m, err := s.Store.Message(ctx, id, number)
	if err == nil && s.unread != nil && s.unread.now() {
		return chat.Message{}, chat.ErrNotStoredYet
	}
	return m, err
}

func (s *brokenStore) Messages(ctx context.Context, id chat.ChatID, page chat.Page) ([]chat.Message, bool, error) {
	messages, more, err := s.Store.Messages(ctx, id, page)
	if s.page != nil && len(messages) > 1 && s.page.now() {
		messages = messages[len(messages)-1:]
	}
	return messages, more, err
}

func (s *brokenStore) DeleteMessage(ctx context.Context, id chat.ChatID, number int64, at time.Time, allowed chat.Versions) error {
	if s.gone != nil && s.gone() {
		_, err := s.Message(ctx, id, number)
		return err
	}
	if s.bury != nil && s.bury.now() {
		if m, err := s.Message(ctx, id, number); err == nil && !m.Deleted() {
			_, _ = s.Store.UpdateMessage(ctx, id, number, chat.MessageEdit{Body: &m.Body, At: at}, nil)
		}
	}
	return s.Store.DeleteMessage(ctx, id, number, at, allowed)
}

// fallingReaders forget every mark below the one that comes.
type fallingReaders struct{ chat.Readers }

func (r fallingReaders) MarkRead(ctx context.Context, id chat.ChatID, mark chat.ReadMark) (chat.ReadState, error) {
	state, err := r.Readers.MarkRead(ctx, id, mark)
	state.LastRead = mark.LastRead
	return state, err
}

// forgetful keeps no key.
type forgetful struct{ chat.Idempotency }

func (forgetful) Claim(_ context.Context, claim chat.Claim) (chat.Claim, error) { return claim, nil }
func (forgetful) Record(context.Context, chat.Claim) error                      { return nil }

type brokenQueue struct {
	chat.Queue
	send func(ctx context.Context, q chat.Queue, m chat.Message) error
}

func (q *brokenQueue) Send(ctx context.Context, create chat.Create) error {
	if create.Message == nil {
		return q.Queue.Send(ctx, create)
	}
	return q.send(ctx, q.Queue, *create.Message)
}

func sendMessage(ctx context.Context, q chat.Queue, m chat.Message) error {
	return q.Send(ctx, chat.Create{Message: &m})
}

type brokenIndex struct {
	chat.VersionIndex
	leaveOut func(chat.Message) bool
}

func (i *brokenIndex) Apply(ctx context.Context, messages []chat.Message) []error {
	var kept []chat.Message
	for _, m := range messages {
		if !i.leaveOut(m) {
			kept = append(kept, m)
		}
	}
	for _, err := range i.VersionIndex.Apply(ctx, kept) {
		if err != nil {
			panic(err) // this test's own engine does not fail
		}
	}
	return nil
}

func TestCheckFindsWhatIsBroken(t *testing.T) {
	var all sync.WaitGroup // side by side, because most of the time is waiting
	defer all.Wait()
	for _, tt := range []struct {
		name string
		want history.Invariant // "" where nothing is broken
		mess func(b *chat.Ports)
	}{
		{"nothing", "", func(*chat.Ports) {}},
		{"a number is given out twice", history.Unique, func(b *chat.Ports) {
			some := &every{n: 10}
			b.Store = &brokenStore{Store: b.Store, take: func(_ context.Context, _ chat.ChatID, n int64) (int64, error) {
				if some.now() {
					return max(1, n-1), nil
				}
				return n, nil
			}}
		}},
		{"a number is kept for the next create", history.Ordered, func(b *chat.Ports) {
			var kept sync.Map // the first number of each chat
			of := b.Store
			b.Store = &brokenStore{Store: of, take: func(ctx context.Context, id chat.ChatID, n int64) (int64, error) {
				if lower, ok := kept.Swap(id, n); ok {
					return lower.(int64), nil
				}
				return of.AllocateMessageNumber(ctx, id)
			}}
		}},
		{"a number is left out", history.Gapless, func(b *chat.Ports) {
			some, of := &every{n: 10}, b.Store
			b.Store = &brokenStore{Store: of, take: func(ctx context.Context, id chat.ChatID, n int64) (int64, error) {
				if some.now() {
					return of.AllocateMessageNumber(ctx, id)
				}
				return n, nil
			}}
		}},
		{"the queue drops a create", history.Kept, func(b *chat.Ports) {
			some := &every{n: 50}
			b.Queue = &brokenQueue{b.Queue, func(ctx context.Context, q chat.Queue, m chat.Message) error {
				if some.now() {
					return nil
				}
				return sendMessage(ctx, q, m)
			}}
		}},
		{"a text is changed on its way", history.Kept, func(b *chat.Ports) {
			some := &every{n: 50}
			b.Queue = &brokenQueue{b.Queue, func(ctx context.Context, q chat.Queue, m chat.Message) error {
				if some.now() {
					m.Body += "!"
				}
				return sendMessage(ctx, q, m)
			}}
		}},
		{"a create is stored under two numbers", history.Once, func(b *chat.Ports) {
			some, store := &every{n: 50}, b.Store
			b.Queue = &brokenQueue{b.Queue, func(ctx context.Context, q chat.Queue, m chat.Message) error {
				if some.now() {
					again := m
					again.Number, _ = store.AllocateMessageNumber(ctx, m.ChatID())
					_ = sendMessage(ctx, q, again)
				}
				return sendMessage(ctx, q, m)
			}}
		}},
		{"something is stored that nobody sent", history.Sent, func(b *chat.Ports) {
			some, store := &every{n: 50}, b.Store
			b.Queue = &brokenQueue{b.Queue, func(ctx context.Context, q chat.Queue, m chat.Message) error {
				if some.now() {
					more := m
					more.Body = word + " of nobody"
					more.Number, _ = store.AllocateMessageNumber(ctx, m.ChatID())
					_ = sendMessage(ctx, q, more)
				}
				return sendMessage(ctx, q, m)
			}}
		}},
		{"keys are forgotten", history.SameKey, func(b *chat.Ports) { b.Idempotency = forgetful{b.Idempotency} }},
		{"a count is one too high", history.Counted, func(b *chat.Ports) { b.Store = &brokenStore{Store: b.Store, count: 1} }},
		{"edits are not made", history.EditKept, func(b *chat.Ports) {
			b.Store = &brokenStore{Store: b.Store, update: func() bool { return true }}
		}},
		{"some edits are not made", history.EditKept, func(b *chat.Ports) {
			b.Store = &brokenStore{Store: b.Store, update: (&every{n: 3}).now}
		}},
		{"edits of chats lose their title", history.EditKept, func(b *chat.Ports) {
			b.Store = &brokenStore{Store: b.Store, withoutTitles: true}
		}},
		{"If-Match is not looked at", history.Matched, func(b *chat.Ports) {
			b.Store = &brokenStore{Store: b.Store, edit: func(chat.MessageEdit, chat.Versions) (chat.Versions, error) { return nil, nil }}
		}},
		{"410 for what nobody deleted", history.Answered, func(b *chat.Ports) {
			some := &every{n: 5}
			b.Store = &brokenStore{Store: b.Store, edit: func(_ chat.MessageEdit, allowed chat.Versions) (chat.Versions, error) {
				if some.now() {
					return nil, chat.ErrMessageDeleted
				}
				return allowed, nil
			}}
		}},
		{"a delete edits before", history.EditKept, func(b *chat.Ports) {
			b.Store = &brokenStore{Store: b.Store, bury: &every{n: 2}}
		}},
		{"a read is behind", history.Seen, func(b *chat.Ports) {
			b.Store = &brokenStore{Store: b.Store, unread: &every{n: 3}}
		}},
		{"a page has only its last row", history.Kept, func(b *chat.Ports) {
			b.Store = &brokenStore{Store: b.Store, page: &every{n: 3}}
		}},
		{"metadata is lost", history.Sent, func(b *chat.Ports) {
			b.Queue = &brokenQueue{b.Queue, func(ctx context.Context, q chat.Queue, m chat.Message) error {
				m.Metadata = nil
				return sendMessage(ctx, q, m)
			}}
		}},
		{"a reader's mark falls", history.Marked, func(b *chat.Ports) { b.Readers = fallingReaders{b.Readers} }},
		{"deletes are not made", history.StaysGone, func(b *chat.Ports) {
			b.Store = &brokenStore{Store: b.Store, gone: func() bool { return true }}
		}},
		{"the index leaves a message out", history.Indexed, func(b *chat.Ports) {
			b.Index = &brokenIndex{b.Index, func(m chat.Message) bool { return m.Number%20 == 0 }}
		}},
		{"the index does not learn of edits and deletes", history.Indexed, func(b *chat.Ports) {
			b.Index = &brokenIndex{b.Index, func(m chat.Message) bool { return m.Version > 1 }}
		}},
		{"an error that is not mapped", history.Answered, func(b *chat.Ports) {
			b.Store = &brokenStore{Store: b.Store, failing: &every{n: 50}}
		}},
	} {
		all.Go(func() {
			report, err := tryBackend(t.Context(), t.TempDir(), tt.mess, tt.want == "")
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				return
			}
			if tt.want == "" && !report.OK() || tt.want != "" && !report.Breaks(tt.want) {
				t.Errorf("%s: the check does not find that it breaks %q: %v", tt.name, tt.want, report)
			}
		})
	}
}

// tryBackend runs a small load on an embedded backend that was messed up, and
// returns what the check finds.
func tryBackend(ctx context.Context, dir string, mess func(*chat.Ports), sound bool) (report *history.Report, err error) {
	engine, err := embedded.Open(filepath.Join(dir, "data"), embedded.Options{})
	if err != nil {
		return nil, err
	}
	tally, err := inject.OpenTally(filepath.Join(dir, "tally"))
	if err != nil {
		return nil, err
	}
	backend := engine.Ports
	mess(&backend)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() {
		served <- local.Serve(ctx, slog.New(slog.DiscardHandler), listener, backend, local.Options{Guard: api.Guard{Open: true}})
	}()
	defer func() {
		cancel()
		err = errors.Join(err, <-served, engine.Close(), tally.Close())
	}()
	l := newLoad(row{clients: 8}, 1, "http://"+listener.Addr().String())
	if err := l.begin(ctx); err != nil {
		return nil, err
	}
	l.run(ctx, 800)
	within := 5 * time.Second // in which even a slow machine stores and indexes so few
	if sound {
		within = time.Minute
	}
	report, state, err := settled(ctx, l, tally, within, func(context.Context) error { return nil })
	if err == nil && report.OK() {
		err = readTombstones(ctx, engine.Store, state)
		report = history.Check(l.recorder.History(), state, 0)
	}
	return report, err
}

func TestRowsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range matrix {
		if seen[r.name] || strings.ContainsAny(r.name, ", ") {
			t.Errorf("row %q", r.name)
		}
		seen[r.name] = true
		for _, rule := range r.rules {
			if !strings.HasSuffix(rule.Point, "*") && !strings.Contains(strings.Join(inject.Points, " "), rule.Point) {
				t.Errorf("row %s has a rule for %q, which is no point", r.name, rule.Point)
			}
		}
	}
}
