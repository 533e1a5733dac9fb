package local_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatapi/pkg/api"
	"chatapi/pkg/local"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
)

func TestTour(t *testing.T) {
	s := serve(t, openBackend(t))
	app := s.newApp(t)
	created := s.must(t, 201, "POST", app+"/chats", `{"title":"Kitchen"}`)
	if got, want := created.header.Get("Location"), app+"/chats/1"; got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
	text := created.fields["message"]
	if created.number(t, "chat_number") != 1 || created.fields["title"] != "Kitchen" || text != "Chat created successfully" {
		t.Errorf("created %s", created.text)
	}
	posted := s.must(t, 201, "POST", app+"/chats/1/messages", `{"body":"Hello, world","sender":"ada"}`)
	if got, want := posted.header.Get("Location"), app+"/chats/1/messages/1"; got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
	eventually(t, 10*time.Second, "the message is stored", func() bool {
		a, err := send(s.url, request{method: "GET", path: app + "/chats/1"})
		return err == nil && a.status == 200 && a.number(t, "message_count") == 1
	})
	read := s.must(t, 200, "GET", app+"/chats/1/messages/1", "")
	if read.fields["body"] != "Hello, world" || read.fields["sender"] != "ada" {
		t.Errorf("read %s", read.text)
	}
	if got := s.must(t, 200, "GET", app, "").number(t, "chat_count"); got != 1 {
		t.Errorf("chat_count %d", got)
	}
	if got := s.must(t, 200, "GET", "/health", "").fields["status"]; got != "ok" {
		t.Errorf("health %v", got)
	}
}

func TestSearchWithinTwoSeconds(t *testing.T) {
	s := serve(t, openBackend(t))
	chat := s.newChat(t, s.newApp(t))
	for _, body := range []string{"Hello world", "un café noir", "قال سَلَامٌ للجميع", "Yellow"} {
		s.must(t, 201, "POST", chat+"/messages", fmt.Sprintf(`{"body":%q}`, body))
	}
	for _, tt := range []struct {
		query string
		want  []string
	}{
		{"hello", []string{"Hello world"}},
		{"hel", []string{"Hello world"}},
		{"ell", []string{"Yellow", "Hello world"}},
		{"cafe", []string{"un café noir"}},
		{`\"سلام\"`, []string{"قال سَلَامٌ للجميع"}},
		{"ســلام", []string{"قال سَلَامٌ للجميع"}},
	} {
		t.Run(tt.query, func(t *testing.T) {
			var got []string
			eventually(t, 2*time.Second, tt.query, func() bool {
				a := s.must(t, 200, "POST", chat+"/messages/search", `{"query":"`+tt.query+`"}`)
				got = bodies(a)
				return cmp.Equal(got, tt.want)
			})
		})
	}
}

func bodies(a answer) (texts []string) {
	items, _ := a.fields["messages"].([]any)
	for _, item := range items {
		fields, _ := item.(map[string]any)
		text, _ := fields["body"].(string)
		texts = append(texts, text)
	}
	return texts
}

// TestConcurrentNumbers is promises 1 to 3 under load.
func TestConcurrentNumbers(t *testing.T) {
	const clients, chats, messages, busyChats = 64, 5_000, 20_000, 20
	s := serve(t, openBackend(t))
	app := s.newApp(t)
	chatNumbers := concurrently(t, clients, chats, func(int) (int64, error) {
		return s.create(app+"/chats", `{}`, "chat_number")
	})
	wantOneToN(t, "chats", chatNumbers, chats)

	var mu sync.Mutex
	given := map[int][]int64{}
	concurrently(t, clients, messages, func(i int) (int64, error) {
		chat := 1 + i%busyChats
		n, err := s.create(fmt.Sprintf("%s/chats/%d/messages", app, chat), fmt.Sprintf(`{"body":"message %d"}`, i), "message_number")
		mu.Lock()
		defer mu.Unlock()
		given[chat] = append(given[chat], n)
		return n, err
	})
	for chat, numbers := range given {
		wantOneToN(t, fmt.Sprintf("messages of chat %d", chat), numbers, messages/busyChats)
	}
	eventually(t, 30*time.Second, "all chats are stored", func() bool {
		return s.must(t, 200, "GET", app, "").number(t, "chat_count") == chats
	})
	wantOneToN(t, "listed chats", s.all(t, app+"/chats?limit=200", "chats", "chat_number"), chats)
	for chat := 1; chat <= busyChats; chat++ {
		path := fmt.Sprintf("%s/chats/%d", app, chat)
		eventually(t, 30*time.Second, "all messages are stored", func() bool {
			return s.must(t, 200, "GET", path, "").number(t, "message_count") == messages/busyChats
		})
		wantOneToN(t, "listed messages", s.all(t, path+"/messages?limit=200", "messages", "message_number"), messages/busyChats)
	}
}

// create posts and returns the allocated number.
func (s service) create(path, body, field string) (int64, error) {
	a, err := send(s.url, request{method: "POST", path: path, body: body})
	if err != nil {
		return 0, err
	}
	n, ok := a.fields[field].(float64)
	if a.status != http.StatusCreated || !ok {
		return 0, fmt.Errorf("POST %s: %d %s", path, a.status, a.text)
	}
	return int64(n), nil
}

// concurrently calls create n times from a number of clients and returns what it
// returned.
func concurrently(t *testing.T, clients, n int, create func(i int) (int64, error)) []int64 {
	t.Helper()
	numbers := make([]int64, n)
	var all errgroup.Group
	all.SetLimit(clients)
	for i := range n {
		all.Go(func() (err error) {
			numbers[i], err = create(i)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	return numbers
}

func wantOneToN(t *testing.T, what string, numbers []int64, n int) {
	t.Helper()
	slices.Sort(numbers)
	if len(numbers) != n {
		t.Fatalf("%s: %d numbers, want %d", what, len(numbers), n)
	}
	for i, number := range numbers {
		if number != int64(i+1) {
			t.Fatalf("%s: number %d at place %d", what, number, i+1)
		}
	}
}

// TestWriterStopped is promise 4: a chat can be used as soon as its number is
// known, and what was accepted is stored when the writer runs again.
func TestWriterStopped(t *testing.T) {
	b := openBackend(t)
	onlyAPI := httptest.NewServer(local.Handler(slog.New(slog.DiscardHandler), b.Ports, local.Options{Guard: api.Guard{Open: true}}))
	defer onlyAPI.Close()
	s := service{url: onlyAPI.URL, backend: b}
	app := s.newApp(t)
	chat := s.newChat(t, app)
	for i := range 10 {
		a := s.must(t, 201, "POST", chat+"/messages", `{"body":"early"}`)
		if got := a.number(t, "message_number"); got != int64(i+1) {
			t.Fatalf("message_number %d, want %d", got, i+1)
		}
	}
	for _, path := range []string{chat, chat + "/messages/1", chat + "/messages/10"} {
		a, err := send(s.url, request{method: "GET", path: path})
		if err != nil {
			t.Fatal(err)
		}
		wantProblem(t, a, 404, "not_stored_yet", "")
		if a.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
		}
	}
	s.must(t, 404, "GET", chat+"/messages/11", "")
	s.must(t, 200, "GET", chat+"/messages", "")

	running := serve(t, b)
	eventually(t, 5*time.Second, "the chat and its messages are stored", func() bool {
		a, err := send(running.url, request{method: "GET", path: chat})
		return err == nil && a.status == 200 && a.number(t, "message_count") == 10
	})
	wantOneToN(t, "messages", running.all(t, chat+"/messages", "messages", "message_number"), 10)
}

func TestShutdownFinishesWhatIsInFlight(t *testing.T) {
	s := serve(t, openBackend(t))
	chat := s.newChat(t, s.newApp(t))
	var mu sync.Mutex
	var acknowledged []int64
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				n, err := s.create(chat+"/messages", `{"body":"x"}`, "message_number")
				if err != nil {
					return // the server is gone
				}
				mu.Lock()
				acknowledged = append(acknowledged, n)
				mu.Unlock()
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	s.stop()
	clients.Wait()
	if len(acknowledged) == 0 {
		t.Fatal("nothing was acknowledged")
	}
	again := serve(t, s.backend)
	last := slices.Max(acknowledged)
	eventually(t, 10*time.Second, "the last acknowledged message is stored", func() bool {
		a, err := send(again.url, request{method: "GET", path: fmt.Sprintf("%s/messages/%d", chat, last)})
		return err == nil && a.status == 200
	})
	stored := again.all(t, chat+"/messages?limit=200", "messages", "message_number")
	for _, n := range acknowledged {
		if !slices.Contains(stored, n) {
			t.Fatalf("message %d was acknowledged and is not stored", n)
		}
	}
}

func TestRequestIDs(t *testing.T) {
	s := serve(t, openBackend(t))
	for _, tt := range []struct {
		name, sent string
		kept       bool
	}{
		{"none", "", false},
		{"a good one", "abc-123", true},
		{"one that could forge a log line", "a b", false},
		{"a long one", strings.Repeat("a", 65), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{}
			if tt.sent != "" {
				header.Set("X-Request-Id", tt.sent)
			}
			a, err := send(s.url, request{method: "GET", path: "/health", header: header})
			if err != nil {
				t.Fatal(err)
			}
			got := a.header.Get("X-Request-Id")
			if got == "" || (got == tt.sent) != tt.kept {
				t.Errorf("sent %q, got %q", tt.sent, got)
			}
		})
	}
}

func TestForwardedPrefix(t *testing.T) {
	s := serve(t, openBackend(t))
	header := http.Header{"X-Forwarded-Prefix": {"/prod"}}
	a, err := send(s.url, request{method: "POST", path: "/api/v1/apps", body: `{"name":"a"}`, header: header})
	if err != nil {
		t.Fatal(err)
	}
	if got := a.header.Get("Location"); !strings.HasPrefix(got, "/prod/api/v1/apps/") {
		t.Errorf("Location %q", got)
	}
}
