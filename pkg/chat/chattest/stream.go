package chattest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"chatapi/pkg/chat"

	"golang.org/x/sync/errgroup"
)

// StreamUnderTest is a new store without any row, and the stream of its
// changes.
type StreamUnderTest struct {
	Store  chat.Store
	Stream chat.Stream
}

// Stream is the contract of the port chat.Stream. It runs its cases side by
// side and calls open for each.
func Stream(t *testing.T, open func(t *testing.T) StreamUnderTest) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s streamTest)
	}{
		{"a stored message is a change", readStored},
		{"messages stored again are no change", readStoredAgain},
		{"an edit and a delete are changes", readEdits},
		{"apps and chats are no changes", readOnlyMessages},
		{"what is not checkpointed is read again", readAgain},
		{"what is checkpointed is read no more", readBehindCheckpoint},
		{"an old checkpoint forgets nothing more", checkpointAgain},
		{"no more are read than asked for", readInParts},
		{"changes of a chat come in order", readInOrder},
		{"concurrent changes all come, once each", readStoredSideBySide},
		{"a change wakes a read that waits", readWhileStoring},
		{"a stream without changes gives nothing, in bounded time", readNothing},
		{"an end of the context ends a read", cancelledStream},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			c.run(t, streamTest{storeTest: storeTest{s.Store}, Stream: s.Stream})
		})
	}
}

type streamTest struct {
	storeTest
	chat.Stream
}

// store stores n messages of a new chat, in one call.
func (s streamTest) store(t *testing.T, n int) (chat.ChatID, []chat.Message) {
	t.Helper()
	id := s.open(t, s.app(t))
	messages := s.takeMessages(t, id, n)
	s.storeMessages(t, id, messages)
	return id, messages
}

// read waits until there are n changes and returns all there are.
func (s streamTest) readAll(t *testing.T, n int) []chat.Change {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		changes, err := s.Read(t.Context(), 1000)
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		if len(changes) >= n {
			return changes
		}
	}
	t.Fatalf("fewer than %d changes in %v", n, patience)
	return nil
}

// wantNothing checks that there is no change.
func (s streamTest) wantNothing(t *testing.T) {
	t.Helper()
	changes, err := s.Read(t.Context(), 10)
	if err != nil || len(changes) > 0 {
		t.Errorf("%d changes, error %v, want none and none", len(changes), err)
	}
}

func (s streamTest) checkpoint(t *testing.T, sequence uint64) {
	t.Helper()
	if err := s.Checkpoint(t.Context(), sequence); err != nil {
		t.Fatalf("checkpoint: %v", err)
	}
}

// changed returns the messages as changes left them.
func changed(changes []chat.Change) (messages []chat.Message) {
	for _, c := range changes {
		messages = append(messages, *c.New)
	}
	return messages
}

// roughly is how exact the time of a change is: DynamoDB cuts it to the minute.
const roughly = time.Minute + time.Second

// readEdits: each change has the row as it was and as it is then, and what did
// not change the row is no change.
func readEdits(t *testing.T, s streamTest) {
	id, messages := s.store(t, 1)
	edit := chat.MessageEdit{Body: to("edited"), Metadata: &chat.Metadata{"k": "v"}, At: editedAt}
	for range 2 {
		if _, err := s.UpdateMessage(t.Context(), id, 1, edit, chat.Versions{1}); err != nil && !errors.Is(err, chat.ErrVersionChanged) {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := s.DeleteMessage(t.Context(), id, 1, editedAt, nil); err != nil {
			t.Fatal(err)
		}
	}
	changes := s.readAll(t, 3)
	second := edit.Apply(messages[0])
	wantEqual(t, changed(changes), []chat.Message{messages[0], second, second.Tombstone(editedAt)})
	for i, c := range changes[1:] {
		wantEqual(t, c.Old, changes[i].New)
	}
}

func readStored(t *testing.T, s streamTest) {
	id := s.open(t, s.app(t))
	m := s.takeMessages(t, id, 1)[0]
	m.Body, m.Sender = "Café ☕ سلام \x00 <b>", "Ada \"L\""
	begun := time.Now()
	s.storeMessages(t, id, []chat.Message{m})
	changes := s.readAll(t, 1)
	wantEqual(t, changed(changes), []chat.Message{m})
	if changes[0].Old != nil {
		t.Errorf("the row before it was stored: %+v", changes[0].Old)
	}
	if at := changes[0].At; at.Before(begun.Add(-roughly)) || at.After(time.Now().Add(roughly)) {
		t.Errorf("changed at %v, want now", at)
	}
}

func readStoredAgain(t *testing.T, s streamTest) {
	id, messages := s.store(t, 3)
	s.checkpoint(t, s.readAll(t, 3)[2].Sequence)
	s.storeMessages(t, id, messages)
	s.wantNothing(t)
}

func readOnlyMessages(t *testing.T, s streamTest) {
	token := s.app(t)
	s.storeChats(t, token, s.take(t, token, 2))
	s.wantNothing(t)
}

func readAgain(t *testing.T, s streamTest) {
	s.store(t, 3)
	first := s.readAll(t, 3)
	wantEqual(t, s.readAll(t, 3), first)
}

func readBehindCheckpoint(t *testing.T, s streamTest) {
	id, messages := s.store(t, 3)
	first := s.readAll(t, 3)
	s.checkpoint(t, first[1].Sequence)
	wantEqual(t, s.readAll(t, 1), first[2:])
	s.checkpoint(t, first[2].Sequence)
	s.wantNothing(t)
	more := s.takeMessages(t, id, 1)
	s.storeMessages(t, id, append(messages, more...))
	wantEqual(t, changed(s.readAll(t, 1)), more)
}

func checkpointAgain(t *testing.T, s streamTest) {
	s.store(t, 3)
	first := s.readAll(t, 3)
	s.checkpoint(t, first[1].Sequence)
	s.checkpoint(t, first[0].Sequence)
	wantEqual(t, s.readAll(t, 1), first[2:])
}

func readInParts(t *testing.T, s streamTest) {
	_, messages := s.store(t, 7)
	all := s.readAll(t, 7)
	var parts []chat.Change
	for len(parts) < 7 {
		changes, err := s.Read(t.Context(), 3)
		if err != nil || len(changes) == 0 || len(changes) > 3 {
			t.Fatalf("%d changes, error %v, want 1 to 3", len(changes), err)
		}
		parts = append(parts, changes...)
		s.checkpoint(t, changes[len(changes)-1].Sequence)
	}
	wantEqual(t, parts, all)
	wantEqual(t, sortedByNumber(changed(parts)), messages)
}

func readInOrder(t *testing.T, s streamTest) {
	id := s.open(t, s.app(t))
	messages := s.takeMessages(t, id, 20)
	for _, m := range messages {
		s.storeMessages(t, id, []chat.Message{m})
	}
	changes := s.readAll(t, len(messages))
	wantEqual(t, changed(changes), messages)
	for i := range changes[1:] {
		if changes[i].Sequence >= changes[i+1].Sequence {
			t.Errorf("sequence %d after %d", changes[i+1].Sequence, changes[i].Sequence)
		}
	}
}

func readStoredSideBySide(t *testing.T, s streamTest) {
	const chats, each = 6, 5
	token := s.app(t)
	var want []chat.Message
	var storing errgroup.Group
	for range chats {
		id := s.open(t, token)
		messages := s.takeMessages(t, id, each)
		want = append(want, messages...)
		for _, m := range messages {
			storing.Go(func() error { return s.StoreMessages(t.Context(), id, []chat.Message{m}) })
		}
	}
	if err := storing.Wait(); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, sortedByNumber(changed(s.readAll(t, chats*each))), sortedByNumber(want))
}

// sortedByNumber sorts messages by chat and number.
func sortedByNumber(messages []chat.Message) []chat.Message {
	slices.SortFunc(messages, func(a, b chat.Message) int {
		if a.ChatNumber != b.ChatNumber {
			return int(a.ChatNumber - b.ChatNumber)
		}
		return int(a.Number - b.Number)
	})
	return messages
}

func readWhileStoring(t *testing.T, s streamTest) {
	id := s.open(t, s.app(t))
	m := s.takeMessages(t, id, 1)
	s.wantNothing(t) // the stream is being read
	var storing errgroup.Group
	storing.Go(func() error {
		time.Sleep(100 * time.Millisecond)
		return s.StoreMessages(t.Context(), id, m)
	})
	wantEqual(t, changed(s.readAll(t, 1)), m)
	if err := storing.Wait(); err != nil {
		t.Fatal(err)
	}
}

func readNothing(t *testing.T, s streamTest) {
	begun := time.Now()
	s.wantNothing(t)
	if took := time.Since(begun); took > patience {
		t.Errorf("returned after %v", took)
	}
}

func cancelledStream(t *testing.T, s streamTest) {
	s.wantNothing(t)
	wantEnd(t, "Read that waits", time.Second, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		for { // until the wait of a Read outlasts the context
			if _, err := s.Read(ctx, 1); err != nil || ctx.Err() != nil {
				return ctx.Err()
			}
		}
	})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	wantEnd(t, "Read", time.Second, func() error { _, err := s.Read(ended, 1); return err })
}
