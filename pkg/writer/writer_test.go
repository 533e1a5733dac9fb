package writer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
	"chatapi/pkg/writer"

	"github.com/google/go-cmp/cmp"
)

func openStore(t *testing.T) chat.Store {
	t.Helper()
	b, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b.Store
}

func newApp(t *testing.T, store chat.Store) string {
	t.Helper()
	app, err := chat.NewApp("test", nil, time.Now())
	if err == nil {
		err = store.CreateApp(t.Context(), app)
	}
	if err != nil {
		t.Fatal(err)
	}
	return app.Token
}

func chatCreate(t *testing.T, token string, number int64) string {
	t.Helper()
	c, err := chat.NewChat(token, "title", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c.Number = number
	return encode(t, chat.Create{Chat: &c})
}

func messageCreate(t *testing.T, token string, chatNumber, number int64) string {
	t.Helper()
	id := chat.ChatID{AppToken: token, Number: chatNumber}
	m, err := chat.NewMessage(id, fmt.Sprint("message ", number), "", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	m.Number = number
	return encode(t, chat.Create{Message: &m})
}

func encode(t *testing.T, c chat.Create) string {
	t.Helper()
	body, err := chat.EncodeCreate(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// batch returns deliveries with these bodies.
func batch(bodies ...string) (deliveries []chat.Delivery) {
	for i, body := range bodies {
		deliveries = append(deliveries, chat.Delivery{ID: fmt.Sprint(i), Body: body})
	}
	return deliveries
}

// failed writes a batch and returns the places of the deliveries that failed.
func failed(t *testing.T, w *writer.Writer, deliveries []chat.Delivery) []int {
	t.Helper()
	errs := w.Write(t.Context(), deliveries)
	if len(errs) != len(deliveries) {
		t.Fatalf("%d errors of %d deliveries", len(errs), len(deliveries))
	}
	places := []int{}
	for i, err := range errs {
		if err != nil {
			places = append(places, i)
		}
	}
	return places
}

func TestWrite(t *testing.T) {
	store := openStore(t)
	app, other := newApp(t, store), newApp(t, store)
	unknown := strings.Repeat("a", chat.TokenLength)
	w := writer.New(store)
	deliveries := batch(
		messageCreate(t, app, 1, 1), // before its chat
		chatCreate(t, app, 1),
		"no JSON",
		chatCreate(t, app, 2),
		messageCreate(t, app, 1, 2),
		messageCreate(t, app, 1, 2), // twice
		`{"message":{"app_token":"x"}}`,
		messageCreate(t, app, 2, 1),
		chatCreate(t, other, 1),
		chatCreate(t, unknown, 1),
	)
	for range 2 { // a batch may be delivered again
		if diff := cmp.Diff([]int{2, 6, 9}, failed(t, w, deliveries)); diff != "" {
			t.Fatal(diff)
		}
	}
	for i, err := range w.Write(t.Context(), deliveries) {
		if err != nil && !errors.Is(err, chat.ErrUnstorable) {
			t.Errorf("delivery %d: error %v, want one that says that it can never be stored", i, err)
		}
	}
	wantCounts(t, store, app, 2, map[int64]int64{1: 2, 2: 1})
	wantCounts(t, store, other, 1, map[int64]int64{1: 0})
}

func wantCounts(t *testing.T, store chat.Store, token string, chats int64, messages map[int64]int64) {
	t.Helper()
	app, err := store.App(t.Context(), token)
	if err != nil || app.ChatCount != chats {
		t.Errorf("chat_count %d, %v; want %d", app.ChatCount, err, chats)
	}
	for number, want := range messages {
		c, err := store.Chat(t.Context(), chat.ChatID{AppToken: token, Number: number})
		if err != nil || c.MessageCount != want {
			t.Errorf("chat %d: message_count %d, %v; want %d", number, c.MessageCount, err, want)
		}
	}
}

// oneChatDown fails to store the messages of one chat.
type oneChatDown struct {
	chat.Store
	down chat.ChatID
}

func (s oneChatDown) StoreMessages(ctx context.Context, id chat.ChatID, messages []chat.Message) error {
	if id == s.down {
		return errors.New("down")
	}
	return s.Store.StoreMessages(ctx, id, messages)
}

func TestFailureOfOneChatIsNotOfAnother(t *testing.T) {
	store := openStore(t)
	app := newApp(t, store)
	down := chat.ChatID{AppToken: app, Number: 1}
	deliveries := batch(
		chatCreate(t, app, 1), chatCreate(t, app, 2),
		messageCreate(t, app, 1, 1), messageCreate(t, app, 2, 1), messageCreate(t, app, 1, 2),
	)
	if diff := cmp.Diff([]int{2, 4}, failed(t, writer.New(oneChatDown{store, down}), deliveries)); diff != "" {
		t.Error(diff)
	}
	wantCounts(t, store, app, 2, map[int64]int64{1: 0, 2: 1})
	again := []chat.Delivery{deliveries[2], deliveries[4]}
	if diff := cmp.Diff([]int{}, failed(t, writer.New(store), again)); diff != "" {
		t.Error(diff)
	}
	wantCounts(t, store, app, 2, map[int64]int64{1: 2, 2: 1})
}

// faulty fails to store messages as told, together with others or alone.
type faulty struct {
	chat.Store
	err   error // of the others' messages
	never int64 // message that can never be stored
}

func (s faulty) StoreMessages(ctx context.Context, id chat.ChatID, messages []chat.Message) error {
	for _, m := range messages {
		if m.Number == s.never {
			return fmt.Errorf("item 2: %w", chat.ErrUnstorable)
		}
	}
	if s.err != nil && len(messages) > 1 {
		return s.err
	}
	return s.Store.StoreMessages(ctx, id, messages)
}

func TestErrorsOfMessagesOfOneChat(t *testing.T) {
	busy := fmt.Errorf("%w: throttled", chat.ErrUnavailable)
	for _, tt := range []struct {
		name   string
		err    error
		never  int64
		failed []int
		want   error
	}{
		{"all are throttled", busy, 0, []int{1, 2, 3, 4}, chat.ErrUnavailable},
		{"some are stored", &chat.NotStoredError{Numbers: []int64{2, 3}, Err: busy}, 0, []int{2, 3, 4}, chat.ErrUnavailable},
		{"one can never be stored", nil, 2, []int{2, 4}, chat.ErrUnstorable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := openStore(t)
			app := newApp(t, store)
			deliveries := batch(
				chatCreate(t, app, 1), messageCreate(t, app, 1, 1), messageCreate(t, app, 1, 2), messageCreate(t, app, 1, 3),
				messageCreate(t, app, 1, 2), // twice
			)
			w := writer.New(faulty{store, tt.err, tt.never})
			if diff := cmp.Diff(tt.failed, failed(t, w, deliveries)); diff != "" {
				t.Error(diff)
			}
			for i, err := range w.Write(t.Context(), deliveries) {
				if err != nil && !errors.Is(err, tt.want) {
					t.Errorf("delivery %d: error %v, want %v", i, err, tt.want)
				}
			}
		})
	}
}

type panicking struct{ chat.Store }

func (panicking) StoreMessages(context.Context, chat.ChatID, []chat.Message) error {
	panic("out of range")
}

// TestPanic holds that a caller can recover from the panic of a store.
func TestPanic(t *testing.T) {
	store := openStore(t)
	app := newApp(t, store)
	defer func() {
		if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "out of range") {
			t.Errorf("recovered %v, want the store's panic", p)
		}
	}()
	writer.New(panicking{store}).Write(t.Context(), batch(messageCreate(t, app, 1, 1)))
}
