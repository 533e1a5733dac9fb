package embedded_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/embedded"
)

func TestStream(t *testing.T) {
	chattest.Stream(t, func(t *testing.T) chattest.StreamUnderTest {
		b := open(t, t.TempDir(), embedded.Options{})
		return chattest.StreamUnderTest{Store: b.Store, Stream: b.Stream}
	})
}

// TestCheckpointInTheMiddle: changes take many pages of the file, and those that
// were not indexed stay.
func TestCheckpointInTheMiddle(t *testing.T) {
	b := open(t, t.TempDir(), embedded.Options{})
	id := newChat(t, b)
	const total = 2000
	messages := make([]chat.Message, total)
	for i := range messages {
		m, err := chat.NewMessage(id, strings.Repeat("long ", 100), "", nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		m.Number = int64(i + 1)
		messages[i] = m
	}
	if err := b.Store.StoreMessages(t.Context(), id, messages); err != nil {
		t.Fatal(err)
	}
	left := read(t, b, total)
	for _, done := range []int{1, 777, 778, total} {
		i := slices.IndexFunc(left, func(c chat.Change) bool { return c.New.Number == int64(done) })
		if err := b.Stream.Checkpoint(t.Context(), left[i].Sequence); err != nil {
			t.Fatal(err)
		}
		left = read(t, b, total)
		if len(left) != total-done || len(left) > 0 && left[0].New.Number != int64(done+1) {
			t.Fatalf("%d changes are left after %d of %d", len(left), done, total)
		}
	}
}

func read(t *testing.T, b *embedded.Backend, limit int) []chat.Change {
	t.Helper()
	changes, err := b.Stream.Read(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}
