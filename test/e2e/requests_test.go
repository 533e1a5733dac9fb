//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"chatapi/pkg/client"

	"golang.org/x/sync/errgroup"
)

// answer is what a request got.
type answer struct {
	client.Answer
	fields map[string]any // of the JSON object
}

// text returns a field that is a string, or "".
func (a answer) text(field string) string {
	text, _ := a.fields[field].(string)
	return text
}

// send sends a request, with a body as JSON unless its header says otherwise.
func (s *suite) send(ctx context.Context, r client.Request) (answer, error) {
	header := http.Header{}
	if r.Body != "" {
		header.Set("Content-Type", "application/json")
	}
	for name, values := range r.Header {
		header[name] = values
	}
	r.Header = header
	api := s.api
	if path, _, _ := strings.Cut(r.Path, "?"); path == "/api/v1/apps" && header.Get("Authorization") == "" {
		api = s.admin
	}
	got, err := api.Do(ctx, r)
	if err != nil {
		return answer{}, err
	}
	a := answer{Answer: got}
	if len(got.Text) > 0 {
		if err := json.Unmarshal(got.Text, &a.fields); err != nil {
			return a, fmt.Errorf("%s %s: status %d, no JSON object: %.300q", r.Method, r.Path, got.Status, got.Text)
		}
	}
	return a, nil
}

// want sends a request and returns an error where the status is another.
func (s *suite) want(ctx context.Context, status int, method, path, body string) (answer, error) {
	a, err := s.send(ctx, client.Request{Method: method, Path: path, Body: body})
	if err == nil && a.Status != status {
		err = fmt.Errorf("%s %s %.100s: status %d, want %d: %.300s", method, path, body, a.Status, status, a.Text)
	}
	return a, err
}

// newApp creates an app and returns its path.
func (s *suite) newApp(ctx context.Context) (path string, err error) {
	app, err := s.admin.CreateApp(ctx, client.CreateAppRequest{Name: "end to end"})
	if err != nil {
		return "", err
	}
	return "/api/v1/apps/" + app.Data.AppToken, nil
}

// newChat creates a chat and returns its path.
func (s *suite) newChat(ctx context.Context, app string) (path string, err error) {
	chat, err := s.api.CreateChat(ctx, tokenOf(app), client.CreateChatRequest{})
	if err != nil {
		return "", err
	}
	return itemPath(chatsOf(app), chat.ChatNumber), nil
}

// newAppAndChat creates both and returns the path of the chat.
func (s *suite) newAppAndChat(ctx context.Context) (chat string, err error) {
	app, err := s.newApp(ctx)
	if err != nil {
		return "", err
	}
	return s.newChat(ctx, app)
}

// appOf returns the path of a chat's app.
func appOf(chat string) string {
	app, _, _ := strings.Cut(chat, "/chats/")
	return app
}

func tokenOf(app string) string { return strings.TrimPrefix(app, "/api/v1/apps/") }

// collection is what numbers are given out in: the chats of an app or the
// messages of a chat.
type collection struct {
	path, list, number string
	parent, count      string // the path and the field that say how many are stored
}

func chatsOf(app string) collection {
	return collection{path: app + "/chats", list: "chats", number: "chat_number", parent: app, count: "chat_count"}
}

func messagesOf(chat string) collection {
	return collection{path: chat + "/messages", list: "messages", number: "message_number", parent: chat, count: "message_count"}
}

func itemPath(in collection, number int64) string { return fmt.Sprintf("%s/%d", in.path, number) }

// created is a create that got its 201.
type created struct {
	number          int64
	begun, answered time.Time
	fields          map[string]any
}

// create posts into a collection and returns what was created.
func (s *suite) create(ctx context.Context, in collection, body string) (created, error) {
	begun := time.Now()
	a, err := s.want(ctx, http.StatusCreated, "POST", in.path, body)
	if err != nil {
		return created{}, err
	}
	number, ok := a.fields[in.number].(float64)
	if !ok || number < 1 || number != float64(int64(number)) {
		return created{}, fmt.Errorf("POST %s: %s is no number: %s", in.path, in.number, a.Text)
	}
	return created{number: int64(number), begun: begun, answered: time.Now(), fields: a.fields}, nil
}

// createAll posts n bodies side by side. It returns what was created, in the
// order of the bodies.
func (s *suite) createAll(ctx context.Context, in collection, n int, body func(i int) string) ([]created, error) {
	all := make([]created, n)
	err := sideBySide(ctx, n, func(ctx context.Context, i int) (err error) {
		all[i], err = s.create(ctx, in, body(i))
		return err
	})
	return all, err
}

// sideBySide calls do for 0 to n-1 from many clients.
func sideBySide(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(clients)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}

// item is a row of a list, of whatever kind.
type item struct {
	AppToken      string      `json:"app_token"`
	ChatNumber    int64       `json:"chat_number"`
	MessageNumber int64       `json:"message_number"`
	Title         string      `json:"title"`
	Body          string      `json:"body"`
	Sender        string      `json:"sender"`
	CreatedAt     time.Time   `json:"created_at"`
	UpdatedAt     time.Time   `json:"updated_at"`
	Highlights    []highlight `json:"highlights"`
	Highlighted   string      `json:"highlighted"`
}

type highlight struct {
	Start, End int
	Text       string
}

func (i item) number(in collection) int64 {
	if in.number == "chat_number" {
		return i.ChatNumber
	}
	return i.MessageNumber
}

// page is one page of a list.
type page struct {
	items []item
	next  string
}

// page reads one page of a list.
func (s *suite) page(ctx context.Context, path, list string, query url.Values) (page, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	a, err := s.want(ctx, http.StatusOK, "GET", path, "")
	if err != nil {
		return page{}, err
	}
	return decodePage(a, list)
}

func decodePage(a answer, list string) (page, error) {
	var fields map[string]json.RawMessage
	p := page{next: a.text("next")}
	if err := json.Unmarshal(a.Text, &fields); err != nil {
		return page{}, err
	}
	if err := json.Unmarshal(fields[list], &p.items); err != nil || p.items == nil {
		return page{}, fmt.Errorf("no list %q: %.300s", list, a.Text)
	}
	return p, nil
}

// maxPages ends a walk over a list whose last page never comes.
const maxPages = 2000

// walk reads all pages of a list. It takes the query of a next link only,
// because not every emulator says below which path it serves; the part "pages"
// has a case for the whole link.
func (s *suite) walk(ctx context.Context, path, list string, query url.Values) (items []item, err error) {
	for range maxPages {
		p, err := s.page(ctx, path, list, query)
		if err != nil {
			return nil, err
		}
		items = append(items, p.items...)
		if p.next == "" {
			return items, nil
		}
		link, err := url.Parse(p.next)
		if err != nil {
			return nil, fmt.Errorf("GET %s: next %q: %w", path, p.next, err)
		}
		query = link.Query()
	}
	return nil, fmt.Errorf("GET %s: no last page after %d", path, maxPages)
}

// all reads a whole collection.
func (s *suite) all(ctx context.Context, in collection) ([]item, error) {
	return s.walk(ctx, in.path, in.list, url.Values{"limit": {"200"}})
}

func numbersOf(items []item, in collection) []int64 {
	numbers := make([]int64, len(items))
	for i, row := range items {
		numbers[i] = row.number(in)
	}
	return numbers
}

// count reads how many items of a collection are stored. The parent's row may
// be on its way: that is errNotStoredYet.
func (s *suite) count(ctx context.Context, in collection) (int64, error) {
	a, err := s.send(ctx, client.Request{Method: "GET", Path: in.parent})
	if err != nil {
		return 0, err
	}
	if a.text("code") == "not_stored_yet" {
		return 0, errNotStoredYet
	}
	n, ok := a.fields[in.count].(float64)
	if a.Status != http.StatusOK || !ok {
		return 0, fmt.Errorf("GET %s: status %d, %s: %.300s", in.parent, a.Status, in.count, a.Text)
	}
	return int64(n), nil
}

var errNotStoredYet = errors.New("the row is not stored yet")

// stored waits until the count of a collection is n.
func (s *suite) stored(ctx context.Context, in collection, n int) error {
	return eventually(ctx, patience, func(ctx context.Context) error {
		got, err := s.count(ctx, in)
		if err == nil && got != int64(n) {
			err = fmt.Errorf("%s of %s is %d, want %d", in.count, in.parent, got, n)
		}
		return err
	})
}

// eventually waits until holds returns nil, and returns its last error where
// it does not within most.
func eventually(ctx context.Context, most time.Duration, holds func(ctx context.Context) error) error {
	const first, longest = 20 * time.Millisecond, 500 * time.Millisecond
	end := time.Now().Add(most)
	for wait := first; ; wait = min(2*wait, longest) {
		err := holds(ctx)
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("not within %v: %w", most, err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// oneToN returns an error unless the numbers are 1 to n, each once.
func oneToN(what string, numbers []int64, n int) error {
	sorted := slices.Sorted(slices.Values(numbers))
	for i, number := range sorted {
		if number != int64(i+1) {
			return fmt.Errorf("%s: number %d stands at place %d of %d", what, number, i+1, len(sorted))
		}
	}
	if len(sorted) != n {
		return fmt.Errorf("%s: %d numbers, want %d", what, len(sorted), n)
	}
	return nil
}

// object returns the text of a JSON object of strings: name, value, name, …
func object(pairs ...string) string {
	fields := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		fields[pairs[i]] = pairs[i+1]
	}
	text, _ := json.Marshal(fields) // never fails: a map of strings
	return string(text)
}
