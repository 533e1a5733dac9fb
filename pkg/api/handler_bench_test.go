package api_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/api"
	"chatapi/pkg/chat"
)

// instant is a store and a queue that cost nothing, so that what is measured
// over it is the API.
type instant struct{ chat.Store }

func (instant) AllocateMessageNumber(context.Context, chat.ChatID) (int64, error) { return 1234, nil }

func (instant) Send(context.Context, chat.Create) error { return nil }

func (instant) Message(_ context.Context, id chat.ChatID, number int64) (chat.Message, error) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	return chat.Message{
		AppToken: id.AppToken, ChatNumber: id.Number, Number: number, Body: "hello, world", Sender: "ada",
		Version: 1, CreatedAt: at, UpdatedAt: at,
	}, nil
}

// statusOnly is a ResponseWriter that keeps the status and no body.
type statusOnly struct {
	header http.Header
	status int
}

func (w *statusOnly) Header() http.Header         { return w.header }
func (w *statusOnly) WriteHeader(status int)      { w.status = status }
func (w *statusOnly) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkCreateMessage(b *testing.B) {
	benchmarkHandler(b, http.MethodPost, "/messages", `{"body":"hello, world","sender":"ada"}`, http.StatusCreated)
}

func BenchmarkGetMessage(b *testing.B) {
	benchmarkHandler(b, http.MethodGet, "/messages/1234", "", http.StatusOK)
}

// benchmarkHandler measures the handler of the API by itself: the request is
// read already, has the headers that net/http's client sends, and a context
// that can be canceled, as a server's has.
func benchmarkHandler(b *testing.B, method, path, body string, status int) {
	handler := api.New(slog.New(slog.DiscardHandler), api.Operations(chat.Ports{Store: instant{}, Queue: instant{}}, api.Guard{Open: true})...)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	url := "/api/v1/apps/" + strings.Repeat("a", chat.TokenLength) + "/chats/1" + path
	text := strings.NewReader(body)
	request, err := http.NewRequestWithContext(ctx, method, url, io.NopCloser(text))
	if err != nil {
		b.Fatal(err)
	}
	request.Header = http.Header{
		"User-Agent": {"Go-http-client/1.1"}, "Content-Type": {"application/json"}, "Accept-Encoding": {"gzip"},
	}
	b.ReportAllocs()
	for b.Loop() {
		text.Reset(body)
		answer := statusOnly{header: http.Header{}}
		handler.ServeHTTP(&answer, request)
		if answer.status != status {
			b.Fatalf("status %d, want %d", answer.status, status)
		}
	}
}
