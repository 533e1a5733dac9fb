// Package chattest holds one contract suite for each port of package chat.
// Every adapter of a port runs the port's suite, so all engines do the same.
package chattest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Store is the contract of the port chat.Store. It calls open once, runs its
// cases side by side, each in apps of its own, and never expects the store to
// be empty.
func Store(t *testing.T, open func(t *testing.T) chat.Store) {
	s := storeTest{open(t)}
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s storeTest)
	}{
		{"an app is read as it was created", appRoundTrip},
		{"an unknown app is not found", unknownApp},
		{"pages of apps hold each app once", appPages},
		{"a cursor of no page is invalid", badCursor},
		{"concurrent takers get chat numbers 1 to N", takeChatNumbers},
		{"concurrent takers get message numbers 1 to N", takeMessageNumbers},
		{"opening again does not number anew", openAgain},
		{"a chat is open once it is opened or stored", openChat},
		{"a chat is read as it was stored", chatRoundTrip},
		{"chats stored again stay as they are", storeChatsAgain},
		{"chats are stored once by overlapping calls", storeChatsConcurrently},
		{"chats are stored by the hundred", storeManyChats},
		{"chats of an unknown app are not stored", storeChatsOfUnknownApp},
		{"a chat that is not there says why", missingChat},
		{"messages are read as they were stored", messageRoundTrip},
		{"messages stored again stay as they are", storeMessagesAgain},
		{"messages are stored once by overlapping calls", storeMessagesConcurrently},
		{"messages are stored by the hundred", storeManyMessages},
		{"the count of messages is never ahead nor behind", countWhileStoring},
		{"a message that is not there says why", missingMessage},
		{"a chat appears with the messages stored before it", messagesBeforeChat},
		{"chats and messages race to be stored first", messagesRaceChat},
		{"an edit of an app", updateApp},
		{"an edit of a chat", updateChat},
		{"an edit of a message", updateMessage},
		{"an edit changes what it names and nothing else", partialEdits},
		{"an edit of what is not there says why", updateMissing},
		{"an edit of another version than allowed is refused", updateVersions},
		{"edits at the same time each add a version", updateConcurrently},
		{"of edits of one version one is made", updateOneVersion},
		{"a deleted message leaves its tombstone", deleteMessage},
		{"a message is deleted once", deleteConcurrently},
		{"a create that comes again undoes no edit and no delete", createsAfterEdits},
		{"counts are exact while messages are deleted", countWhileDeleting},
		{"pages of chats", chatPages},
		{"chats that are not stored do not shorten a page", hiddenChats},
		{"pages of messages", messagePages},
		{"pages of nothing", emptyPages},
		{"void numbers are listed", listVoid},
		{"pages of void numbers", pagesOfVoid},
		{"a missing message is late or void", missingOrVoid},
		{"apps are apart", appsApart},
		{"an end of the context ends every method", cancelled},
		{"a store that works answers a ping", ping},
		{"random calls give what a simple model gives", storeModel},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, s)
		})
	}
}

// storeTest is the store under test, with what many cases begin with.
type storeTest struct{ chat.Store }

// clock is the time at which everything in the suite is created. It has
// milliseconds, the finest that stores keep.
var clock = time.Date(2026, time.March, 14, 15, 9, 26, 535_000_000, time.UTC)

func newApp(t *testing.T, name string) chat.App {
	t.Helper()
	app, err := chat.NewApp(name, nil, clock)
	if err != nil {
		t.Fatalf("new app: %v", err)
	}
	return app
}

// unknownToken has the form of a token and belongs to no app.
func unknownToken(t *testing.T) string {
	t.Helper()
	return newApp(t, "never stored").Token
}

// app creates an app and returns its token.
func (s storeTest) app(t *testing.T) string {
	t.Helper()
	app := newApp(t, t.Name()[strings.LastIndex(t.Name(), "/")+1:])
	if err := s.CreateApp(t.Context(), app); err != nil {
		t.Fatalf("create app: %v", err)
	}
	return app.Token
}

// take takes n chat numbers and returns chats with them.
func (s storeTest) take(t *testing.T, token string, n int) []chat.Chat {
	t.Helper()
	chats := make([]chat.Chat, n)
	for i := range chats {
		number, err := s.AllocateChatNumber(t.Context(), token)
		if err != nil {
			t.Fatalf("take chat number: %v", err)
		}
		chats[i] = newChat(t, token, number)
	}
	return chats
}

func newChat(t *testing.T, token string, number int64) chat.Chat {
	t.Helper()
	c, err := chat.NewChat(token, fmt.Sprintf("chat %d", number), nil, clock.Add(time.Duration(number)*time.Second))
	if err != nil {
		t.Fatalf("new chat: %v", err)
	}
	c.Number = number
	return c
}

// open takes a chat number and opens the chat.
func (s storeTest) open(t *testing.T, token string) chat.ChatID {
	t.Helper()
	id := s.take(t, token, 1)[0].ID()
	if err := s.CreateCounter(t.Context(), id); err != nil {
		t.Fatalf("open chat: %v", err)
	}
	return id
}

// takeMessages takes n message numbers and returns messages with them.
func (s storeTest) takeMessages(t *testing.T, id chat.ChatID, n int) []chat.Message {
	t.Helper()
	messages := make([]chat.Message, n)
	for i := range messages {
		number, err := s.AllocateMessageNumber(t.Context(), id)
		if err != nil {
			t.Fatalf("take message number: %v", err)
		}
		messages[i] = newMessage(t, id, number)
	}
	return messages
}

func newMessage(t *testing.T, id chat.ChatID, number int64) chat.Message {
	t.Helper()
	m, err := chat.NewMessage(id, fmt.Sprintf("message %d", number), "Ada", nil, clock.Add(time.Duration(number)*time.Minute))
	if err != nil {
		t.Fatalf("new message: %v", err)
	}
	m.Number = number
	return m
}

func (s storeTest) storeChats(t *testing.T, token string, chats []chat.Chat) {
	t.Helper()
	if err := s.StoreChats(t.Context(), token, chats); err != nil {
		t.Fatalf("store %d chats: %v", len(chats), err)
	}
}

func (s storeTest) storeMessages(t *testing.T, id chat.ChatID, messages []chat.Message) {
	t.Helper()
	if err := s.StoreMessages(t.Context(), id, messages); err != nil {
		t.Fatalf("store %d messages: %v", len(messages), err)
	}
}

// wantChatCount checks the app's count against want and against its rows.
func (s storeTest) wantChatCount(t *testing.T, token string, want int) {
	t.Helper()
	app, err := s.App(t.Context(), token)
	if err != nil {
		t.Fatalf("read app: %v", err)
	}
	if app.ChatCount != int64(want) {
		t.Errorf("chat_count is %d, want %d", app.ChatCount, want)
	}
	if rows := s.allChats(t, token); len(rows) != want {
		t.Errorf("%d chats are listed, want %d", len(rows), want)
	}
}

// wantMessageCount checks the chat's count against want and against its rows.
func (s storeTest) wantMessageCount(t *testing.T, id chat.ChatID, want int) {
	t.Helper()
	c, err := s.Chat(t.Context(), id)
	if err != nil {
		t.Fatalf("read chat: %v", err)
	}
	if c.MessageCount != int64(want) {
		t.Errorf("message_count is %d, want %d", c.MessageCount, want)
	}
	if rows := s.allMessages(t, id); len(rows) != want {
		t.Errorf("%d messages are listed, want %d", len(rows), want)
	}
}

func (s storeTest) allChats(t *testing.T, token string) (all []chat.Chat) {
	t.Helper()
	for page := (chat.Page{Limit: chat.MaxPage}); ; page.After = all[len(all)-1].Number {
		chats, more, err := s.Chats(t.Context(), token, page)
		if err != nil {
			t.Fatalf("list chats: %v", err)
		}
		all = append(all, chats...)
		if !more {
			return all
		}
		if len(chats) == 0 {
			t.Fatal("an empty page says that there are more chats")
		}
	}
}

func (s storeTest) allMessages(t *testing.T, id chat.ChatID) (all []chat.Message) {
	t.Helper()
	for page := (chat.Page{Limit: chat.MaxPage}); ; page.After = all[len(all)-1].Number {
		messages, more, err := s.Messages(t.Context(), id, page)
		if err != nil {
			t.Fatalf("list messages: %v", err)
		}
		all = append(all, messages...)
		if !more {
			return all
		}
		if len(messages) == 0 {
			t.Fatal("an empty page says that there are more messages")
		}
	}
}

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error %v, want %v", got, want)
	}
}

func wantEqual(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

// someMetadata is what rows keep as it was given.
var someMetadata = []chat.Metadata{
	nil,
	{"colour": "blue", "empty": ""},
	{"a.b:c#d": "Café ☕ سلام \x00 <&>", " ": "\n"},
	{"k": strings.Repeat("v", chat.MaxMetadata-1)},
}

// takers and takes are small, because every take may be a write to disk.
const takers, takes = 32, 4

// overlapping returns slices of 1 to n items, so that each item is in several.
func overlapping[T any](items []T, slicesOf int) (all [][]T) {
	for i := 0; i < len(items); i += slicesOf / 2 {
		part := slices.Clone(items[i:min(i+slicesOf, len(items))])
		rand.Shuffle(len(part), func(a, b int) { part[a], part[b] = part[b], part[a] })
		all = append(all, part)
	}
	return append(all, items)
}

func cancelled(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 1)
	s.storeChats(t, token, chats)
	id := chats[0].ID()
	messages := s.takeMessages(t, id, 1)
	s.storeMessages(t, id, messages)
	page := chat.Page{Limit: 1}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, call := range []struct {
		name string
		run  func() error
	}{
		{"CreateApp", func() error { return s.CreateApp(ctx, newApp(t, "late")) }},
		{"App", func() error { _, err := s.App(ctx, token); return err }},
		{"Apps", func() error { _, _, err := s.Apps(ctx, "", 1); return err }},
		{"AllocateChatNumber", func() error { _, err := s.AllocateChatNumber(ctx, token); return err }},
		{"CreateCounter", func() error { return s.CreateCounter(ctx, id) }},
		{"StoreChats", func() error { return s.StoreChats(ctx, token, chats) }},
		{"Chat", func() error { _, err := s.Chat(ctx, id); return err }},
		{"Chats", func() error { _, _, err := s.Chats(ctx, token, page); return err }},
		{"AllocateMessageNumber", func() error { _, err := s.AllocateMessageNumber(ctx, id); return err }},
		{"StoreMessages", func() error { return s.StoreMessages(ctx, id, messages) }},
		{"Message", func() error { _, err := s.Message(ctx, id, 1); return err }},
		{"Messages", func() error { _, _, err := s.Messages(ctx, id, page); return err }},
		{"CheckChat", func() error { return s.CheckChat(ctx, id) }},
		{"UpdateApp", func() error { _, err := s.UpdateApp(ctx, token, chat.AppEdit{At: clock}, nil); return err }},
		{"UpdateChat", func() error { _, err := s.UpdateChat(ctx, id, chat.ChatEdit{At: clock}, nil); return err }},
		{"UpdateMessage", func() error { _, err := s.UpdateMessage(ctx, id, 1, chat.MessageEdit{At: clock}, nil); return err }},
		{"DeleteMessage", func() error { return s.DeleteMessage(ctx, id, 1, clock, nil) }},
		{"Ping", func() error { return s.Ping(ctx) }},
	} {
		wantEnd(t, call.name, 2*time.Second, call.run)
	}
}

func ping(t *testing.T, s storeTest) {
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
}
