package verify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"chatapi/pkg/api"
	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
	"chatapi/pkg/local"
	"chatapi/pkg/verify"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"
)

var at = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// service is a data folder with one app of two chats, each with three messages
// of which the last is deleted, all indexed.
type service struct {
	*embedded.Backend
	dir string
	app chat.App
	t   *testing.T
}

func newService(t *testing.T) *service {
	t.Helper()
	app, err := chat.NewApp("verify", nil, at)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{dir: t.TempDir(), app: app, t: t}
	s.open()
	s.must(s.Store.CreateApp(t.Context(), app))
	for range 2 {
		n, err := s.Store.AllocateChatNumber(t.Context(), app.Token)
		s.must(err)
		s.must(s.Store.StoreChats(t.Context(), app.Token, []chat.Chat{{AppToken: app.Token, Number: n, Version: 1, CreatedAt: at, UpdatedAt: at}}))
		for range 3 {
			s.store(s.message(s.id(n), s.take(s.id(n))))
		}
		s.must(s.Store.DeleteMessage(t.Context(), s.id(n), 3, at, nil))
		s.index(s.id(n))
	}
	return s
}

func (s *service) open() {
	s.t.Helper()
	b, err := embedded.Open(s.dir, embedded.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Backend = b
	s.t.Cleanup(func() {
		if s.Backend == b {
			_ = b.Close()
		}
	})
}

// edit changes the file behind the store's back: the row under a key, as JSON.
func (s *service) edit(bucket string, key []byte, change func(row map[string]any)) {
	s.t.Helper()
	s.raw(func(tx *bbolt.Tx) error {
		var row map[string]any
		if err := json.Unmarshal(tx.Bucket([]byte(bucket)).Get(key), &row); err != nil {
			return err
		}
		change(row)
		text, err := json.Marshal(row)
		if err != nil {
			return err
		}
		return tx.Bucket([]byte(bucket)).Put(key, text)
	})
}

func (s *service) raw(write func(*bbolt.Tx) error) {
	s.t.Helper()
	s.must(s.Close())
	db, err := bbolt.Open(filepath.Join(s.dir, "rows.db"), 0o600, nil)
	s.must(err)
	s.must(errors.Join(db.Update(write), db.Close()))
	s.open()
}

func (s *service) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *service) id(n int64) chat.ChatID { return chat.ChatID{AppToken: s.app.Token, Number: n} }

// take allocates a message number, durably, as if a create with it were lost.
func (s *service) take(id chat.ChatID) int64 {
	s.t.Helper()
	n, err := s.Store.AllocateMessageNumber(s.t.Context(), id)
	s.must(errors.Join(err, s.Auditor.RaiseCounter(s.t.Context(), id.Parent(), n)))
	return n
}

func (s *service) message(id chat.ChatID, n int64) chat.Message {
	return chat.Message{AppToken: id.AppToken, ChatNumber: id.Number, Number: n, Body: "hello", Version: 1, CreatedAt: at, UpdatedAt: at}
}

func (s *service) store(m chat.Message) {
	s.t.Helper()
	s.must(s.Store.StoreMessages(s.t.Context(), m.ChatID(), []chat.Message{m}))
}

// index brings a chat's rows into the index.
func (s *service) index(id chat.ChatID) {
	s.t.Helper()
	rows, _, err := s.Store.Messages(s.t.Context(), id, chat.Page{Limit: chat.MaxPage})
	s.must(err)
	s.apply(rows...)
}

func (s *service) apply(messages ...chat.Message) {
	s.t.Helper()
	s.must(errors.Join(s.Index.Apply(s.t.Context(), messages)...))
}

// numbers returns which messages of a chat live by the rows, and which are found
// by a search, the newest first.
func (s *service) numbers(id chat.ChatID) (stored, found []int64) {
	s.t.Helper()
	rows, _, err := s.Store.Messages(s.t.Context(), id, chat.Page{Limit: chat.MaxPage, Descending: true})
	s.must(err)
	for _, m := range rows {
		if !m.Deleted() {
			stored = append(stored, m.Number)
		}
	}
	query, err := chat.ParseQuery("hello")
	s.must(err)
	searched, err := s.Index.Search(s.t.Context(), chat.Search{Within: id.Parent(), Query: query, Limit: chat.MaxPage})
	s.must(err)
	for _, h := range searched.Hits {
		found = append(found, h.Message.Number)
	}
	return stored, found
}

// key is that of a chat's row, or of a message's.
func (s *service) key(numbers ...byte) []byte {
	key := []byte(s.app.Token)
	for _, n := range numbers {
		key = append(key, 0, 0, 0, 0, 0, 0, 0, n)
	}
	return key
}

// verify returns what is found, without the app's token.
func (s *service) verify(options verify.Options) ([]verify.Difference, verify.Result) {
	s.t.Helper()
	var found []verify.Difference
	options.Found = func(d verify.Difference) {
		d.AppToken = ""
		found = append(found, d)
	}
	options.Grace = time.Millisecond
	result, err := verify.New(s.Ports, options).Run(s.t.Context())
	s.must(err)
	return found, result
}

func TestVerify(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(s *service)
		want   []verify.Difference // before the repair; those that are repaired are gone after it
		stays  bool                // no repair mends it
	}{
		{"nothing wrong", func(*service) {}, nil, false},
		{"a count of messages", func(s *service) {
			s.edit("chats", s.key(1), func(row map[string]any) { row["message_count"] = 5 })
		}, []verify.Difference{{Kind: verify.MessageCount, Chat: 1, Has: 5, Want: 2}}, false},
		{"a count of chats", func(s *service) {
			s.edit("apps", s.key(), func(row map[string]any) { row["chat_count"] = 1 })
		}, []verify.Difference{{Kind: verify.ChatCount, Has: 1, Want: 2}}, false},
		{"a counter below its highest message", func(s *service) {
			s.raw(func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte("counters")).Put(s.key(1), []byte{0, 0, 0, 0, 0, 0, 0, 1})
			})
		}, []verify.Difference{{Kind: verify.CounterBehind, Chat: 1, Has: 1, Want: 3}}, false},
		{"a counter that is gone", func(s *service) {
			s.raw(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("counters")).Delete(s.key(2)) })
		}, []verify.Difference{{Kind: verify.CounterBehind, Chat: 2, Has: 0, Want: 3}}, false},
		{"a counter of chats below the highest", func(s *service) {
			s.raw(func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte("counters")).Put(s.key(), []byte{0, 0, 0, 0, 0, 0, 0, 1})
			})
		}, []verify.Difference{{Kind: verify.CounterBehind, Has: 1, Want: 2}}, false},
		{"messages that the index lacks", func(s *service) {
			for range 2 {
				s.store(s.message(s.id(1), s.take(s.id(1))))
			}
		}, []verify.Difference{
			{Kind: verify.NotIndexed, Chat: 1, First: 4, Last: 4, Want: 1},
			{Kind: verify.NotIndexed, Chat: 1, First: 5, Last: 5, Want: 1},
		}, false},
		{"a delete that the index lacks", func(s *service) {
			s.must(s.Store.DeleteMessage(t.Context(), s.id(2), 1, at, nil))
		}, []verify.Difference{{Kind: verify.NotIndexed, Chat: 2, First: 1, Last: 1, Has: 1, Want: 2}}, false},
		{"a message in the index alone", func(s *service) {
			s.apply(s.message(s.id(1), s.take(s.id(1))))
		}, []verify.Difference{
			{Kind: verify.Gap, Chat: 1, First: 4, Last: 4},
			{Kind: verify.NoRow, Chat: 1, First: 4, Last: 4, Has: 1},
		}, false},
		{"an index that is ahead", func(s *service) {
			m := s.message(s.id(1), 1)
			m.Version = 7
			s.apply(m)
		}, []verify.Difference{{Kind: verify.IndexAhead, Chat: 1, First: 1, Last: 1, Has: 7, Want: 1}}, true},
		{"gaps", func(s *service) {
			for range 3 {
				s.take(s.id(1))
			}
			s.store(s.message(s.id(1), s.take(s.id(1))))
			s.take(s.id(1))
			s.index(s.id(1))
			for range 2 {
				n, err := s.Store.AllocateChatNumber(t.Context(), s.app.Token)
				s.must(errors.Join(err, s.Auditor.RaiseCounter(t.Context(), chat.AppParent(s.app.Token), n)))
			}
		}, []verify.Difference{
			{Kind: verify.Gap, Chat: 1, First: 4, Last: 6}, {Kind: verify.Gap, Chat: 1, First: 8, Last: 8}, {Kind: verify.Gap, First: 3, Last: 4},
		}, true},
		{"messages of a chat that is not stored", func(s *service) {
			n, err := s.Store.AllocateChatNumber(t.Context(), s.app.Token)
			s.must(err)
			s.must(s.Store.CreateCounter(t.Context(), s.id(n)))
			s.store(s.message(s.id(n), s.take(s.id(n))))
		}, []verify.Difference{{Kind: verify.Gap, First: 3, Last: 3}, {Kind: verify.NotIndexed, Chat: 3, First: 1, Last: 1, Want: 1}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t)
			tt.damage(s)
			found, before := s.verify(verify.Options{})
			if diff := cmp.Diff(tt.want, found); diff != "" {
				t.Errorf("found: %s", diff)
			}
			if again, _ := s.verify(verify.Options{App: s.app.Token}); !cmp.Equal(found, again) {
				t.Errorf("of the one app it found %+v", again)
			}
			repaired, during := s.verify(verify.Options{Repair: true})
			for i := range tt.want {
				tt.want[i].Repaired = tt.want[i].Kind != verify.Gap && tt.want[i].Kind != verify.IndexAhead
			}
			if diff := cmp.Diff(tt.want, repaired); diff != "" {
				t.Errorf("repaired: %s", diff)
			}
			_, after := s.verify(verify.Options{})
			if after.Differences > 0 && !tt.stays {
				t.Errorf("%d differences are left: %+v", after.Differences, after)
			}
			for chatNumber := range int64(2) {
				if stored, found := s.numbers(s.id(chatNumber + 1)); !tt.stays && !slices.Equal(stored, found) {
					t.Errorf("chat %d has messages %v, and searches find %v", chatNumber+1, stored, found)
				}
			}
			if during.Repaired+after.Differences != before.Differences || after.Gaps < before.Gaps {
				t.Errorf("before %+v, repair %+v, after %+v", before, during, after)
			}
		})
	}
}

func TestVerifyInParts(t *testing.T) {
	s := newService(t)
	s.store(s.message(s.id(1), s.take(s.id(1))))
	s.store(s.message(s.id(2), s.take(s.id(2))))
	_, whole := s.verify(verify.Options{})
	if whole.Apps != 1 || whole.Chats != 2 || whole.Messages != 8 || whole.Differences != 2 {
		t.Fatalf("the whole: %+v", whole)
	}
	_, none := s.verify(verify.Options{StopAt: time.Now()})
	if none.Cursor == nil || none.Messages != 0 {
		t.Fatalf("no time: %+v", none)
	}
	_, rest := s.verify(verify.Options{From: &verify.Cursor{App: s.app.Token, Chat: 2}})
	if rest.Cursor != nil || rest.Chats != 1 || rest.Differences != 1 {
		t.Errorf("the rest: %+v", rest)
	}
}

// slow is a store whose pages of messages take time.
type slow struct {
	chat.Store
	page time.Duration
}

func (s slow) Messages(ctx context.Context, id chat.ChatID, page chat.Page) ([]chat.Message, bool, error) {
	time.Sleep(s.page)
	return s.Store.Messages(ctx, id, page)
}

// TestVerifyStopsWithinAChat gives each run the time for one page of messages:
// the next goes on behind it, and all is told once.
func TestVerifyStopsWithinAChat(t *testing.T) {
	s := newService(t)
	s.edit("chats", s.key(1), func(row map[string]any) { row["message_count"] = 5 })
	var messages []chat.Message
	for range 1800 { // more than three pages
		messages = append(messages, s.message(s.id(1), s.take(s.id(1))))
	}
	for range 3 { // numbers without a row
		s.take(s.id(1))
	}
	s.must(s.Store.StoreMessages(t.Context(), s.id(1), messages))
	missing := map[int64]bool{4: true, 777: true, 1803: true}
	s.apply(slices.DeleteFunc(messages, func(m chat.Message) bool { return missing[m.Number] })...)
	want := []verify.Difference{
		{Kind: verify.NotIndexed, Chat: 1, First: 4, Last: 4, Want: 1},
		{Kind: verify.NotIndexed, Chat: 1, First: 777, Last: 777, Want: 1},
		{Kind: verify.NotIndexed, Chat: 1, First: 1803, Last: 1803, Want: 1},
		{Kind: verify.Gap, Chat: 1, First: 1804, Last: 1806},
		{Kind: verify.MessageCount, Chat: 1, Has: 1805, Want: 1802},
	}
	var found []verify.Difference
	var sum verify.Result
	var cursors []verify.Cursor
	ports := s.Ports
	ports.Store = slow{s.Store, 100 * time.Millisecond}
	for from := (*verify.Cursor)(nil); ; {
		result, err := verify.New(ports, verify.Options{
			From: from, StopAt: time.Now().Add(50 * time.Millisecond), Grace: time.Millisecond,
			Found: func(d verify.Difference) {
				d.AppToken = ""
				found = append(found, d)
			},
		}).Run(t.Context())
		s.must(err)
		sum.Apps, sum.Chats, sum.Messages = sum.Apps+result.Apps, sum.Chats+result.Chats, sum.Messages+result.Messages
		if from = result.Cursor; from == nil {
			break
		}
		cursors = append(cursors, *from)
		if len(cursors) > 20 {
			t.Fatalf("the runs do not end: %+v", cursors)
		}
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(verify.Result{Apps: 1, Chats: 2, Messages: 1806}, sum); diff != "" {
		t.Error(diff)
	}
	if cursors[0].Message != 501 || cursors[1].Message != 1001 {
		t.Errorf("cursors %+v", cursors)
	}
}

// moving is a store whose counts of messages change too fast to be counted.
type moving struct{ chat.Auditor }

func (moving) CountMessages(context.Context, chat.ChatID) (chat.Count, error) {
	return chat.Count{}, fmt.Errorf("%w: it changed", chat.ErrUnavailable)
}

func TestVerifyTellsWhatItCannotCount(t *testing.T) {
	s := newService(t)
	ports := s.Ports
	ports.Auditor = moving{s.Auditor}
	result, err := verify.New(ports, verify.Options{}).Run(t.Context())
	s.must(err)
	if diff := cmp.Diff(verify.Result{Apps: 1, Chats: 2, Messages: 6, Unchecked: 2}, result); diff != "" {
		t.Error(diff)
	}
}

func TestVerifyUnknownApp(t *testing.T) {
	s := newService(t)
	unknown, err := chat.NewApp("unknown", nil, at)
	s.must(err)
	_, err = verify.New(s.Ports, verify.Options{App: unknown.Token}).Run(t.Context())
	if !errors.Is(err, chat.ErrAppNotFound) {
		t.Errorf("error %v, want %v", err, chat.ErrAppNotFound)
	}
}

// TestVerifyLiveSystem verifies, and repairs, again and again while clients
// create, edit and delete: nothing is wrong, and nothing is found.
func TestVerifyLiveSystem(t *testing.T) {
	s := newService(t)
	verifyLive(t, s.Ports, []chat.ChatID{s.id(1), s.id(2)}, 3*time.Second)
}

// verifyLive serves a backend and verifies it while 8 clients are at work in
// its chats. What is on its way for less than the time of grace is no
// difference; a count that changes too fast is not told to be right.
func verifyLive(t *testing.T, backend chat.Ports, chats []chat.ChatID, grace time.Duration) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var serving errgroup.Group
	serving.Go(func() error {
		return local.Serve(ctx, slog.New(slog.DiscardHandler), listener, backend, local.Options{Guard: api.Guard{Open: true}})
	})
	var stopped atomic.Bool
	var clients errgroup.Group
	for i := range 8 {
		clients.Go(func() error { return load(t.Context(), backend, chats[i%len(chats)], &stopped) })
	}
	verifyOnce := func(repair bool) verify.Result {
		var found []verify.Difference
		result, err := verify.New(backend, verify.Options{
			App: chats[0].AppToken, Repair: repair, Grace: grace, Found: func(d verify.Difference) { found = append(found, d) },
		}).Run(t.Context())
		if err != nil || result.Differences+result.Repaired+result.Gaps > 0 {
			t.Errorf("repair %t: %+v, %v, error %v", repair, result, found, err)
		}
		return result
	}
	verified := int64(0)
	for round := range 3 {
		time.Sleep(2 * time.Second) // so that there is something on its way
		result := verifyOnce(round > 0)
		if result.Messages <= verified {
			t.Errorf("round %d verified %d messages, after %d before: nobody writes", round, result.Messages, verified)
		}
		verified = result.Messages
		t.Logf("round %d: %+v", round, result)
	}
	stopped.Store(true)
	if err := clients.Wait(); err != nil {
		t.Fatal(err)
	}
	if result := verifyOnce(false); result.Unchecked > 0 {
		t.Errorf("nobody writes, and it is not all checked: %+v", result)
	}
	stop()
	if err := serving.Wait(); err != nil {
		t.Fatal(err)
	}
}

func load(ctx context.Context, b chat.Ports, id chat.ChatID, stopped *atomic.Bool) error {
	for !stopped.Load() {
		n, err := b.Store.AllocateMessageNumber(ctx, id)
		if err != nil {
			return err
		}
		m := chat.Message{AppToken: id.AppToken, ChatNumber: id.Number, Number: n, Body: "hello", Version: 1, CreatedAt: at, UpdatedAt: at}
		if err := b.Queue.Send(ctx, chat.Create{Message: &m}); err != nil {
			return err
		}
		body := fmt.Sprint("edited ", n)
		_, err = b.Store.UpdateMessage(ctx, id, max(1, n/2), chat.MessageEdit{Body: &body, At: at}, nil)
		if err == nil && n%3 == 0 {
			err = b.Store.DeleteMessage(ctx, id, max(1, n/3), at, nil)
		}
		if err != nil && !errors.Is(err, chat.ErrMessageDeleted) && !errors.Is(err, chat.ErrNotStoredYet) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}
