package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatapi/pkg/api"
	"chatapi/pkg/chat"
)

// step is a call that a create with a key makes of a port.
type step string

const (
	claiming  step = "claim"
	taking    step = "take a number"
	recording step = "record it"
	opening   step = "open the chat"
	sending   step = "send"
)

// breaking is the ports of a process in which one step breaks: before it
// reaches the engine, or after, when only the answer is lost.
type breaking struct {
	chat.Store
	chat.Idempotency
	queue chat.Queue

	at     step
	after  bool
	killed bool // whether the process reaches nothing from then on
	dead   atomic.Bool
	later  time.Duration // how far its clock is ahead
}

func (b *breaking) do(s step, call func() error) error {
	broken := fmt.Errorf("%w: broken", chat.ErrUnavailable)
	if b.dead.Load() {
		return broken
	}
	if s == b.at && !b.after {
		b.dead.Store(b.killed)
		return broken
	}
	err := call()
	if s == b.at {
		b.dead.Store(b.killed)
		return broken
	}
	return err
}

func (b *breaking) Claim(ctx context.Context, claim chat.Claim) (got chat.Claim, err error) {
	claim.CreatedAt = claim.CreatedAt.Add(b.later)
	err = b.do(claiming, func() error { got, err = b.Idempotency.Claim(ctx, claim); return err })
	return got, err
}

func (b *breaking) AllocateChatNumber(ctx context.Context, token string) (n int64, err error) {
	err = b.do(taking, func() error { n, err = b.Store.AllocateChatNumber(ctx, token); return err })
	return n, err
}

func (b *breaking) AllocateMessageNumber(ctx context.Context, id chat.ChatID) (n int64, err error) {
	err = b.do(taking, func() error { n, err = b.Store.AllocateMessageNumber(ctx, id); return err })
	return n, err
}

func (b *breaking) Record(ctx context.Context, claim chat.Claim) error {
	return b.do(recording, func() error { return b.Idempotency.Record(ctx, claim) })
}

func (b *breaking) CreateCounter(ctx context.Context, id chat.ChatID) error {
	return b.do(opening, func() error { return b.Store.CreateCounter(ctx, id) })
}

func (b *breaking) Send(ctx context.Context, c chat.Create) error {
	return b.do(sending, func() error { return b.queue.Send(ctx, c) })
}

func (b *breaking) Release(ctx context.Context, claim chat.Claim) error {
	return b.do("release", func() error { return b.Idempotency.Release(ctx, claim) })
}

func (b *breaking) StoreChats(ctx context.Context, token string, chats []chat.Chat) error {
	return b.do("store", func() error { return b.Store.StoreChats(ctx, token, chats) })
}

func (b *breaking) StoreMessages(ctx context.Context, id chat.ChatID, messages []chat.Message) error {
	return b.do("store", func() error { return b.Store.StoreMessages(ctx, id, messages) })
}

func (b *breaking) Ping(ctx context.Context) error { return b.Store.Ping(ctx) }

// process is a process of the service over the engines of f.
func process(f *faults, b *breaking) http.Handler {
	b.Store, b.queue, b.Idempotency = f.backend.Store, f.backend.Queue, f.backend.Idempotency
	return api.New(slog.New(slog.DiscardHandler), api.Operations(chat.Ports{Store: b, Queue: b, Idempotency: b}, api.Guard{Open: true})...)
}

func askWithKey(handler http.Handler, path, key, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequest("POST", path, strings.NewReader(body))
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

// TestRetriesAreSafe is promise 7: whatever step of a create with a key breaks
// and however, its repeats make one thing, with one number and one answer.
func TestRetriesAreSafe(t *testing.T) {
	for _, kind := range []struct{ list, field, number string }{{"chats", "title", "chat_number"}, {"messages", "body", "message_number"}} {
		for _, at := range []step{claiming, taking, recording, opening, sending} {
			for _, after := range []bool{false, true} {
				for _, killed := range []bool{false, true} {
					if at == opening && kind.list == "messages" {
						continue
					}
					name := fmt.Sprintf("%s: %s, after it %t, killed %t", kind.list, at, after, killed)
					t.Run(name, func(t *testing.T) {
						r := retries{f: newFaults(t), number: kind.number}
						app, chat := newChat(t, process(r.f, &breaking{}))
						storeAll(t, r.f)
						r.path = map[string]string{"chats": app + "/chats", "messages": chat + "/messages"}[kind.list]
						r.keyed, r.plain = fmt.Sprintf(`{%q:"keyed"}`, kind.field), fmt.Sprintf(`{%q:"plain"}`, kind.field)
						r.run(t, &breaking{at: at, after: after, killed: killed})
					})
				}
			}
		}
	}
}

// retries is a create that breaks, and its repeats by other processes.
type retries struct {
	f                          *faults
	path, keyed, plain, number string
}

func (r retries) run(t *testing.T, broken *breaking) {
	numbers := map[int64]string{}
	first := askWithKey(process(r.f, broken), r.path, "k", r.keyed)
	if known := broken.at == sending && !broken.killed; (first.Code == http.StatusCreated) != known {
		t.Fatalf("first: %d %s", first.Code, first.Body)
	}
	r.create(t, numbers, "plain 1")

	atOnce := askWithKey(process(r.f, &breaking{}), r.path, "k", r.keyed)
	if atOnce.Code != http.StatusCreated {
		wantProblem(t, atOnce, "idempotency_key_in_use")
		if !broken.killed || broken.at == sending || broken.at == opening || atOnce.Code != http.StatusConflict || atOnce.Header().Get("Retry-After") != "1" {
			t.Errorf("a repeat at once: %d, Retry-After %q", atOnce.Code, atOnce.Header().Get("Retry-After"))
		}
	}
	later := askWithKey(process(r.f, &breaking{later: chat.LeaseTime}), r.path, "k", r.keyed)
	if later.Code != http.StatusCreated {
		t.Fatalf("a repeat when the lease is over: %d %s", later.Code, later.Body)
	}
	r.create(t, numbers, "plain 2")
	storeAll(t, r.f)
	again := askWithKey(process(r.f, &breaking{}), r.path, "k", r.keyed)
	for name, answer := range map[string]*httptest.ResponseRecorder{"first": first, "at once": atOnce, "again": again} {
		if answer.Code == http.StatusCreated && answer.Body.String() != later.Body.String() {
			t.Errorf("%s: %s, want %s", name, answer.Body, later.Body)
		}
	}
	other := askWithKey(process(r.f, &breaking{}), r.path, "k", r.plain)
	wantProblem(t, other, "idempotency_key_reused")
	numbers[r.numberOf(t, later)] = "keyed"
	storeAll(t, r.f)
	r.wantStored(t, numbers, first.Code == http.StatusCreated)
}

// create creates something without a key.
func (r retries) create(t *testing.T, numbers map[int64]string, what string) {
	t.Helper()
	numbers[r.numberOf(t, askWithKey(process(r.f, &breaking{}), r.path, "", r.plain))] = what
}

func (r retries) numberOf(t *testing.T, answer *httptest.ResponseRecorder) int64 {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(answer.Body.Bytes(), &fields); err != nil || answer.Code != http.StatusCreated {
		t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	return int64(fields[r.number].(float64))
}

// wantStored checks that each create is stored once, and that no number is
// left out but that of a first create which was not answered with 201.
func (r retries) wantStored(t *testing.T, numbers map[int64]string, answered bool) {
	t.Helper()
	if len(numbers) != 3 {
		t.Errorf("creates share numbers: %v", numbers)
	}
	list := ask(process(r.f, &breaking{}), "GET", r.path, "").Body.String()
	if keyed, plain := strings.Count(list, `:"keyed"`), strings.Count(list, `:"plain"`); keyed != 1 || plain != 2 {
		t.Errorf("%d and %d are stored, want 1 and 2: %s", keyed, plain, list)
	}
	highest := int64(0)
	for n := range numbers {
		highest = max(highest, n)
	}
	before := int64(0) // the chat that the test began with
	if r.number == "chat_number" {
		before = 1
	}
	if left := highest - before - 3; left != 0 && (answered || left > 1) {
		t.Errorf("%d numbers are left out: %v", left, numbers)
	}
}

// TestRepeatsAtOnce lets many processes repeat one create side by side.
func TestRepeatsAtOnce(t *testing.T) {
	f := newFaults(t)
	_, path := newChat(t, process(f, &breaking{}))
	answers := make([]*httptest.ResponseRecorder, 30)
	var all sync.WaitGroup
	for i := range answers {
		handler := process(f, &breaking{})
		all.Go(func() { answers[i] = askWithKey(handler, path+"/messages", "k", `{"body":"once"}`) })
	}
	all.Wait()
	known := askWithKey(process(f, &breaking{}), path+"/messages", "k", `{"body":"once"}`)
	for _, a := range answers {
		switch {
		case a.Code == http.StatusConflict:
			wantProblem(t, a, "idempotency_key_in_use")
		case a.Code != http.StatusCreated || a.Body.String() != known.Body.String() || a.Header().Get("Location") != path+"/messages/1":
			t.Errorf("%d %s, want %s", a.Code, a.Body, known.Body)
		}
	}
	storeAll(t, f)
	if list := ask(process(f, &breaking{}), "GET", path+"/messages", "").Body.String(); strings.Count(list, `:"once"`) != 1 {
		t.Errorf("stored %s", list)
	}
}

func TestKeys(t *testing.T) {
	const long = "0123456789abcdef"
	for _, tt := range []struct {
		name, first, second string
		path                string // below the app, "" for creates of apps
		code                string // of the second create, "" for the first's answer, "new" for one of its own
	}{
		{"bare", "k", "k", "/chats/1/messages", ""},
		{"in quotes", `"k"`, `"k"`, "/chats/1/messages", ""},
		{"in quotes and bare", `"k"`, "k", "/chats/1/messages", ""},
		{"with quotes inside", `"a\"b\\c"`, `a"b\c`, "/chats/1/messages", ""},
		{"longest", strings.Repeat("k", 255), strings.Repeat("k", 255), "/chats/1/messages", ""},
		{"another", "k", "l", "/chats/1/messages", "new"},
		{"in other letters", "k", "K", "/chats/1/messages", "new"},
		{"none", "", "", "/chats/1/messages", "new"},
		{"too long", "k", strings.Repeat("k", 256), "/chats/1/messages", "invalid_field"},
		{"with a space", "k", "a b", "/chats/1/messages", "invalid_field"},
		{"with a space in quotes", "k", `"a b"`, "/chats/1/messages", "invalid_field"},
		{"not ASCII", "k", "é", "/chats/1/messages", "invalid_field"},
		{"not UTF-8", "k", "\xff", "/chats/1/messages", "invalid_field"},
		{"nothing in quotes", "k", `""`, "/chats/1/messages", "invalid_field"},
		{"no second quote", "k", `"k`, "/chats/1/messages", "invalid_field"},
		{"text after the quotes", "k", `"k";a=1`, "/chats/1/messages", "invalid_field"},
		{"a backslash at the end", "k", `"k\`, "/chats/1/messages", "invalid_field"},
		{"a backslash before a letter", "k", `"\k"`, "/chats/1/messages", "invalid_field"},
		{"of a chat", "k", `"k"`, "/chats", ""},
		{"another of a chat", "k", "l", "/chats", "new"},
		{"of an app", long, `"` + long + `"`, "", ""},
		{"another of an app", long, long + "0", "", "new"},
		{"of an app, too short", long, long[1:], "", "invalid_field"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			handler := process(newFaults(t), &breaking{})
			app, _ := newChat(t, handler)
			path := app + tt.path
			if tt.path == "" {
				path = "/api/v1/apps"
			}
			body := map[string]string{"": `{"name":"a"}`, "/chats": `{"title":"a"}`, "/chats/1/messages": `{"body":"a"}`}[tt.path]
			first := askWithKey(handler, path, tt.first, body)
			if first.Code != http.StatusCreated {
				t.Fatalf("first: %d %s", first.Code, first.Body)
			}
			second := askWithKey(handler, path, tt.second, body)
			switch tt.code {
			case "":
				if second.Code != http.StatusCreated || second.Body.String() != first.Body.String() || second.Header().Get("Location") != first.Header().Get("Location") {
					t.Errorf("%d %s, want %s", second.Code, second.Body, first.Body)
				}
			case "new":
				if second.Code != http.StatusCreated || second.Header().Get("Location") == first.Header().Get("Location") {
					t.Errorf("%d %s, want another than %s", second.Code, second.Body, first.Body)
				}
			default:
				wantProblem(t, second, tt.code)
				if !strings.Contains(second.Body.String(), `"field":"Idempotency-Key"`) {
					t.Errorf("the field is not named: %s", second.Body)
				}
			}
		})
	}
}

// TestSameRequest holds what makes a request another one under the same key.
func TestSameRequest(t *testing.T) {
	const key = "0123456789abcdef"
	for _, tt := range []struct {
		name, path, first, second string
		same                      bool
	}{
		{"a message, written otherwise", "/chats/1/messages", `{"body":"a","sender":"b"}`, ` {"sender":"\u0062" , "body":"a"}`, true},
		{"a message with nothing said of its sender", "/chats/1/messages", `{"body":"a"}`, `{"body":"a","sender":"","metadata":{}}`, true},
		{"another body", "/chats/1/messages", `{"body":"a"}`, `{"body":"b"}`, false},
		{"another sender", "/chats/1/messages", `{"body":"a","sender":"b"}`, `{"body":"a","sender":"c"}`, false},
		{"metadata in another order", "/chats/1/messages", `{"body":"a","metadata":{"a":"1","b":"2"}}`, `{"body":"a","metadata":{"b":"2","a":"1"}}`, true},
		{"other metadata", "/chats/1/messages", `{"body":"a","metadata":{"a":"1"}}`, `{"body":"a","metadata":{"a":"2"}}`, false},
		{"a chat without a body", "/chats", ``, `{}`, true},
		{"another title", "/chats", `{"title":"a"}`, `{"title":"b"}`, false},
		{"another name", "", `{"name":"a"}`, `{"name":"b"}`, false},
		{"other metadata of an app", "", `{"name":"a","metadata":{"a":"1"}}`, `{"name":"a"}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			handler := process(newFaults(t), &breaking{})
			app, _ := newChat(t, handler)
			path := app + tt.path
			if tt.path == "" {
				path = "/api/v1/apps"
			}
			first := askWithKey(handler, path, key, tt.first)
			second := askWithKey(handler, path, key, tt.second)
			if !tt.same {
				wantProblem(t, second, "idempotency_key_reused")
				return
			}
			if first.Code != http.StatusCreated || second.Body.String() != first.Body.String() {
				t.Errorf("%s, want %s", second.Body, first.Body)
			}
		})
	}
}
