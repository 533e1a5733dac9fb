package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/embedded"
)

func open(t *testing.T, dir string, options embedded.Options) *embedded.Backend {
	t.Helper()
	b, err := embedded.Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestStore(t *testing.T) {
	b := open(t, t.TempDir(), embedded.Options{})
	chattest.Store(t, func(*testing.T) chat.Store { return b.EnqueuingStore() })
}

func TestReaders(t *testing.T) {
	b := open(t, t.TempDir(), embedded.Options{})
	chattest.Readers(t, func(*testing.T) (chat.Store, chat.Readers) { return b.EnqueuingStore(), b.Readers })
}

func TestIdempotency(t *testing.T) {
	b := open(t, t.TempDir(), embedded.Options{})
	chattest.Idempotency(t, func(*testing.T) (chat.Store, chat.Idempotency) { return b.EnqueuingStore(), b.Idempotency })
}

func TestScanner(t *testing.T) {
	b := open(t, t.TempDir(), embedded.Options{})
	chattest.Scanner(t, func(*testing.T) (chat.Store, chat.Scanner) { return b.EnqueuingStore(), b.Scanner })
}

func TestAuditor(t *testing.T) {
	b := open(t, t.TempDir(), embedded.Options{})
	chattest.Auditor(t, func(*testing.T) chattest.AuditorUnderTest {
		return chattest.AuditorUnderTest{
			Store: b.EnqueuingStore(), Auditor: b.Auditor, AddToCount: b.AddToCount, RemoveCounter: b.RemoveCounter,
		}
	})
}

func TestQueue(t *testing.T) {
	chattest.Queue(t, func(t *testing.T) chattest.QueueUnderTest {
		b := open(t, t.TempDir(), embedded.Options{Visibility: time.Second})
		return chattest.QueueUnderTest{
			Queue: b.Queue, Receiver: b.Receiver, SendRaw: b.SendRaw, MaxReceives: embedded.MaxReceives,
			DeadLetters: func(ctx context.Context) ([]string, error) { return bodies(ctx, b) },
		}
	})
}

// TestKeysAfterARestart holds that a recorded number outlives a crash between
// it and the queue, in the key and in the counter, and a claim does not.
func TestKeysAfterARestart(t *testing.T) {
	dir := t.TempDir()
	b, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	id := newChat(t, b)
	recorded, claimed := newClaim(t, id, "recorded", time.Now()), newClaim(t, id, "claimed", time.Now())
	for _, claim := range []*chat.Claim{&recorded, &claimed} {
		if _, err := b.Idempotency.Claim(t.Context(), *claim); err != nil {
			t.Fatal(err)
		}
		if claim.Number, err = b.Store.AllocateMessageNumber(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Idempotency.Record(t.Context(), recorded); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	b = open(t, dir, embedded.Options{})
	if got, err := b.Idempotency.Claim(t.Context(), newClaim(t, id, "recorded", time.Now())); got.Number != recorded.Number || err != nil {
		t.Errorf("the key has number %d, error %v, want %d", got.Number, err, recorded.Number)
	}
	if got, err := b.Idempotency.Claim(t.Context(), newClaim(t, id, "claimed", time.Now())); got.Number != 0 || err != nil {
		t.Errorf("the claimed key has number %d, error %v, want none", got.Number, err)
	}
	if err := b.Idempotency.Record(t.Context(), claimed); !errors.Is(err, chat.ErrKeyInUse) {
		t.Errorf("the claim of before records: error %v, want %v", err, chat.ErrKeyInUse)
	}
	if n, err := b.Store.AllocateMessageNumber(t.Context(), id); n != recorded.Number+1 || err != nil {
		t.Errorf("number %d, error %v, want %d", n, err, recorded.Number+1)
	}
}

func newClaim(t *testing.T, id chat.ChatID, text string, now time.Time) chat.Claim {
	t.Helper()
	claim, err := chat.NewClaim(id.Parent(), text, "a request", now)
	if err != nil {
		t.Fatal(err)
	}
	return claim
}

// TestExpiredKeysAreSwept holds that keys do not grow forever.
func TestExpiredKeysAreSwept(t *testing.T) {
	b := open(t, t.TempDir(), embedded.Options{})
	id := newChat(t, b)
	record := func(text string, now time.Time) {
		t.Helper()
		claim := newClaim(t, id, text, now)
		if _, err := b.Idempotency.Claim(t.Context(), claim); err != nil {
			t.Fatal(err)
		}
		var err error
		if claim.Number, err = b.Store.AllocateMessageNumber(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if err := b.Idempotency.Record(t.Context(), claim); err != nil {
			t.Fatal(err)
		}
	}
	before, now := time.Now().Add(-chat.KeyRetention-time.Minute), time.Now()
	for i := range 40 {
		record(fmt.Sprint(i), before) // each sweeps those that came before it
	}
	for i := range 3 {
		record(fmt.Sprint(i), now) // keys that are expired and used again
	}
	record("new", now)
	keys, expiries, err := b.Keys()
	if err != nil {
		t.Fatal(err)
	}
	if keys != 4 || expiries != 4 {
		t.Errorf("%d keys and %d expiries, want 4 each", keys, expiries)
	}
}

// TestStateIsNotLowerAfterARestart checks that a number whose create was never
// enqueued is not reported, because after a restart it is allocated again.
func TestStateIsNotLowerAfterARestart(t *testing.T) {
	dir := t.TempDir()
	b, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	id := newChat(t, b)
	send(t, b, id, 2, "enqueued")
	for range 2 {
		if _, err := b.Store.AllocateMessageNumber(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Store.AllocateChatNumber(t.Context(), id.AppToken); err != nil {
			t.Fatal(err)
		}
	}
	before := reported(t, b, id)
	want := reportedState{lastMessage: 2, counter: 2, messages: 2, chats: 1}
	if before != want {
		t.Errorf("before the restart: %+v, want %+v", before, want)
	}
	mark, err := chat.NewReadMark("ada", 2, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Readers.MarkRead(t.Context(), id, mark); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	b = open(t, dir, embedded.Options{})
	if after := reported(t, b, id); after != before {
		t.Errorf("after the restart: %+v, want %+v", after, before)
	}
	if n, err := b.Store.AllocateMessageNumber(t.Context(), id); n != 3 || err != nil {
		t.Errorf("number %d, error %v, want 3", n, err)
	}
}

// reportedState is what a backend reports of the numbers of a chat.
type reportedState struct {
	lastMessage, counter int64
	messages, chats      int64 // not stored yet
}

func reported(t *testing.T, b *embedded.Backend, id chat.ChatID) (r reportedState) {
	t.Helper()
	state, err := b.Readers.ReadState(t.Context(), id, "ada")
	if err != nil {
		t.Fatal(err)
	}
	r.lastMessage = state.LastMessage
	if r.counter, _, err = b.Auditor.Counter(t.Context(), id.Parent()); err != nil {
		t.Fatal(err)
	}
	for n := range int64(5) {
		if _, err := b.Store.Message(t.Context(), id, n+1); errors.Is(err, chat.ErrNotStoredYet) {
			r.messages++
		}
		if _, err := b.Store.Chat(t.Context(), chat.ChatID{AppToken: id.AppToken, Number: n + 1}); errors.Is(err, chat.ErrNotStoredYet) {
			r.chats++
		}
	}
	return r
}

func bodies(ctx context.Context, b *embedded.Backend) ([]string, error) {
	letters, err := b.DeadLetters(ctx)
	var all []string
	for _, l := range letters {
		all = append(all, l.Body)
	}
	return all, err
}

func TestOpen(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, dir string)
		want    error
	}{
		{"new folder", func(*testing.T, string) {}, nil},
		{"empty folder", func(t *testing.T, dir string) { makeDir(t, dir) }, nil},
		{"a disk's lost+found", func(t *testing.T, dir string) { makeDir(t, filepath.Join(dir, "lost+found")) }, nil},
		{"files of something else", func(t *testing.T, dir string) { writeFile(t, dir, "notes.txt", "mine") }, embedded.ErrForeign},
		{"a marker of something else", func(t *testing.T, dir string) { writeFile(t, dir, "chatapi.json", "{}") }, embedded.ErrForeign},
		{"an older format", func(t *testing.T, dir string) { writeFile(t, dir, "chatapi.json", `{"chatapi_data_format":4}`) }, embedded.ErrFormat},
		{"a later format", func(t *testing.T, dir string) { writeFile(t, dir, "chatapi.json", `{"chatapi_data_format":99}`) }, embedded.ErrFormat},
		{"open already", func(t *testing.T, dir string) { open(t, dir, embedded.Options{}) }, embedded.ErrInUse},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			tt.prepare(t, dir)
			b, err := embedded.Open(dir, embedded.Options{})
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if err == nil {
				_ = b.Close()
			}
		})
	}
}

func makeDir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	makeDir(t, dir)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
