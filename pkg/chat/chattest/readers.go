package chattest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"

	"golang.org/x/sync/errgroup"
)

// Readers is the contract of the port chat.Readers, beside the store whose
// chats are read. It calls open once and runs its cases side by side, each in
// apps of its own.
func Readers(t *testing.T, open func(t *testing.T) (chat.Store, chat.Readers)) {
	store, readers := open(t)
	s := readersTest{storeTest{store}, readers}
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s readersTest)
	}{
		{"a reader that was never seen has read nothing", neverSeen},
		{"a mark rises and never falls", marksRise},
		{"a mark beyond the last number is invalid", marksBeyond},
		{"concurrent marks end at the highest", concurrentMarks},
		{"unread goes with the numbers given out", unreadGrows},
		{"readers, chats and apps are apart", readersApart},
		{"names of readers are kept to the letter", readerNames},
		{"a chat that is not there says why", readersOfMissingChat},
		{"an end of the context ends every method", readersCancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, s)
		})
	}
}

type readersTest struct {
	storeTest
	chat.Readers
}

// chatWith opens a chat and takes n message numbers in it.
func (s readersTest) chatWith(t *testing.T, n int) chat.ChatID {
	t.Helper()
	id := s.open(t, s.app(t))
	s.takeMessages(t, id, n)
	return id
}

func newMark(t *testing.T, reader string, lastRead int64) chat.ReadMark {
	t.Helper()
	mark, err := chat.NewReadMark(reader, lastRead, clock.Add(time.Duration(lastRead)*time.Second))
	if err != nil {
		t.Fatalf("new mark: %v", err)
	}
	return mark
}

// state returns what the reader's state is once it has read so far.
func state(t *testing.T, reader string, lastRead, lastMessage int64) chat.ReadState {
	t.Helper()
	if lastRead == 0 {
		return chat.ReadState{ReadMark: chat.ReadMark{Reader: reader}, LastMessage: lastMessage}
	}
	return chat.ReadState{ReadMark: newMark(t, reader, lastRead), LastMessage: lastMessage}
}

func (s readersTest) mark(t *testing.T, id chat.ChatID, reader string, lastRead int64) chat.ReadState {
	t.Helper()
	got, err := s.MarkRead(t.Context(), id, newMark(t, reader, lastRead))
	if err != nil {
		t.Fatalf("mark %d as read: %v", lastRead, err)
	}
	return got
}

func (s readersTest) wantState(t *testing.T, id chat.ChatID, want chat.ReadState) {
	t.Helper()
	got, err := s.ReadState(t.Context(), id, want.Reader)
	if err != nil {
		t.Fatalf("read state of %q: %v", want.Reader, err)
	}
	wantEqual(t, got, want)
}

func neverSeen(t *testing.T, s readersTest) {
	empty, used := s.chatWith(t, 0), s.chatWith(t, 3)
	s.wantState(t, empty, state(t, "ada", 0, 0))
	s.wantState(t, used, state(t, "ada", 0, 3))
	wantEqual(t, s.mark(t, empty, "ada", 0), state(t, "ada", 0, 0))
	wantEqual(t, s.mark(t, used, "ada", 0), state(t, "ada", 0, 3))
	s.wantState(t, used, state(t, "ada", 0, 3))
}

func marksRise(t *testing.T, s readersTest) {
	id := s.chatWith(t, 9)
	for _, c := range []struct {
		name           string
		mark, lastRead int64
	}{
		{"first", 3, 3},
		{"higher", 7, 7},
		{"again", 7, 7},
		{"late", 4, 7},
		{"nothing", 0, 7},
		{"the last", 9, 9},
		{"late again", 8, 9},
	} {
		got := s.mark(t, id, "ada", c.mark)
		want := state(t, "ada", c.lastRead, 9)
		if got != want || got.Unread() != 9-c.lastRead {
			t.Errorf("%s: mark %d answers %+v, want %+v", c.name, c.mark, got, want)
		}
		s.wantState(t, id, want)
	}
}

func marksBeyond(t *testing.T, s readersTest) {
	id := s.chatWith(t, 2)
	s.mark(t, id, "ada", 1)
	for _, lastRead := range []int64{3, chat.MaxNumber} {
		_, err := s.MarkRead(t.Context(), id, newMark(t, "ada", lastRead))
		var invalid *chat.InvalidError
		if !errors.As(err, &invalid) || invalid.Fields[0].Field != "last_read" || !strings.Contains(err.Error(), "at most 2") {
			t.Errorf("mark %d: error %v, want one of last_read that names the limit 2", lastRead, err)
		}
	}
	s.wantState(t, id, state(t, "ada", 1, 2))
}

func concurrentMarks(t *testing.T, s readersTest) {
	const n = 20
	id := s.chatWith(t, n)
	group, ctx := errgroup.WithContext(t.Context())
	for i := range int64(n) {
		group.Go(func() error {
			got, err := s.MarkRead(ctx, id, newMark(t, "ada", i+1))
			if err == nil && (got.LastRead < i+1 || got.Unread() < 0) {
				err = fmt.Errorf("mark %d answers %+v", i+1, got)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	s.wantState(t, id, state(t, "ada", n, n))
}

func unreadGrows(t *testing.T, s readersTest) {
	id := s.chatWith(t, 1)
	s.mark(t, id, "ada", 1)
	for n := int64(2); n < 5; n++ {
		s.takeMessages(t, id, 1)
		s.wantState(t, id, state(t, "ada", 1, n))
	}
	s.storeMessages(t, id, []chat.Message{newMessage(t, id, 2)}) // a row counts no further than its number
	s.wantState(t, id, state(t, "ada", 1, 4))
}

func readersApart(t *testing.T, s readersTest) {
	one := s.chatWith(t, 5)
	two := s.open(t, one.AppToken)
	s.takeMessages(t, two, 6)
	other := s.chatWith(t, 7)
	s.mark(t, one, "ada", 2)
	s.mark(t, two, "ada", 3)
	s.mark(t, one, "bob", 4)
	s.wantState(t, one, state(t, "ada", 2, 5))
	s.wantState(t, two, state(t, "ada", 3, 6))
	s.wantState(t, one, state(t, "bob", 4, 5))
	s.wantState(t, other, state(t, "ada", 0, 7))
}

func readerNames(t *testing.T, s readersTest) {
	names := []string{
		"a", "A", " a", "a ", "a#1", "%61", "ada@example.com", "Zoë", "Zoe\u0308", "你好", "👩‍👩‍👧‍👦", "..",
		strings.Repeat("r", chat.MaxReader), strings.Repeat("🚀", chat.MaxReader),
	}
	id := s.chatWith(t, len(names))
	for i, name := range names {
		s.mark(t, id, name, int64(i+1))
	}
	for i, name := range names {
		s.wantState(t, id, state(t, name, int64(i+1), int64(len(names))))
	}
}

func readersOfMissingChat(t *testing.T, s readersTest) {
	token := s.app(t)
	for _, c := range []struct {
		id   chat.ChatID
		want error
	}{
		{chat.ChatID{AppToken: token, Number: 1}, chat.ErrChatNotFound},
		{chat.ChatID{AppToken: unknownToken(t), Number: 1}, chat.ErrAppNotFound},
	} {
		_, err := s.ReadState(t.Context(), c.id, "ada")
		wantError(t, err, c.want)
		_, err = s.MarkRead(t.Context(), c.id, newMark(t, "ada", 0))
		wantError(t, err, c.want)
	}
}

func readersCancelled(t *testing.T, s readersTest) {
	id := s.chatWith(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.ReadState(ctx, id, "ada"); err == nil {
		t.Error("ReadState: no error")
	}
	if _, err := s.MarkRead(ctx, id, newMark(t, "ada", 1)); err == nil {
		t.Error("MarkRead: no error")
	}
	s.wantState(t, id, state(t, "ada", 0, 1))
}
