package local_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"chatapi/pkg/embedded"
)

// service is a running local server over an embedded backend.
type service struct {
	url     string
	backend *embedded.Backend
	stop    func() // stops serving and waits; the backend stays open
}

func openBackend(t *testing.T) *embedded.Backend {
	t.Helper()
	b, err := embedded.Open(t.TempDir(), embedded.Options{Visibility: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// serve starts a server with its writer and indexer.
func serve(t *testing.T, b *embedded.Backend) service {
	t.Helper()
	s := serveBackend(t, slog.New(slog.DiscardHandler), b.Ports)
	s.backend = b
	return s
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	text   string
	fields map[string]any
}

func (a answer) number(t *testing.T, field string) int64 {
	t.Helper()
	n, ok := a.fields[field].(float64)
	if !ok {
		t.Fatalf("no number %q in %s", field, a.text)
	}
	return int64(n)
}

// request is one request; the zero value of a field leaves it out.
type request struct {
	method, path, body string
	header             http.Header
}

var connections = &http.Client{
	Timeout:   time.Minute,
	Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	},
}

func send(url string, r request) (answer, error) {
	req, err := http.NewRequest(r.method, url+r.path, bytes.NewBufferString(r.body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, values := range r.header {
		req.Header[name] = values
	}
	res, err := connections.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	a := answer{status: res.StatusCode, header: res.Header, text: string(text)}
	if len(text) > 0 && err == nil {
		err = json.Unmarshal(text, &a.fields)
	}
	if err == nil {
		err = documented(r, a)
	}
	if err != nil {
		return a, fmt.Errorf("%s %s: %w: %s", r.method, r.path, err, text)
	}
	return a, nil
}

// must sends a request and fails the test if the status is different.
func (s service) must(t *testing.T, status int, method, path, body string) answer {
	t.Helper()
	a, err := send(s.url, request{method: method, path: path, body: body})
	if err != nil {
		t.Fatal(err)
	}
	if a.status != status {
		t.Fatalf("%s %s %s: status %d, want %d: %s", method, path, body, a.status, status, a.text)
	}
	return a
}

func (s service) newApp(t *testing.T) (path string) {
	t.Helper()
	a := s.must(t, http.StatusCreated, "POST", "/api/v1/apps", `{"name":"test"}`)
	data, _ := a.fields["data"].(map[string]any)
	return fmt.Sprintf("/api/v1/apps/%s", data["app_token"])
}

func (s service) newChat(t *testing.T, app string) (path string) {
	t.Helper()
	a := s.must(t, http.StatusCreated, "POST", app+"/chats", `{}`)
	return fmt.Sprintf("%s/chats/%d", app, a.number(t, "chat_number"))
}

// eventually waits until a condition holds.
func eventually(t *testing.T, timeout time.Duration, what string, holds func() bool) {
	t.Helper()
	end := time.Now().Add(timeout)
	for !holds() {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", timeout, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// all reads every page of a list and returns the numbers of its items.
func (s service) all(t *testing.T, path, list, number string) (numbers []int64) {
	t.Helper()
	for path != "" {
		a := s.must(t, http.StatusOK, "GET", path, "")
		items, _ := a.fields[list].([]any)
		for _, item := range items {
			fields, _ := item.(map[string]any)
			n, _ := fields[number].(float64)
			numbers = append(numbers, int64(n))
		}
		path, _ = a.fields["next"].(string)
	}
	return numbers
}
