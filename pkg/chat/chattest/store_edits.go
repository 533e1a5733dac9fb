package chattest

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"chatapi/pkg/chat"

	"golang.org/x/sync/errgroup"
)

// editedAt is when everything in the suite is edited.
var editedAt = clock.Add(time.Hour)

// stored stores an app, one chat and n messages.
func (s storeTest) stored(t *testing.T, n int) (chat.Chat, []chat.Message) {
	t.Helper()
	token := s.app(t)
	chats := s.take(t, token, 1)
	s.storeChats(t, token, chats)
	messages := s.takeMessages(t, chats[0].ID(), n)
	s.storeMessages(t, chats[0].ID(), messages)
	chats[0].MessageCount = int64(n)
	return chats[0], messages
}

func to[Value any](v Value) *Value { return &v }

func updateApp(t *testing.T, s storeTest) {
	token := s.app(t)
	s.storeChats(t, token, s.take(t, token, 2))
	want, err := s.App(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*chat.Metadata{nil, {"a": "1"}, {"b": "2", "c": ""}, {}} {
		edit := chat.AppEdit{Name: to("Café ☕"), Metadata: m, At: editedAt}
		want = edit.Apply(want)
		got, err := s.UpdateApp(t.Context(), token, edit, chat.Versions{want.Version - 1})
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, got, want)
		got, err = s.App(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, got, want)
	}
}

func updateChat(t *testing.T, s storeTest) {
	want, _ := s.stored(t, 2)
	for _, title := range []string{"Café ☕", "", "again"} {
		edit := chat.ChatEdit{Title: &title, Metadata: &chat.Metadata{"title": title}, At: editedAt}
		want = edit.Apply(want)
		got, err := s.UpdateChat(t.Context(), want.ID(), edit, nil)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, got, want)
		got, err = s.Chat(t.Context(), want.ID())
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, got, want)
	}
}

func updateMessage(t *testing.T, s storeTest) {
	c, messages := s.stored(t, 3)
	for _, body := range []string{"Café ☕ \x00 سلام", "x"} {
		edit := chat.MessageEdit{Body: &body, Metadata: &chat.Metadata{"body": body}, At: editedAt}
		messages[1] = edit.Apply(messages[1])
		got, err := s.UpdateMessage(t.Context(), c.ID(), 2, edit, nil)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, got, messages[1])
	}
	wantEqual(t, s.allMessages(t, c.ID()), messages)
	s.wantMessageCount(t, c.ID(), 3)
}

// partialEdits edits one field and leaves the others.
func partialEdits(t *testing.T, s storeTest) {
	c, messages := s.stored(t, 1)
	for _, edit := range []chat.MessageEdit{
		{Metadata: &chat.Metadata{"k": "v"}, At: editedAt},
		{Body: to("edited"), At: editedAt.Add(time.Second)},
		{Metadata: &chat.Metadata{}, At: editedAt.Add(2 * time.Second)},
	} {
		messages[0] = edit.Apply(messages[0])
		got, err := s.UpdateMessage(t.Context(), c.ID(), 1, edit, nil)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, got, messages[0])
	}
	for _, edit := range []chat.ChatEdit{
		{Metadata: &chat.Metadata{"k": "v"}, At: editedAt},
		{Title: to("edited"), At: editedAt.Add(time.Second)},
	} {
		c = edit.Apply(c)
		got, err := s.UpdateChat(t.Context(), c.ID(), edit, nil)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, got, c)
	}
}

func updateMissing(t *testing.T, s storeTest) {
	token, unknown := s.app(t), unknownToken(t)
	opened := s.open(t, token)
	messages := s.takeMessages(t, opened, 2)
	s.storeMessages(t, opened, messages[1:])
	noChat := chat.ChatID{AppToken: token, Number: 2}
	noApp := chat.ChatID{AppToken: unknown, Number: 1}
	for _, allowed := range []chat.Versions{nil, {1}, {}} {
		editApp := func(token string) error {
			_, err := s.UpdateApp(t.Context(), token, chat.AppEdit{Name: to("x"), At: editedAt}, allowed)
			return err
		}
		editChat := func(id chat.ChatID) error {
			_, err := s.UpdateChat(t.Context(), id, chat.ChatEdit{Title: to("x"), At: editedAt}, allowed)
			return err
		}
		edit := func(id chat.ChatID, n int64) error {
			_, err := s.UpdateMessage(t.Context(), id, n, chat.MessageEdit{Body: to("x"), At: editedAt}, allowed)
			return err
		}
		remove := func(id chat.ChatID, n int64) error {
			return s.DeleteMessage(t.Context(), id, n, editedAt, allowed)
		}
		for _, c := range []struct {
			name string
			err  error
			want error
		}{
			{"unknown app", editApp(unknown), chat.ErrAppNotFound},
			{"chat that is only opened and counts messages", editChat(opened), chat.ErrNotStoredYet},
			{"chat never given out", editChat(noChat), chat.ErrChatNotFound},
			{"chat of an unknown app", editChat(noApp), chat.ErrAppNotFound},
			{"message on its way", edit(opened, 1), chat.ErrNotStoredYet},
			{"message never given out", edit(opened, 3), chat.ErrMessageNotFound},
			{"message of an unknown chat", edit(noChat, 1), chat.ErrChatNotFound},
			{"message of an unknown app", edit(noApp, 1), chat.ErrAppNotFound},
			{"delete a message on its way", remove(opened, 1), chat.ErrNotStoredYet},
			{"delete a message never given out", remove(opened, 3), chat.ErrMessageNotFound},
			{"delete a message of an unknown chat", remove(noChat, 1), chat.ErrChatNotFound},
			{"delete a message of an unknown app", remove(noApp, 1), chat.ErrAppNotFound},
		} {
			if !errors.Is(c.err, c.want) {
				t.Errorf("%s, versions %v: error %v, want %v", c.name, allowed, c.err, c.want)
			}
		}
	}
	// Nothing is lost by an edit that came too early, and nothing is left of it.
	s.storeMessages(t, opened, messages)
	wantEqual(t, s.allMessages(t, opened), messages)
}

func updateVersions(t *testing.T, s storeTest) {
	c, messages := s.stored(t, 1)
	edits := []struct {
		name string
		edit func(text string, allowed chat.Versions) error
	}{
		{"app", func(text string, allowed chat.Versions) error {
			_, err := s.UpdateApp(t.Context(), c.AppToken, chat.AppEdit{Name: &text, At: editedAt}, allowed)
			return err
		}},
		{"chat", func(text string, allowed chat.Versions) error {
			_, err := s.UpdateChat(t.Context(), c.ID(), chat.ChatEdit{Title: &text, At: editedAt}, allowed)
			return err
		}},
		{"message", func(text string, allowed chat.Versions) error {
			_, err := s.UpdateMessage(t.Context(), c.ID(), messages[0].Number, chat.MessageEdit{Body: &text, At: editedAt}, allowed)
			return err
		}},
	}
	for _, e := range edits {
		for _, step := range []struct {
			name    string
			allowed chat.Versions
			want    error
		}{
			{"none", chat.Versions{}, chat.ErrVersionChanged},
			{"a later one", chat.Versions{2}, chat.ErrVersionChanged},
			{"the one there is", chat.Versions{1}, nil},
			{"several", chat.Versions{7, 2, 9}, nil},
			{"older ones", chat.Versions{1, 2}, chat.ErrVersionChanged},
			{"any", nil, nil},
		} {
			if err := e.edit(step.name, step.allowed); !errors.Is(err, step.want) {
				t.Errorf("%s, %s allowed: error %v, want %v", e.name, step.name, err, step.want)
			}
		}
	}
	m, err := s.Message(t.Context(), c.ID(), messages[0].Number)
	if err != nil || m.Version != 4 {
		t.Errorf("version %d, error %v, want 4 after three edits", m.Version, err)
	}
	wantError(t, s.DeleteMessage(t.Context(), c.ID(), 1, editedAt, chat.Versions{3}), chat.ErrVersionChanged)
	s.wantMessageCount(t, c.ID(), 1)
	wantError(t, s.DeleteMessage(t.Context(), c.ID(), 1, editedAt, chat.Versions{4}), nil)
}

func updateConcurrently(t *testing.T, s storeTest) {
	c, _ := s.stored(t, 1)
	const edits = 12
	group, ctx := errgroup.WithContext(t.Context())
	for i := range edits {
		group.Go(func() error {
			_, err := s.UpdateMessage(ctx, c.ID(), 1, chat.MessageEdit{Body: to("x"), At: editedAt}, nil)
			return err
		})
		group.Go(func() error {
			_, err := s.UpdateChat(ctx, c.ID(), chat.ChatEdit{Title: to("x"), At: editedAt}, nil)
			return err
		})
		group.Go(func() error { // which changes the chat's row in a transaction
			m := newMessage(t, c.ID(), int64(i+2))
			return s.StoreMessages(ctx, c.ID(), []chat.Message{m})
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	m, err := s.Message(t.Context(), c.ID(), 1)
	if err != nil || m.Version != 1+edits {
		t.Errorf("version of the message is %d, error %v, want %d", m.Version, err, 1+edits)
	}
	c, err = s.Chat(t.Context(), c.ID())
	if err != nil || c.Version != 1+edits || c.MessageCount != 1+edits {
		t.Errorf("version of the chat is %d, its count %d, error %v, want %d", c.Version, c.MessageCount, err, 1+edits)
	}
}

func updateOneVersion(t *testing.T, s storeTest) {
	c, _ := s.stored(t, 1)
	var made atomic.Int32
	var group errgroup.Group
	for i := range 8 {
		group.Go(func() error {
			edit := chat.MessageEdit{Body: to("x"), At: editedAt.Add(time.Duration(i) * time.Second)}
			_, err := s.UpdateMessage(t.Context(), c.ID(), 1, edit, chat.Versions{1})
			if err == nil {
				made.Add(1)
			}
			if errors.Is(err, chat.ErrVersionChanged) {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if made.Load() != 1 {
		t.Errorf("%d edits of version 1 were made, want 1", made.Load())
	}
}

func deleteMessage(t *testing.T, s storeTest) {
	c, messages := s.stored(t, 3)
	for range 3 { // again is no change
		if err := s.DeleteMessage(t.Context(), c.ID(), 2, editedAt, chat.Versions{1}); err != nil {
			t.Fatal(err)
		}
	}
	messages[1] = messages[1].Tombstone(editedAt)
	got, err := s.Message(t.Context(), c.ID(), 2)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, got, messages[1])
	wantEqual(t, s.allMessages(t, c.ID()), messages)
	c.MessageCount = 2
	counted, err := s.Chat(t.Context(), c.ID())
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, counted, c)
	_, err = s.UpdateMessage(t.Context(), c.ID(), 2, chat.MessageEdit{Body: to("back"), At: editedAt}, nil)
	wantError(t, err, chat.ErrMessageDeleted)
	_, err = s.UpdateMessage(t.Context(), c.ID(), 2, chat.MessageEdit{Body: to("back"), At: editedAt}, chat.Versions{1})
	wantError(t, err, chat.ErrMessageDeleted)
}

func deleteConcurrently(t *testing.T, s storeTest) {
	c, messages := s.stored(t, 6)
	group, ctx := errgroup.WithContext(t.Context())
	for _, m := range slices.Repeat(messages[:4], 3) {
		group.Go(func() error { return s.DeleteMessage(ctx, c.ID(), m.Number, editedAt, nil) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	got, err := s.Chat(t.Context(), c.ID())
	if err != nil || got.MessageCount != 2 {
		t.Errorf("message_count is %d, error %v, want 2", got.MessageCount, err)
	}
}

func createsAfterEdits(t *testing.T, s storeTest) {
	c, messages := s.stored(t, 3)
	edit := chat.MessageEdit{Body: to("edited"), At: editedAt}
	if _, err := s.UpdateMessage(t.Context(), c.ID(), 1, edit, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteMessage(t.Context(), c.ID(), 2, editedAt, nil); err != nil {
		t.Fatal(err)
	}
	title := chat.ChatEdit{Title: to("edited"), At: editedAt}
	if _, err := s.UpdateChat(t.Context(), c.ID(), title, nil); err != nil {
		t.Fatal(err)
	}
	s.storeMessages(t, c.ID(), messages)
	s.storeChats(t, c.AppToken, []chat.Chat{c})
	wantEqual(t, s.allMessages(t, c.ID()), []chat.Message{edit.Apply(messages[0]), messages[1].Tombstone(editedAt), messages[2]})
	c.MessageCount = 2
	got, err := s.Chat(t.Context(), c.ID())
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, got, title.Apply(c))
}

// countWhileDeleting reads live rows, then the count, then live rows again:
// since messages are only deleted, the count must lie between the two.
func countWhileDeleting(t *testing.T, s storeTest) {
	c, messages := s.stored(t, 30)
	alive := func() (n int64) {
		for _, m := range s.allMessages(t, c.ID()) {
			if !m.Deleted() {
				n++
			}
		}
		return n
	}
	var deleted atomic.Bool
	group, ctx := errgroup.WithContext(t.Context())
	group.Go(func() error {
		defer deleted.Store(true)
		for _, m := range messages {
			if err := s.DeleteMessage(ctx, c.ID(), m.Number, editedAt, nil); err != nil {
				return err
			}
		}
		return nil
	})
	for !deleted.Load() {
		before := alive()
		got, err := s.Chat(t.Context(), c.ID())
		if err != nil {
			t.Fatal(err)
		}
		after := alive()
		if got.MessageCount > before || got.MessageCount < after {
			t.Errorf("message_count is %d between listings of %d and %d", got.MessageCount, before, after)
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	got, err := s.Chat(t.Context(), c.ID())
	if err != nil || got.MessageCount != 0 {
		t.Errorf("message_count is %d, error %v, want 0", got.MessageCount, err)
	}
}
