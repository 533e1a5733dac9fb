package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chatapi/pkg/api"
	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
)

// faults are the ports over an embedded backend, with faults to inject.
type faults struct {
	chat.Store
	backend *embedded.Backend

	send  func(chat.Create) error         // instead of sending, where it is set
	store error                           // of StoreChats and StoreMessages
	take  func(ctx context.Context) error // before a number is taken
}

func newFaults(t *testing.T) *faults {
	t.Helper()
	b, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return &faults{Store: b.Store, backend: b}
}

func (f *faults) Send(ctx context.Context, c chat.Create) error {
	if f.send != nil {
		return f.send(c)
	}
	return f.backend.Queue.Send(ctx, c)
}

func (f *faults) AllocateMessageNumber(ctx context.Context, id chat.ChatID) (int64, error) {
	if f.take != nil {
		if err := f.take(ctx); err != nil {
			return 0, err
		}
	}
	return f.Store.AllocateMessageNumber(ctx, id)
}

func (f *faults) StoreChats(ctx context.Context, token string, chats []chat.Chat) error {
	if f.store != nil {
		return f.store
	}
	return f.Store.StoreChats(ctx, token, chats)
}

func (f *faults) StoreMessages(ctx context.Context, id chat.ChatID, messages []chat.Message) error {
	if f.store != nil {
		return f.store
	}
	return f.Store.StoreMessages(ctx, id, messages)
}

// faultyQueue is the queue of faults. It does not respond while it refuses.
type faultyQueue struct{ *faults }

func (q faultyQueue) Ping(ctx context.Context) error {
	if q.send != nil {
		return q.send(chat.Create{})
	}
	return q.backend.Queue.Ping(ctx)
}

// handler serves the API over the faults and logs to log.
func (f *faults) handler(log *strings.Builder) http.Handler {
	return api.New(slog.New(slog.NewTextHandler(log, nil)), api.Operations(chat.Ports{Store: f, Queue: faultyQueue{f}, Index: f.backend.Index, Readers: f.backend.Readers, Idempotency: f.backend.Idempotency}, api.Guard{Open: true})...)
}

func ask(handler http.Handler, method, path, body string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(method, path, strings.NewReader(body)))
	return answer
}

// newChat creates an app and a chat and returns the chat's path.
func newChat(t *testing.T, handler http.Handler) (app, path string) {
	t.Helper()
	var made struct {
		Data struct {
			AppToken string `json:"app_token"`
		} `json:"data"`
	}
	if err := json.Unmarshal(ask(handler, "POST", "/api/v1/apps", `{"name":"a"}`).Body.Bytes(), &made); err != nil {
		t.Fatal(err)
	}
	app = "/api/v1/apps/" + made.Data.AppToken
	if got := ask(handler, "POST", app+"/chats", ""); got.Code != http.StatusCreated {
		t.Fatalf("create chat: %d %s", got.Code, got.Body)
	}
	return app, app + "/chats/1"
}

func refuse(chat.Create) error { return fmt.Errorf("%w: secret of the queue", chat.ErrUnavailable) }

// TestQueueRefuses is promise 2: a create that the queue refuses is stored at
// once, and one that cannot be stored either is not acknowledged.
func TestQueueRefuses(t *testing.T) {
	down := fmt.Errorf("%w: secret of the store", chat.ErrUnavailable)
	for _, tt := range []struct {
		name   string
		send   func(f *faults) func(chat.Create) error
		store  error
		status int
		count  int // stored messages when the writer has had its turn
	}{
		{"the queue refuses", func(*faults) func(chat.Create) error { return refuse }, nil, 201, 1},
		{"the queue refuses and the store too", func(*faults) func(chat.Create) error { return refuse }, down, 503, 0},
		{
			"the queue takes it and fails to say so",
			func(f *faults) func(chat.Create) error {
				return func(c chat.Create) error {
					if err := f.backend.Queue.Send(context.Background(), c); err != nil {
						return err
					}
					return refuse(c)
				}
			},
			nil, 201, 1,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFaults(t)
			var log strings.Builder
			handler := f.handler(&log)
			_, path := newChat(t, handler)
			f.send, f.store = tt.send(f), tt.store
			got := ask(handler, "POST", path+"/messages", `{"body":"hello"}`)
			if got.Code != tt.status {
				t.Fatalf("status %d, want %d: %s", got.Code, tt.status, got.Body)
			}
			if strings.Contains(got.Body.String(), "secret") {
				t.Errorf("the cause reaches the client: %s", got.Body)
			}
			if n := strings.Count(log.String(), "secret of the queue"); n != 1 {
				t.Errorf("the log names the cause %d times, want once: %s", n, log.String())
			}
			if tt.status == http.StatusServiceUnavailable {
				wantProblem(t, got, "unavailable")
				if got.Header().Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			}
			f.send, f.store = nil, nil
			storeAll(t, f)
			messages := ask(handler, "GET", path+"/messages", "")
			if n := strings.Count(messages.Body.String(), `"body":"hello"`); n != tt.count {
				t.Errorf("%d stored, want %d: %s", n, tt.count, messages.Body)
			}
			if c := ask(handler, "GET", path, ""); !strings.Contains(c.Body.String(), fmt.Sprintf(`"message_count":%d`, tt.count)) {
				t.Errorf("want message_count %d: %s", tt.count, c.Body)
			}
		})
	}
}

// storeAll does the writer's work.
func storeAll(t *testing.T, f *faults) {
	t.Helper()
	deliveries, err := f.backend.Receiver.Receive(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range deliveries {
		create, err := chat.DecodeCreate([]byte(d.Body))
		if err != nil {
			t.Fatal(err)
		}
		if err := create.Store(t.Context(), f.Store); err != nil {
			t.Fatal(err)
		}
	}
}

func TestQueueRefusesChats(t *testing.T) {
	f := newFaults(t)
	handler := f.handler(&strings.Builder{})
	app, _ := newChat(t, handler)
	f.send = refuse
	if got := ask(handler, "POST", app+"/chats", `{"title":"direct"}`); got.Code != http.StatusCreated {
		t.Fatalf("status %d: %s", got.Code, got.Body)
	}
	if got := ask(handler, "GET", app+"/chats/2", ""); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "direct") {
		t.Errorf("status %d: %s", got.Code, got.Body)
	}
	f.store = chat.ErrUnavailable
	wantProblem(t, ask(handler, "POST", app+"/chats", ""), "unavailable")
}

func wantProblem(t *testing.T, got *httptest.ResponseRecorder, code string) {
	t.Helper()
	var p struct{ Type, Title, Detail, Code, Message string }
	if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil {
		t.Fatalf("%v: %s", err, got.Body)
	}
	if p.Code != code || p.Type == "" || p.Title == "" || p.Detail == "" || p.Message != p.Detail {
		t.Errorf("problem %+v, want code %s", p, code)
	}
	if ct := got.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type %q", ct)
	}
}

func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		name   string
		take   func(context.Context) error
		status int
		code   string
	}{
		{"an error that nobody expects", func(context.Context) error { return errors.New("secret") }, 500, "internal_error"},
		{"a panic", func(context.Context) error { panic("secret") }, 500, "internal_error"},
		{"an engine that is gone", func(context.Context) error { return fmt.Errorf("%w: secret", chat.ErrUnavailable) }, 503, "unavailable"},
		{"an engine that does not answer", func(ctx context.Context) error {
			if _, limited := ctx.Deadline(); !limited {
				return errors.New("the request has no time limit")
			}
			return fmt.Errorf("secret: %w", context.DeadlineExceeded)
		}, 503, "unavailable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFaults(t)
			var log strings.Builder
			handler := f.handler(&log)
			_, path := newChat(t, handler)
			f.take = tt.take
			got := ask(handler, "POST", path+"/messages", `{"body":"hello"}`)
			if got.Code != tt.status {
				t.Errorf("status %d, want %d", got.Code, tt.status)
			}
			wantProblem(t, got, tt.code)
			if strings.Contains(got.Body.String(), "secret") {
				t.Errorf("the cause reaches the client: %s", got.Body)
			}
			id := got.Header().Get("X-Request-Id")
			if !strings.Contains(log.String(), "request_id="+id) {
				t.Errorf("the log does not name request %s: %s", id, log.String())
			}
		})
	}
}

func TestHealth(t *testing.T) {
	f := newFaults(t)
	var log strings.Builder
	handler := f.handler(&log)
	if got := ask(handler, "GET", "/health", ""); got.Code != 200 || !strings.Contains(got.Body.String(), `"status":"ok","engines":[{"name":"store","status":"ok"`) {
		t.Errorf("status %d: %s", got.Code, got.Body)
	}
	f.send = refuse
	got := ask(handler, "GET", "/health", "")
	if got.Code != 503 || !strings.Contains(got.Body.String(), `{"name":"queue","status":"unavailable"`) {
		t.Errorf("status %d: %s", got.Code, got.Body)
	}
	if strings.Contains(got.Body.String(), "secret") || !strings.Contains(log.String(), "secret") {
		t.Errorf("the cause belongs into the log alone: %s", got.Body)
	}
}

// TestPathLimits holds the limits in the operations' descriptions to the
// domain's.
func TestPathLimits(t *testing.T) {
	f := newFaults(t)
	handler := f.handler(&strings.Builder{})
	app, _ := newChat(t, handler)
	for _, tt := range []struct {
		path   string
		status int
	}{
		{fmt.Sprintf("%s/chats/%d", app, int64(chat.MaxNumber)), 404},
		{fmt.Sprintf("%s/chats/%d", app, int64(chat.MaxNumber)+1), 422},
		{fmt.Sprintf("%s/chats?limit=%d", app, chat.MaxPage), 200},
		{fmt.Sprintf("%s/chats?limit=%d", app, chat.MaxPage+1), 422},
	} {
		if got := ask(handler, "GET", tt.path, ""); got.Code != tt.status {
			t.Errorf("%s: status %d, want %d", tt.path, got.Code, tt.status)
		}
	}
}

func TestSearchRefusesCursorsFromElsewhere(t *testing.T) {
	f := newFaults(t)
	handler := f.handler(&strings.Builder{})
	_, path := newChat(t, handler)
	storeAll(t, f)
	for _, cursor := range []string{"x", "My4xMg==", "NC4x", "MC4x", strings.Repeat("a", 3000)} {
		got := ask(handler, "POST", path+"/messages/search", fmt.Sprintf(`{"query":"a","next":%q}`, cursor))
		if got.Code != http.StatusUnprocessableEntity {
			t.Errorf("cursor %.10s: status %d: %s", cursor, got.Code, got.Body)
		}
	}
	if got := ask(handler, "POST", path+"/messages/search", `{"query":"a","next":"My4xMg"}`); got.Code != http.StatusOK {
		t.Errorf("a good cursor: status %d: %s", got.Code, got.Body)
	}
}

// TestAllow holds that a 405 names the methods of the path alone, and not
// those of a path with a parameter that it could be taken for.
func TestAllow(t *testing.T) {
	handler := newFaults(t).handler(&strings.Builder{})
	app, path := newChat(t, handler)
	for _, tt := range []struct{ path, allow string }{
		{"/health", "GET, HEAD"},
		{app, "GET, HEAD, PATCH"},
		{path + "/messages/1", "DELETE, GET, HEAD, PATCH"},
		{path + "/messages/search", "POST"},
	} {
		got := ask(handler, "OPTIONS", tt.path, "")
		if got.Code != http.StatusMethodNotAllowed || got.Header().Get("Allow") != tt.allow {
			t.Errorf("%s: status %d, Allow %q, want %q", tt.path, got.Code, got.Header().Get("Allow"), tt.allow)
		}
		wantProblem(t, got, "method_not_allowed")
	}
}

// TestNoRoute holds that what names no operation is answered with a problem,
// and never with a redirect.
func TestNoRoute(t *testing.T) {
	handler := newFaults(t).handler(&strings.Builder{})
	for _, path := range []string{"/", "*", "//health", "/health/", "/x/../health", "/health%2F", "/api/v1"} {
		for _, method := range []string{"GET", "POST", "OPTIONS", "CONNECT"} {
			got := ask(handler, method, path, "")
			if got.Code != http.StatusNotFound {
				t.Errorf("%s %s: status %d", method, path, got.Code)
			}
			wantProblem(t, got, "route_not_found")
		}
	}
}

// TestMalformed holds that the answer to a text that is no JSON says what is
// wrong with it, and where.
func TestMalformed(t *testing.T) {
	handler := newFaults(t).handler(&strings.Builder{})
	for _, tt := range []struct{ name, body, want string }{
		{"cut off", `{"name":`, "unexpected EOF within \"/name\" after offset 8"},
		{"a comma too many", `{"name":"a",}`, "invalid character ',' at start of value after offset 11"},
		{"a field twice", `{"name":"a","name":"b"}`, `duplicate object member name "name"`},
		{"a field of a field twice", `{"name":"a","metadata":{"k":"a","k":"b"}}`, `name "k" within "/metadata"`},
		{"not UTF-8", "{\"name\":\"a\xff\"}", `invalid UTF-8 within "/name" after offset 10`},
		{"half of a surrogate pair", `{"name":"\ud83d"}`, `invalid surrogate pair`},
		{"a number beyond all", `{"name":1e400}`, `value out of range within "/name"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ask(handler, "POST", "/api/v1/apps", tt.body)
			wantProblem(t, got, "malformed_request")
			var p struct{ Detail string }
			if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(p.Detail, "body: ") || !strings.Contains(p.Detail, tt.want) || strings.Contains(p.Detail, "json") {
				t.Errorf("detail %q, want %q in it", p.Detail, tt.want)
			}
		})
	}
}

// TestTimesOfSearches: a time in a body may be written as one in a query.
func TestTimesOfSearches(t *testing.T) {
	handler := newFaults(t).handler(&strings.Builder{})
	app, path := newChat(t, handler)
	for _, tt := range []struct {
		at     string
		status int
	}{
		{"2026-01-02T03:04:05Z", 200},
		{"2026-01-02T03:04:05.678%2B01:00", 200},
		{"2026-01-02T3:04:05Z", 200},
		{"2026-01-02T03:04:05,678Z", 200},
		{"2026-01-02", 422},
		{"2026-13-02T03:04:05Z", 422},
	} {
		if got := ask(handler, "GET", app+"/messages/search?query=a&from="+tt.at, ""); got.Code != tt.status {
			t.Errorf("%s in a query: status %d: %s", tt.at, got.Code, got.Body)
		}
		body := fmt.Sprintf(`{"query":"a","from":%q}`, strings.ReplaceAll(tt.at, "%2B", "+"))
		if got := ask(handler, "POST", path+"/messages/search", body); got.Code != tt.status {
			t.Errorf("%s in a body: status %d: %s", tt.at, got.Code, got.Body)
		}
	}
}

// TestWholeNumbers: JSON has one way to write a number too many.
func TestWholeNumbers(t *testing.T) {
	handler := newFaults(t).handler(&strings.Builder{})
	_, path := newChat(t, handler)
	for _, limit := range []string{"5", "5.0", "5e0"} {
		if got := ask(handler, "POST", path+"/messages/search", `{"query":"a","limit":`+limit+`}`); got.Code != http.StatusOK {
			t.Errorf("limit %s: status %d: %s", limit, got.Code, got.Body)
		}
	}
}
