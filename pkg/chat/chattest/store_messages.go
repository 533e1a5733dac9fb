package chattest

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chatapi/pkg/chat"

	"golang.org/x/sync/errgroup"
)

func messageRoundTrip(t *testing.T, s storeTest) {
	token := s.app(t)
	id := s.open(t, token)
	bodies := []string{
		"x",
		"  Café, cafe\u0301 \r\n\ttwo lines ",
		"سَلامٌ عليكم ـ 你好 नमस्ते \u200f\u2028",
		"👩‍👩‍👧‍👦🏳️‍🌈",
		"NUL \x00 and \x7f \"quotes\" \\ <tags> & {{x}}",
		"\ufffd\ufeff\ufffe\uffff\U0010ffff",
		strings.Repeat("b", chat.MaxBody),
		strings.Repeat("🚀", chat.MaxBody/4),
	}
	messages := s.takeMessages(t, id, len(bodies))
	for i, body := range bodies {
		messages[i].Body = body
		messages[i].Sender = []string{"", "Ada", strings.Repeat("ß", chat.MaxSender)}[i%3]
		messages[i].Metadata = someMetadata[i%len(someMetadata)]
		messages[i].UpdatedAt = messages[i].UpdatedAt.Add(time.Millisecond)
	}
	s.storeMessages(t, id, messages)
	for _, want := range messages {
		got, err := s.Message(t.Context(), id, want.Number)
		if err != nil {
			t.Fatalf("read message %d: %v", want.Number, err)
		}
		wantEqual(t, got, want)
	}
	wantEqual(t, s.allMessages(t, id), messages)
}

func storeMessagesAgain(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 1)
	s.storeChats(t, token, chats)
	id := chats[0].ID()
	messages := s.takeMessages(t, id, 6)
	s.storeMessages(t, id, messages[:4])

	late := slices.Clone(messages)
	for i := range late {
		late[i].Body = "late"
		late[i].UpdatedAt = late[i].UpdatedAt.Add(time.Hour)
	}
	s.storeMessages(t, id, late[:4])
	s.storeMessages(t, id, []chat.Message{late[3], messages[4], late[0], messages[4], messages[5]}) // two new, one twice
	s.storeMessages(t, id, nil)

	wantEqual(t, s.allMessages(t, id), messages)
	s.wantMessageCount(t, id, 6)
	got, err := s.Chat(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	chats[0].MessageCount = 6
	wantEqual(t, got, chats[0]) // an arriving message is no edit of the chat
}

func storeMessagesConcurrently(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 1)
	s.storeChats(t, token, chats)
	id := chats[0].ID()
	messages := s.takeMessages(t, id, 30)
	group, ctx := errgroup.WithContext(t.Context())
	for _, part := range overlapping(messages, 10) {
		group.Go(func() error { return s.StoreMessages(ctx, id, part) })
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("store messages: %v", err)
	}
	wantEqual(t, s.allMessages(t, id), messages)
	s.wantMessageCount(t, id, len(messages))
}

func storeManyMessages(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 1)
	s.storeChats(t, token, chats)
	id := chats[0].ID()
	messages := s.takeMessages(t, id, 230)
	s.storeMessages(t, id, messages[95:105])
	s.storeMessages(t, id, slices.Concat(messages[:200], messages[:150], messages[180:]))
	wantEqual(t, s.allMessages(t, id), messages)
	s.wantMessageCount(t, id, len(messages))
}

// countWhileStoring reads rows, then the count, then rows again: since rows
// are only added, the count must lie between the two.
func countWhileStoring(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 1)
	s.storeChats(t, token, chats)
	id := chats[0].ID()
	messages := s.takeMessages(t, id, 60)

	var stored atomic.Bool
	group, ctx := errgroup.WithContext(t.Context())
	group.Go(func() error {
		defer stored.Store(true)
		for part := range slices.Chunk(messages, 3) {
			if err := s.StoreMessages(ctx, id, part); err != nil {
				return err
			}
		}
		return nil
	})
	for !stored.Load() {
		before := len(s.allMessages(t, id))
		c, err := s.Chat(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		after := len(s.allMessages(t, id))
		if c.MessageCount < int64(before) || c.MessageCount > int64(after) {
			t.Errorf("message_count is %d between listings of %d and %d", c.MessageCount, before, after)
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("store messages: %v", err)
	}
	s.wantMessageCount(t, id, len(messages))
}

func missingMessage(t *testing.T, s storeTest) {
	token := s.app(t)
	id := s.open(t, token)
	s.storeMessages(t, id, s.takeMessages(t, id, 2)[1:])
	for _, c := range []struct {
		name   string
		id     chat.ChatID
		number int64
		want   error
	}{
		{"stored", id, 2, nil},
		{"taken", id, 1, chat.ErrNotStoredYet},
		{"never given out", id, 3, chat.ErrMessageNotFound},
		{"far beyond", id, chat.MaxNumber, chat.ErrMessageNotFound},
		{"in no chat", chat.ChatID{AppToken: token, Number: 2}, 1, chat.ErrChatNotFound},
		{"in no app", chat.ChatID{AppToken: unknownToken(t), Number: 1}, 1, chat.ErrAppNotFound},
	} {
		if _, err := s.Message(t.Context(), c.id, c.number); !errors.Is(err, c.want) {
			t.Errorf("read a message %s: error %v, want %v", c.name, err, c.want)
		}
	}
}

func messagesBeforeChat(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 1)
	id := chats[0].ID()
	if err := s.CreateCounter(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	messages := s.takeMessages(t, id, 3)
	s.storeMessages(t, id, messages[:2])

	_, err := s.Chat(t.Context(), id)
	wantError(t, err, chat.ErrNotStoredYet)
	s.wantChatCount(t, token, 0)
	wantEqual(t, s.allMessages(t, id), messages[:2])

	s.storeChats(t, token, chats)
	s.wantChatCount(t, token, 1)
	s.wantMessageCount(t, id, 2)
	s.storeMessages(t, id, messages)
	chats[0].MessageCount = 3
	wantEqual(t, s.allChats(t, token), chats)
}

func messagesRaceChat(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 4)
	messages := map[int64][]chat.Message{}
	for _, c := range chats {
		if err := s.CreateCounter(t.Context(), c.ID()); err != nil {
			t.Fatal(err)
		}
		messages[c.Number] = s.takeMessages(t, c.ID(), 6)
	}
	group, ctx := errgroup.WithContext(t.Context())
	for _, c := range chats {
		for part := range slices.Chunk(messages[c.Number], 2) {
			group.Go(func() error { return s.StoreMessages(ctx, c.ID(), part) })
		}
		group.Go(func() error { return s.StoreChats(ctx, token, []chat.Chat{c}) })
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("store chats and messages: %v", err)
	}
	s.wantChatCount(t, token, len(chats))
	for _, c := range chats {
		s.wantMessageCount(t, c.ID(), 6)
	}
}
