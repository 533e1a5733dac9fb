package chattest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"chatapi/pkg/chat"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// storeModel runs random sequences of calls on the store and on a model of it
// that is as simple as can be, and compares every result. So all stores that
// pass do the same.
func storeModel(t *testing.T, s storeTest) {
	rapid.Check(t, func(r *rapid.T) {
		app, err := chat.NewApp("model", nil, clock)
		if err != nil {
			r.Fatal(err)
		}
		m := &model{T: r, real: s.Store, test: t, app: app, chats: map[int64]*modelChat{}}
		m.same("create app", nil, nil, nil, s.CreateApp(t.Context(), app))
		m.takeChat()
		m.takeChat()
		m.open(1)
		for range rapid.IntRange(1, 30).Draw(r, "calls") {
			rapid.SampledFrom(modelCalls).Draw(r, "call").run(m)
		}
		m.readAll()
	})
}

// model is one app: what a store must hold after some calls.
type model struct {
	*rapid.T
	test *testing.T // whose context the calls have
	real chat.Store
	app  chat.App

	lastChat int64
	chats    map[int64]*modelChat // by number, of those that were taken
	edits    int                  // so far, for times and texts
}

type modelChat struct {
	open     bool
	row      *chat.Chat // nil while it is not stored
	last     int64      // message number
	messages map[int64]chat.Message
}

func (c *modelChat) count() (live int64) {
	for _, m := range c.messages {
		if !m.Deleted() {
			live++
		}
	}
	return live
}

// modelCall is a call that a sequence may have.
type modelCall struct {
	name string
	run  func(*model)
}

func (c modelCall) String() string { return c.name }

var modelCalls = []modelCall{
	{"take a chat number", (*model).takeChat},
	{"open a chat", (*model).openChat},
	{"store chats", (*model).storeChats},
	{"edit a chat", (*model).editChat},
	{"take a message number", (*model).takeMessage},
	{"take message numbers", func(m *model) { m.takeMessage(); m.takeMessage() }},
	{"take a number and store messages", func(m *model) { m.takeMessage(); m.storeMessages() }},
	{"store messages", (*model).storeMessages},
	{"store messages again", (*model).storeMessages},
	{"store and delete messages", func(m *model) { m.storeMessages(); m.deleteMessage() }},
	{"list messages again", (*model).listMessages},
	{"edit a message", (*model).editMessage},
	{"delete a message", (*model).deleteMessage},
	{"list messages", (*model).listMessages},
}

// modelErrors are the errors that the model tells apart.
var modelErrors = []error{
	chat.ErrChatNotFound, chat.ErrMessageNotFound, chat.ErrNotStoredYet, chat.ErrMessageDeleted, chat.ErrVersionChanged,
}

// same compares a result of the store, or its error, with the model's.
func (m *model) same(what string, want any, wantErr error, got any, err error) {
	m.Helper()
	if wantErr == nil && err != nil || !errors.Is(err, wantErr) {
		m.Fatalf("%s: error %v, want %v", what, err, wantErr)
	}
	for _, other := range modelErrors {
		if errors.Is(err, other) && !errors.Is(wantErr, other) {
			m.Fatalf("%s: error %v, want %v", what, err, wantErr)
		}
	}
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); wantErr == nil && diff != "" {
		m.Fatalf("%s differs (-want +got):\n%s", what, diff)
	}
}

// at is a time that no other call has.
func (m *model) at() time.Time {
	m.edits++
	return clock.Add(time.Duration(m.edits) * time.Second)
}

// number draws a chat number: that of the first chat most often, because only
// where much happens to one chat the calls meet, and now and then one that was
// not taken.
func (m *model) number() int64 {
	if rapid.IntRange(0, 3).Draw(m.T, "which chat") > 0 {
		return 1
	}
	return rapid.Int64Range(1, m.lastChat+1).Draw(m.T, "chat")
}

func (m *model) id(number int64) chat.ChatID {
	return chat.ChatID{AppToken: m.app.Token, Number: number}
}

// chatOf returns the chat with a number, one without anything where it was not
// taken.
func (m *model) chatOf(number int64) *modelChat {
	if c := m.chats[number]; c != nil {
		return c
	}
	return &modelChat{messages: map[int64]chat.Message{}}
}

func (m *model) takeChat() {
	m.lastChat++
	m.chats[m.lastChat] = &modelChat{messages: map[int64]chat.Message{}}
	got, err := m.real.AllocateChatNumber(m.test.Context(), m.app.Token)
	m.same("chat number", m.lastChat, nil, got, err)
}

func (m *model) openChat() {
	if number := m.number(); m.chats[number] != nil {
		m.open(number)
	}
}

func (m *model) open(number int64) {
	m.chats[number].open = true
	m.same("open chat", nil, nil, nil, m.real.CreateCounter(m.test.Context(), m.id(number)))
}

func (m *model) storeChats() {
	var chats []chat.Chat
	for range rapid.IntRange(0, 4).Draw(m.T, "chats") {
		number := m.number()
		if m.chats[number] == nil {
			continue
		}
		c, err := chat.NewChat(m.app.Token, rapid.SampledFrom([]string{"", "title", "\x00é"}).Draw(m.T, "title"), nil, m.at())
		if err != nil {
			m.Fatal(err)
		}
		c.Number = number
		chats = append(chats, c)
		if m.chats[number].row == nil {
			m.chats[number].row, m.chats[number].open = &c, true
		}
	}
	m.same("store chats", nil, nil, nil, m.real.StoreChats(m.test.Context(), m.app.Token, chats))
}

func (m *model) editChat() {
	number := m.number()
	title := fmt.Sprintf("title %d", m.edits)
	edit, err := chat.NewChatEdit(&title, nil, m.at())
	if err != nil {
		m.Fatal(err)
	}
	c := m.chatOf(number)
	want, wantErr := m.chat(number)
	allowed := m.versions(want.Version)
	if wantErr == nil && !allowed.Allow(want.Version) {
		wantErr = chat.ErrVersionChanged
	}
	if wantErr == nil {
		row := edit.Apply(*c.row)
		c.row = &row
		want, _ = m.chat(number)
	}
	got, err := m.real.UpdateChat(m.test.Context(), m.id(number), edit, allowed)
	m.same("edit chat", want, wantErr, got, err)
}

// versions draws the versions in which an edit is allowed.
func (m *model) versions(now int64) chat.Versions {
	return rapid.SampledFrom([]chat.Versions{nil, {now}, {now + 1}, {now + 1, now}, {}}).Draw(m.T, "versions")
}

// chat is what reading a chat gives.
func (m *model) chat(number int64) (chat.Chat, error) {
	c := m.chatOf(number)
	switch {
	case c.row != nil:
		row := *c.row
		row.MessageCount = c.count()
		return row, nil
	case number <= m.lastChat:
		return chat.Chat{}, chat.ErrNotStoredYet
	default:
		return chat.Chat{}, chat.ErrChatNotFound
	}
}

func (m *model) takeMessage() {
	number := m.number()
	c := m.chatOf(number)
	var wantErr error
	if c.open {
		c.last++
	} else {
		wantErr = chat.ErrChatNotFound
	}
	got, err := m.real.AllocateMessageNumber(m.test.Context(), m.id(number))
	m.same("message number", c.last, wantErr, got, err)
}

func (m *model) storeMessages() {
	number := m.number()
	c := m.chatOf(number)
	if c.last == 0 {
		return
	}
	var messages []chat.Message
	for range rapid.IntRange(0, 6).Draw(m.T, "messages") {
		at := m.at()
		message, err := chat.NewMessage(m.id(number), fmt.Sprintf("message of %v", at), "ada", nil, at)
		if err != nil {
			m.Fatal(err)
		}
		message.Number = rapid.Int64Range(1, c.last).Draw(m.T, "message")
		messages = append(messages, message)
		if _, stored := c.messages[message.Number]; !stored {
			c.messages[message.Number] = message
		}
	}
	m.same("store messages", nil, nil, nil, m.real.StoreMessages(m.test.Context(), m.id(number), messages))
}

// message is what reading a message gives.
func (m *model) message(c *modelChat, number int64) (chat.Message, error) {
	row, stored := c.messages[number]
	switch {
	case stored:
		return row, nil
	case !c.open:
		return row, chat.ErrChatNotFound
	case number <= c.last:
		return row, chat.ErrNotStoredYet
	default:
		return row, chat.ErrMessageNotFound
	}
}

// changed draws a message to change, the versions in which it may be, and says
// why it cannot be.
func (m *model) changed() (in int64, c *modelChat, row chat.Message, allowed chat.Versions, refused error) {
	in = m.number()
	c = m.chatOf(in)
	number := rapid.Int64Range(1, c.last+1).Draw(m.T, "message")
	row, refused = m.message(c, number)
	row.Number = number
	allowed = m.versions(row.Version)
	return in, c, row, allowed, refused
}

func (m *model) editMessage() {
	in, c, row, allowed, wantErr := m.changed()
	body := fmt.Sprintf("edit %d", m.edits)
	edit, err := chat.NewMessageEdit(&body, nil, m.at())
	if err != nil {
		m.Fatal(err)
	}
	switch {
	case wantErr != nil:
	case row.Deleted():
		wantErr = chat.ErrMessageDeleted
	case !allowed.Allow(row.Version):
		wantErr = chat.ErrVersionChanged
	default:
		row = edit.Apply(row)
		c.messages[row.Number] = row
	}
	got, err := m.real.UpdateMessage(m.test.Context(), m.id(in), row.Number, edit, allowed)
	m.same("edit message", row, wantErr, got, err)
}

func (m *model) deleteMessage() {
	in, c, row, allowed, wantErr := m.changed()
	at := m.at()
	switch {
	case wantErr != nil || row.Deleted():
	case !allowed.Allow(row.Version):
		wantErr = chat.ErrVersionChanged
	default:
		c.messages[row.Number] = row.Tombstone(at)
	}
	m.same("delete message", nil, wantErr, nil, m.real.DeleteMessage(m.test.Context(), m.id(in), row.Number, at, allowed))
}

func (m *model) listMessages() {
	number := m.number()
	c := m.chatOf(number)
	page := chat.Page{
		After:      rapid.Int64Range(0, c.last+1).Draw(m.T, "after"),
		Before:     rapid.Int64Range(0, c.last+1).Draw(m.T, "before"),
		Limit:      rapid.IntRange(1, 4).Draw(m.T, "limit"),
		Descending: rapid.Bool().Draw(m.T, "descending"),
	}
	var want []chat.Message
	for _, row := range c.messages {
		if row.Number > page.After && (page.Before == 0 || row.Number < page.Before) {
			want = append(want, row)
		}
	}
	slices.SortFunc(want, func(a, b chat.Message) int { return cmp.Compare(a.Number, b.Number) })
	if page.Descending {
		slices.Reverse(want)
	}
	more := len(want) > page.Limit
	want = want[:min(page.Limit, len(want))]
	var wantErr error
	if len(want) == 0 && !c.open {
		wantErr = chat.ErrChatNotFound
	}
	got, gotMore, err := m.real.Messages(m.test.Context(), m.id(number), page)
	m.same("list of messages", want, wantErr, got, err)
	m.same("more messages", more, wantErr, gotMore, err)
}

// readAll reads everything there is, and a number more.
func (m *model) readAll() {
	ctx := m.test.Context()
	stored := int64(0)
	for _, number := range append(slices.Sorted(maps.Keys(m.chats)), m.lastChat+1) {
		want, wantErr := m.chat(number)
		got, err := m.real.Chat(ctx, m.id(number))
		m.same("chat", want, wantErr, got, err)
		c := m.chatOf(number)
		if c.row != nil {
			stored++
		}
		for n := int64(1); n <= c.last+1; n++ {
			want, wantErr := m.message(c, n)
			got, err := m.real.Message(ctx, m.id(number), n)
			m.same("message", want, wantErr, got, err)
		}
	}
	app, err := m.real.App(ctx, m.app.Token)
	m.app.ChatCount = stored
	m.same("app", m.app, nil, app, err)
}
