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
	"sync/atomic"
	"testing"
	"time"

	"chatapi/pkg/chat"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sync/errgroup"
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
		number, err := s.TakeChatNumber(t.Context(), token)
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
	if err := s.OpenChat(t.Context(), id); err != nil {
		t.Fatalf("open chat: %v", err)
	}
	return id
}

// takeMessages takes n message numbers and returns messages with them.
func (s storeTest) takeMessages(t *testing.T, id chat.ChatID, n int) []chat.Message {
	t.Helper()
	messages := make([]chat.Message, n)
	for i := range messages {
		number, err := s.TakeMessageNumber(t.Context(), id)
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

func appRoundTrip(t *testing.T, s storeTest) {
	for _, name := range []string{"a", "Café ☕ سلام 你好 \x00 <&>", strings.Repeat("🚀", chat.MaxName)} {
		app := newApp(t, name)
		app.Metadata = someMetadata[len(name)%len(someMetadata)]
		if err := s.CreateApp(t.Context(), app); err != nil {
			t.Fatalf("create app %q: %v", name, err)
		}
		got, err := s.App(t.Context(), app.Token)
		if err != nil {
			t.Fatalf("read app %q: %v", name, err)
		}
		wantEqual(t, got, app)
	}
}

func unknownApp(t *testing.T, s storeTest) {
	token := unknownToken(t)
	id := chat.ChatID{AppToken: token, Number: 1}
	for _, call := range []struct {
		name string
		run  func() error
	}{
		{"App", func() error { _, err := s.App(t.Context(), token); return err }},
		{"TakeChatNumber", func() error { _, err := s.TakeChatNumber(t.Context(), token); return err }},
		{"Chat", func() error { _, err := s.Chat(t.Context(), id); return err }},
		{"Chats", func() error { _, _, err := s.Chats(t.Context(), token, chat.Page{Limit: 1}); return err }},
		{"TakeMessageNumber", func() error { _, err := s.TakeMessageNumber(t.Context(), id); return err }},
		{"Message", func() error { _, err := s.Message(t.Context(), id, 1); return err }},
		{"Messages", func() error { _, _, err := s.Messages(t.Context(), id, chat.Page{Limit: 1}); return err }},
		{"FindChat", func() error { return s.FindChat(t.Context(), id) }},
	} {
		if err := call.run(); !errors.Is(err, chat.ErrAppNotFound) {
			t.Errorf("%s: error %v, want %v", call.name, err, chat.ErrAppNotFound)
		}
	}
}

func appPages(t *testing.T, s storeTest) {
	const mine, limit = 20, 7
	missing := map[string]bool{}
	for range mine {
		missing[s.app(t)] = true
	}
	seen := map[string]bool{}
	for cursor := ""; ; {
		apps, next, err := s.Apps(t.Context(), cursor, limit)
		if err != nil {
			t.Fatalf("list apps from %q: %v", cursor, err)
		}
		if len(apps) > limit || next != "" && len(apps) == 0 {
			t.Fatalf("a page has %d apps of %d, next %q", len(apps), limit, next)
		}
		for _, app := range apps {
			if seen[app.Token] {
				t.Fatalf("app %s is listed twice", app.Token)
			}
			seen[app.Token] = true
			delete(missing, app.Token)
		}
		if next == "" {
			break
		}
		if strings.Trim(next, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~") != "" {
			t.Fatalf("cursor %q needs escaping in a link", next)
		}
		cursor = next
	}
	if len(missing) > 0 {
		t.Errorf("%d of %d apps are on no page", len(missing), mine)
	}
}

func badCursor(t *testing.T, s storeTest) {
	for _, cursor := range []string{"not a cursor", "%", "\x00", "é", strings.Repeat("A", 5000)} {
		_, _, err := s.Apps(t.Context(), cursor, 1)
		var invalid *chat.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("cursor %.20q: error %v, want an *InvalidError", cursor, err)
		}
	}
}

// takers and takes are small, because every take may be a write to disk.
const takers, takes = 32, 4

// takeSideBySide calls take from many goroutines and checks that it returned
// 1 to N, and to each goroutine in rising order.
func takeSideBySide(t *testing.T, take func(context.Context) (int64, error)) {
	t.Helper()
	taken := make([][]int64, takers)
	group, ctx := errgroup.WithContext(t.Context())
	for i := range takers {
		group.Go(func() error {
			for range takes {
				n, err := take(ctx)
				if err != nil {
					return err
				}
				taken[i] = append(taken[i], n)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, numbers := range taken {
		if !slices.IsSorted(numbers) {
			t.Errorf("one taker got %v, out of order", numbers)
		}
	}
	all := slices.Sorted(slices.Values(slices.Concat(taken...)))
	for i, n := range all {
		if n != int64(i+1) {
			t.Fatalf("number %d is the %d. lowest of %d", n, i+1, len(all))
		}
	}
}

func takeChatNumbers(t *testing.T, s storeTest) {
	token := s.app(t)
	takeSideBySide(t, func(ctx context.Context) (int64, error) { return s.TakeChatNumber(ctx, token) })
}

func takeMessageNumbers(t *testing.T, s storeTest) {
	token := s.app(t)
	for range 2 { // chats, each numbered on its own
		id := s.open(t, token)
		takeSideBySide(t, func(ctx context.Context) (int64, error) { return s.TakeMessageNumber(ctx, id) })
	}
}

func openAgain(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 1)
	id := chats[0].ID()
	again := []func() error{
		func() error { return s.OpenChat(t.Context(), id) },
		func() error { return s.StoreChats(t.Context(), token, chats) },
		func() error { return s.OpenChat(t.Context(), id) },
		func() error { return s.StoreChats(t.Context(), token, chats) },
	}
	for i, open := range again {
		if err := open(); err != nil {
			t.Fatalf("opening %d: %v", i, err)
		}
		if n := s.takeMessages(t, id, 1)[0].Number; n != int64(i+1) {
			t.Errorf("message number %d after opening %d times, want %d", n, i+1, i+1)
		}
	}
	if n := s.take(t, token, 1)[0].Number; n != 2 {
		t.Errorf("chat number %d, want 2", n)
	}
}

func openChat(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 3)
	opened, stored, taken := chats[0].ID(), chats[1].ID(), chats[2].ID()
	if err := s.OpenChat(t.Context(), opened); err != nil {
		t.Fatal(err)
	}
	s.storeChats(t, token, chats[1:2])
	for _, c := range []struct {
		name string
		id   chat.ChatID
		want error
	}{
		{"opened", opened, nil},
		{"stored", stored, nil},
		{"only taken", taken, chat.ErrChatNotFound},
		{"not taken", chat.ChatID{AppToken: token, Number: 4}, chat.ErrChatNotFound},
	} {
		if err := s.FindChat(t.Context(), c.id); !errors.Is(err, c.want) {
			t.Errorf("find a chat %s: error %v, want %v", c.name, err, c.want)
		}
		if _, err := s.TakeMessageNumber(t.Context(), c.id); !errors.Is(err, c.want) {
			t.Errorf("take a message number of a chat %s: error %v, want %v", c.name, err, c.want)
		}
	}
}

func chatRoundTrip(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 3)
	chats[0].Title = ""
	chats[1].Title = "Café ☕ سلام 你好 \x00 <&>"
	chats[2].Title = strings.Repeat("🚀", chat.MaxTitle)
	for i := range chats {
		chats[i].Metadata = someMetadata[i+1]
	}
	s.storeChats(t, token, chats)
	for _, want := range chats {
		got, err := s.Chat(t.Context(), want.ID())
		if err != nil {
			t.Fatalf("read chat %d: %v", want.Number, err)
		}
		wantEqual(t, got, want)
	}
	wantEqual(t, s.allChats(t, token), chats)
	s.wantChatCount(t, token, 3)
}

func storeChatsAgain(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 4)
	s.storeChats(t, token, chats[:3])
	s.storeMessages(t, chats[1].ID(), s.takeMessages(t, chats[1].ID(), 2))

	late := slices.Clone(chats)
	for i := range late {
		late[i].Title = "late"
		late[i].CreatedAt = late[i].CreatedAt.Add(time.Hour)
		late[i].UpdatedAt = late[i].UpdatedAt.Add(time.Hour)
	}
	s.storeChats(t, token, late[:3])
	s.storeChats(t, token, []chat.Chat{late[0], chats[3], late[2], late[3], chats[3]}) // one new, twice and changed
	s.storeChats(t, token, nil)

	chats[1].MessageCount = 2
	got := s.allChats(t, token)
	wantEqual(t, got[:min(3, len(got))], chats[:3])
	s.wantChatCount(t, token, 4)
}

// overlapping returns slices of 1 to n items, so that each item is in several.
func overlapping[T any](items []T, slicesOf int) (all [][]T) {
	for i := 0; i < len(items); i += slicesOf / 2 {
		part := slices.Clone(items[i:min(i+slicesOf, len(items))])
		rand.Shuffle(len(part), func(a, b int) { part[a], part[b] = part[b], part[a] })
		all = append(all, part)
	}
	return append(all, items)
}

func storeChatsConcurrently(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 24)
	group, ctx := errgroup.WithContext(t.Context())
	for _, part := range overlapping(chats, 8) {
		group.Go(func() error { return s.StoreChats(ctx, token, part) })
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("store chats: %v", err)
	}
	s.wantChatCount(t, token, len(chats))
	wantEqual(t, s.allChats(t, token), chats)
}

func storeManyChats(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 120)
	s.storeChats(t, token, chats[50:60])
	s.storeChats(t, token, slices.Concat(chats, chats[:30]))
	wantEqual(t, s.allChats(t, token), chats)
	s.wantChatCount(t, token, len(chats))
}

func storeChatsOfUnknownApp(t *testing.T, s storeTest) {
	token := unknownToken(t)
	chats := []chat.Chat{newChat(t, token, 1), newChat(t, token, 2)}
	wantError(t, s.StoreChats(t.Context(), token, chats), chat.ErrAppNotFound)
	wantError(t, s.StoreChats(t.Context(), token, chats), chat.ErrAppNotFound)
	_, err := s.App(t.Context(), token)
	wantError(t, err, chat.ErrAppNotFound)
	_, _, err = s.Chats(t.Context(), token, chat.Page{Limit: 10})
	wantError(t, err, chat.ErrAppNotFound)
	_, err = s.Chat(t.Context(), chats[0].ID())
	wantError(t, err, chat.ErrAppNotFound)
	wantError(t, s.FindChat(t.Context(), chats[0].ID()), chat.ErrAppNotFound)
}

func missingChat(t *testing.T, s storeTest) {
	token := s.app(t)
	opened := s.open(t, token)
	taken := s.take(t, token, 1)[0].ID()
	for _, c := range []struct {
		name string
		id   chat.ChatID
		want error
	}{
		{"opened", opened, chat.ErrNotStoredYet},
		{"taken", taken, chat.ErrNotStoredYet},
		{"never given out", chat.ChatID{AppToken: token, Number: 3}, chat.ErrChatNotFound},
		{"far beyond", chat.ChatID{AppToken: token, Number: chat.MaxNumber}, chat.ErrChatNotFound},
		{"in no app", chat.ChatID{AppToken: unknownToken(t), Number: 1}, chat.ErrAppNotFound},
	} {
		if _, err := s.Chat(t.Context(), c.id); !errors.Is(err, c.want) {
			t.Errorf("read a chat %s: error %v, want %v", c.name, err, c.want)
		}
	}
}

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
	if err := s.OpenChat(t.Context(), id); err != nil {
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
		if err := s.OpenChat(t.Context(), c.ID()); err != nil {
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

// pageCases are pages of the numbers 1 to 9.
func pageCases() []pageCase {
	return []pageCase{
		{"all in one", chat.Page{Limit: 20}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}, false},
		{"exactly all", chat.Page{Limit: 9}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}, false},
		{"first", chat.Page{Limit: 4}, []int64{1, 2, 3, 4}, true},
		{"one but all", chat.Page{Limit: 8}, []int64{1, 2, 3, 4, 5, 6, 7, 8}, true},
		{"after", chat.Page{After: 4, Limit: 4}, []int64{5, 6, 7, 8}, true},
		{"after, exactly the rest", chat.Page{After: 5, Limit: 4}, []int64{6, 7, 8, 9}, false},
		{"after the last", chat.Page{After: 9, Limit: 4}, nil, false},
		{"after the highest number", chat.Page{After: chat.MaxNumber, Limit: 4}, nil, false},
		{"before", chat.Page{Before: 4, Limit: 4}, []int64{1, 2, 3}, false},
		{"before, with more", chat.Page{Before: 6, Limit: 4}, []int64{1, 2, 3, 4}, true},
		{"before the first", chat.Page{Before: 1, Limit: 4}, nil, false},
		{"between", chat.Page{After: 3, Before: 7, Limit: 4}, []int64{4, 5, 6}, false},
		{"between, with more", chat.Page{After: 3, Before: 9, Limit: 4}, []int64{4, 5, 6, 7}, true},
		{"between neighbours", chat.Page{After: 3, Before: 4, Limit: 4}, nil, false},
		{"between, crossed", chat.Page{After: 7, Before: 3, Limit: 4}, nil, false},
		{"descending", chat.Page{Limit: 3, Descending: true}, []int64{9, 8, 7}, true},
		{"descending before", chat.Page{Before: 4, Limit: 3, Descending: true}, []int64{3, 2, 1}, false},
		{"descending after", chat.Page{After: 7, Limit: 3, Descending: true}, []int64{9, 8}, false},
		{"descending between", chat.Page{After: 2, Before: 8, Limit: 3, Descending: true}, []int64{7, 6, 5}, true},
	}
}

type pageCase struct {
	name string
	page chat.Page
	want []int64
	more bool
}

func (c pageCase) check(t *testing.T, got []int64, more bool, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", c.name, err)
		return
	}
	if !slices.Equal(got, c.want) || more != c.more {
		t.Errorf("%s: numbers %v, more %t, want %v, %t", c.name, got, more, c.want, c.more)
	}
}

func chatNumbers(chats []chat.Chat) (numbers []int64) {
	for _, c := range chats {
		numbers = append(numbers, c.Number)
	}
	return numbers
}

func messageNumbers(messages []chat.Message) (numbers []int64) {
	for _, m := range messages {
		numbers = append(numbers, m.Number)
	}
	return numbers
}

func chatPages(t *testing.T, s storeTest) {
	token := s.app(t)
	s.storeChats(t, token, s.take(t, token, 9))
	for _, c := range pageCases() {
		chats, more, err := s.Chats(t.Context(), token, c.page)
		c.check(t, chatNumbers(chats), more, err)
	}
}

func messagePages(t *testing.T, s storeTest) {
	id := s.open(t, s.app(t))
	s.storeMessages(t, id, s.takeMessages(t, id, 9))
	for _, c := range pageCases() {
		messages, more, err := s.Messages(t.Context(), id, c.page)
		c.check(t, messageNumbers(messages), more, err)
	}
}

// hiddenChats stores messages of all chats, but only some of the chats.
func hiddenChats(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 12)
	for _, c := range chats {
		if err := s.OpenChat(t.Context(), c.ID()); err != nil {
			t.Fatal(err)
		}
		s.storeMessages(t, c.ID(), s.takeMessages(t, c.ID(), 1))
	}
	s.storeChats(t, token, []chat.Chat{chats[0], chats[5], chats[6], chats[9]}) // 1, 6, 7, 10
	for _, c := range []pageCase{
		{"first", chat.Page{Limit: 3}, []int64{1, 6, 7}, true},
		{"exactly all", chat.Page{Limit: 4}, []int64{1, 6, 7, 10}, false},
		{"only hidden ones beyond", chat.Page{After: 7, Limit: 1}, []int64{10}, false},
		{"only hidden ones", chat.Page{After: 1, Before: 6, Limit: 3}, nil, false},
		{"descending", chat.Page{Limit: 2, Descending: true}, []int64{10, 7}, true},
		{"descending to the first", chat.Page{Before: 7, Limit: 2, Descending: true}, []int64{6, 1}, false},
	} {
		got, more, err := s.Chats(t.Context(), token, c.page)
		c.check(t, chatNumbers(got), more, err)
	}
	s.wantChatCount(t, token, 4)
}

func emptyPages(t *testing.T, s storeTest) {
	token := s.app(t)
	all := chat.Page{Limit: chat.MaxPage}
	chats, more, err := s.Chats(t.Context(), token, all)
	pageCase{name: "chats of an empty app"}.check(t, chatNumbers(chats), more, err)

	opened := s.open(t, token)
	messages, more, err := s.Messages(t.Context(), opened, all)
	pageCase{name: "messages of an open chat"}.check(t, messageNumbers(messages), more, err)

	stored := s.take(t, token, 1)
	s.storeChats(t, token, stored)
	messages, more, err = s.Messages(t.Context(), stored[0].ID(), all)
	pageCase{name: "messages of an empty chat"}.check(t, messageNumbers(messages), more, err)

	missing := chat.ChatID{AppToken: token, Number: 3}
	for _, page := range []chat.Page{all, {After: 7, Before: 3, Limit: 1}} {
		_, _, err = s.Messages(t.Context(), missing, page)
		wantError(t, err, chat.ErrChatNotFound)
	}
}

func appsApart(t *testing.T, s storeTest) {
	tokens := [2]string{s.app(t), s.app(t)}
	for i, token := range tokens {
		chats := s.take(t, token, 1)
		chats[0].Title = fmt.Sprintf("of app %d", i)
		s.storeChats(t, token, chats)
		messages := s.takeMessages(t, chats[0].ID(), i+1)
		messages[0].Body = chats[0].Title
		s.storeMessages(t, chats[0].ID(), messages)
	}
	for i, token := range tokens {
		id := chat.ChatID{AppToken: token, Number: 1}
		s.wantChatCount(t, token, 1)
		s.wantMessageCount(t, id, i+1)
		m, err := s.Message(t.Context(), id, 1)
		if want := fmt.Sprintf("of app %d", i); err != nil || m.Body != want || m.AppToken != token {
			t.Errorf("app %d: message 1 is %q of %s, error %v, want %q of %s", i, m.Body, m.AppToken, err, want, token)
		}
	}
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
		{"TakeChatNumber", func() error { _, err := s.TakeChatNumber(ctx, token); return err }},
		{"OpenChat", func() error { return s.OpenChat(ctx, id) }},
		{"StoreChats", func() error { return s.StoreChats(ctx, token, chats) }},
		{"Chat", func() error { _, err := s.Chat(ctx, id); return err }},
		{"Chats", func() error { _, _, err := s.Chats(ctx, token, page); return err }},
		{"TakeMessageNumber", func() error { _, err := s.TakeMessageNumber(ctx, id); return err }},
		{"StoreMessages", func() error { return s.StoreMessages(ctx, id, messages) }},
		{"Message", func() error { _, err := s.Message(ctx, id, 1); return err }},
		{"Messages", func() error { _, _, err := s.Messages(ctx, id, page); return err }},
		{"FindChat", func() error { return s.FindChat(ctx, id) }},
		{"UpdateApp", func() error { _, err := s.UpdateApp(ctx, token, chat.AppEdit{At: clock}, nil); return err }},
		{"UpdateChat", func() error { _, err := s.UpdateChat(ctx, id, chat.ChatEdit{At: clock}, nil); return err }},
		{"UpdateMessage", func() error { _, err := s.UpdateMessage(ctx, id, 1, chat.MessageEdit{At: clock}, nil); return err }},
		{"DeleteMessage", func() error { return s.DeleteMessage(ctx, id, 1, clock, nil) }},
		{"Ping", func() error { return s.Ping(ctx) }},
	} {
		begun := time.Now()
		if err := call.run(); err == nil {
			t.Errorf("%s: no error", call.name)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("%s: returned after %v", call.name, took)
		}
	}
}

func ping(t *testing.T, s storeTest) {
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
}
