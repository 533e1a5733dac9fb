package chattest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"chatapi/pkg/chat"

	"golang.org/x/sync/errgroup"
)

// Scanner is the contract of the port chat.Scanner, beside the store that it
// scans. It calls open once and runs its cases side by side, each in apps of
// its own, and never expects the store to be empty.
func Scanner(t *testing.T, open func(t *testing.T) (chat.Store, chat.Scanner)) {
	store, scanner := open(t)
	s := scannerTest{storeTest{store}, scanner}
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s scannerTest)
	}{
		{"each message is on one page, in its newest version", scanAll},
		{"what is stored before is scanned while others write", scanWhileStoring},
		{"a cursor of no page is invalid", badScanCursor},
		{"an end of the context ends a scan", cancelledScan},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, s)
		})
	}
}

type scannerTest struct {
	storeTest
	chat.Scanner
}

// scan returns the messages of one app that a whole scan gives, in the order
// of their chats and numbers.
func (s scannerTest) scan(t *testing.T, token string, limit int) (found []chat.Message) {
	t.Helper()
	for cursor := ""; ; {
		messages, next, err := s.ScanMessages(t.Context(), cursor, limit)
		if err != nil {
			t.Fatalf("scan messages: %v", err)
		}
		if len(messages) > limit {
			t.Fatalf("a page has %d messages, want %d at most", len(messages), limit)
		}
		for _, m := range messages {
			if m.AppToken == token {
				found = append(found, m)
			}
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	slices.SortFunc(found, func(a, b chat.Message) int { return int(a.Number-b.Number) + 1000*int(a.ChatNumber-b.ChatNumber) })
	return found
}

func scanAll(t *testing.T, s scannerTest) {
	c, messages := s.stored(t, 25)
	other := s.open(t, c.AppToken)
	inOther := s.takeMessages(t, other, 3)
	s.storeMessages(t, other, inOther)
	edit := chat.MessageEdit{Body: to("edited"), At: editedAt}
	if _, err := s.UpdateMessage(t.Context(), c.ID(), 2, edit, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteMessage(t.Context(), c.ID(), 3, editedAt, nil); err != nil {
		t.Fatal(err)
	}
	want := slices.Concat(messages, inOther)
	want[1], want[2] = edit.Apply(want[1]), want[2].Tombstone(editedAt)
	for _, limit := range []int{1, 7, 1000} {
		wantEqual(t, s.scan(t, c.AppToken, limit), want)
	}
}

func scanWhileStoring(t *testing.T, s scannerTest) {
	c, messages := s.stored(t, 40)
	ctx, stop := context.WithCancel(t.Context())
	var writers errgroup.Group
	for range 4 {
		writers.Go(func() error {
			for ctx.Err() == nil {
				number, err := s.AllocateMessageNumber(ctx, c.ID())
				if err == nil {
					err = s.StoreMessages(ctx, c.ID(), []chat.Message{newMessage(t, c.ID(), number)})
				}
				if err != nil && ctx.Err() == nil {
					return err
				}
			}
			return nil
		})
	}
	seen := map[int64]int{}
	for _, m := range s.scan(t, c.AppToken, 5) {
		seen[m.Number]++
	}
	stop()
	if err := writers.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if seen[m.Number] != 1 {
			t.Errorf("message %d is on %d pages", m.Number, seen[m.Number])
		}
	}
}

func badScanCursor(t *testing.T, s scannerTest) {
	for _, cursor := range []string{"?", "x", "bm9ib2R5"} {
		_, _, err := s.ScanMessages(t.Context(), cursor, 1)
		var invalid *chat.InvalidError
		if !errors.As(err, &invalid) || invalid.Fields[0].Field != "cursor" {
			t.Errorf("cursor %q: error %v, want an *InvalidError of cursor", cursor, err)
		}
	}
}

func cancelledScan(t *testing.T, s scannerTest) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.ScanMessages(ctx, "", 1); err == nil {
		t.Error("no error")
	}
}
