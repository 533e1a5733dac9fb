package writer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
	"chatapi/pkg/writer"

	"github.com/aws/aws-lambda-go/events"
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
	m, err := chat.NewMessage(chat.ChatID{AppToken: token, Number: chatNumber}, fmt.Sprint("message ", number), "", nil, time.Now())
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

// batch makes an event whose records have the ids 0, 1, 2 …
func batch(bodies ...string) events.SQSEvent {
	var event events.SQSEvent
	for i, body := range bodies {
		event.Records = append(event.Records, events.SQSMessage{MessageId: fmt.Sprint(i), Body: body})
	}
	return event
}

// handle returns the ids of the records that failed.
func handle(t *testing.T, w *writer.Writer, event events.SQSEvent) []string {
	t.Helper()
	answer, err := w.Handle(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	if answer.BatchItemFailures == nil {
		t.Fatal("batchItemFailures is null, not an empty list")
	}
	failed := []string{}
	for _, f := range answer.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	return failed
}

func TestHandle(t *testing.T) {
	store := openStore(t)
	app, other := newApp(t, store), newApp(t, store)
	unknown := strings.Repeat("a", chat.TokenLength)
	var log strings.Builder
	w := writer.New(store, slog.New(slog.NewTextHandler(&log, nil)))
	event := batch(
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
	for range 2 { // a batch may come again
		if diff := cmp.Diff([]string{"2", "6", "9"}, handle(t, w, event)); diff != "" {
			t.Fatal(diff)
		}
	}
	for _, want := range []string{"message_id=2", "message_id=6", "message_id=9", chat.ErrAppNotFound.Error()} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log says nothing of %q", want)
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

func TestHandleNothing(t *testing.T) {
	w := writer.New(openStore(t), slog.New(slog.DiscardHandler))
	if diff := cmp.Diff([]string{}, handle(t, w, events.SQSEvent{})); diff != "" {
		t.Error(diff)
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

func TestOneChatsTroubleIsNotAnothers(t *testing.T) {
	store := openStore(t)
	app := newApp(t, store)
	down := chat.ChatID{AppToken: app, Number: 1}
	event := batch(
		chatCreate(t, app, 1), chatCreate(t, app, 2),
		messageCreate(t, app, 1, 1), messageCreate(t, app, 2, 1), messageCreate(t, app, 1, 2),
	)
	w := writer.New(oneChatDown{store, down}, slog.New(slog.DiscardHandler))
	if diff := cmp.Diff([]string{"2", "4"}, handle(t, w, event)); diff != "" {
		t.Error(diff)
	}
	wantCounts(t, store, app, 2, map[int64]int64{1: 0, 2: 1})
	again := batch(event.Records[2].Body, event.Records[4].Body)
	if diff := cmp.Diff([]string{}, handle(t, writer.New(store, slog.New(slog.DiscardHandler)), again)); diff != "" {
		t.Error(diff)
	}
	wantCounts(t, store, app, 2, map[int64]int64{1: 2, 2: 1})
}

// TestGoldenEvent handles the sample event: a chat, a message of it, and a
// record that cannot be decoded.
func TestGoldenEvent(t *testing.T) {
	text, err := os.ReadFile("../../events/writer.json")
	if err != nil {
		t.Fatal(err)
	}
	var event events.SQSEvent
	if err := json.Unmarshal(text, &event); err != nil {
		t.Fatal(err)
	}
	store := openStore(t)
	token := event.Records[0].Attributes["MessageGroupId"]
	if err := store.CreateApp(t.Context(), chat.App{Token: token, Name: "golden", Version: 1, CreatedAt: time.Now(), UpdatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	w := writer.New(store, slog.New(slog.DiscardHandler))
	if diff := cmp.Diff([]string{event.Records[2].MessageId}, handle(t, w, event)); diff != "" {
		t.Error(diff)
	}
	wantCounts(t, store, token, 1, map[int64]int64{1: 1})
}
