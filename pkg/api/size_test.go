package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"chatapi/pkg/api"
	"chatapi/pkg/apigateway"
	"chatapi/pkg/chat"

	"github.com/aws/aws-lambda-go/events"
)

// texts are repeated to texts that grow most on their way into a response. Each
// has the word a, so that searches find it.
var texts = map[string]string{
	"control characters":   "a" + strings.Repeat("\x01", 15),
	"escaped characters":   "a \"\\<b>'&\u2028🚀",
	"characters in a mark": "a" + strings.Repeat("\u0301", 7000) + " ",
}

// filled repeats a unit to a text of at most max bytes or characters.
func filled(unit string, max int, sizeOf func(rune) int) string {
	var text strings.Builder
	for size := 0; ; {
		for _, r := range unit {
			if size += sizeOf(r); size > max {
				return text.String()
			}
			text.WriteRune(r)
		}
	}
}

func one(rune) int { return 1 }

// largeMetadata has some short keys and a long value, MaxMetadata bytes together.
func largeMetadata(unit string) chat.Metadata {
	const keys = 100
	m := chat.Metadata{"x": filled(unit, chat.MaxMetadata-2*keys-1, utf8.RuneLen)}
	for i := range keys {
		m[string([]byte{byte(i%10) + 1, byte(i/10) + 1})] = "" // control characters
	}
	return m
}

// large holds 200 apps, 200 chats of the last app and 200 messages of its chat
// 1, all as large as they may be. Every search finds all messages.
type large struct {
	chat.Store
	chat.VersionIndex
	apps     []chat.App
	chats    []chat.Chat
	messages []chat.Message
}

func newLarge(t *testing.T, unit string) (l large) {
	t.Helper()
	metadata, now := largeMetadata(unit), time.Now().UTC()
	name, title := filled(unit, chat.MaxName, one), filled(unit, chat.MaxTitle, one)
	body, sender := filled(unit, chat.MaxBody, utf8.RuneLen), filled(unit, chat.MaxSender, one)
	for n := int64(1); n <= chat.MaxPage; n++ {
		a, err := chat.NewApp(name, metadata, now)
		if err != nil {
			t.Fatal(err)
		}
		c, err := chat.NewChat(a.Token, title, metadata, now)
		if err != nil {
			t.Fatal(err)
		}
		m, err := chat.NewMessage(chat.ChatID{AppToken: a.Token, Number: 1}, body, sender, metadata, now)
		if err != nil {
			t.Fatal(err)
		}
		c.Number, m.Number = n, n
		l.apps, l.chats, l.messages = append(l.apps, a), append(l.chats, c), append(l.messages, m)
	}
	return l
}

func (l large) Ping(context.Context) error { return nil }

func (l large) Apps(_ context.Context, cursor string, limit int) ([]chat.App, string, error) {
	from := 0
	_, _ = fmt.Sscan(cursor, &from)
	if to := from + limit; to < len(l.apps) {
		return l.apps[from:to], fmt.Sprint(to), nil
	}
	return l.apps[from:], "", nil
}

func (l large) Chats(_ context.Context, _ string, page chat.Page) ([]chat.Chat, bool, error) {
	return l.chats[page.After:], false, nil
}

func (l large) Messages(_ context.Context, _ chat.ChatID, page chat.Page) ([]chat.Message, bool, error) {
	return l.messages[page.After:], false, nil
}

func (l large) Search(_ context.Context, search chat.Search) (found chat.SearchResult, err error) {
	for _, m := range slices.Backward(l.messages) {
		hit := chat.Hit{Message: m, Rank: chat.Part}
		if search.Last == (chat.Position{}) || search.Last.Compare(search.Position(hit)) < 0 {
			found.Hits = append(found.Hits, hit)
		}
	}
	return found, nil
}

// TestPagesFit holds that a page ends before its response exceeds what Lambda
// takes, and that the pages after it have the rest.
func TestPagesFit(t *testing.T) {
	for name, unit := range texts {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // so that no request runs out of time
				l := newLarge(t, unit)
				app := l.apps[len(l.apps)-1].Token
				p := pages{T: t, proxy: apigateway.Proxy(api.New(slog.New(slog.DiscardHandler), api.ListApps(l, api.Guard{Open: true}), api.ListChats(l),
					api.ListMessages(l, time.Now), api.SearchMessages(l, l), api.SearchApp(l, l)))}
				for _, list := range []struct{ name, path, query string }{
					{"list-apps", "/api/v1/apps?limit=200", ""},
					{"list-chats", "/api/v1/apps/" + app + "/chats?limit=200", ""},
					{"list-messages", "/api/v1/apps/" + app + "/chats/1/messages?limit=200", ""},
					{"search-messages", "/api/v1/apps/" + app + "/chats/1/messages/search", "a"},
					{"search-app", "/api/v1/apps/" + app + "/messages/search?query=a&limit=200", ""},
				} {
					if n := p.items(list.name, list.path, list.query); n != chat.MaxPage {
						t.Errorf("%s: %d items on all pages, want %d", list.name, n, chat.MaxPage)
					}
				}
			})
		})
	}
}

// pages reads pages through a Lambda function.
type pages struct {
	*testing.T
	proxy func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error)
}

// items returns how many different items are on all pages of a list, or of a
// search with a query in its body.
func (p pages) items(name, path, query string) int {
	p.Helper()
	seen, next := map[string]bool{}, ""
	for {
		method, body := http.MethodGet, ""
		if query != "" {
			method, body = http.MethodPost, fmt.Sprintf(`{"query":%q,"limit":200,"next":%q}`, query, next)
		}
		var page struct {
			Apps []struct {
				AppToken string `json:"app_token"`
			} `json:"apps"`
			Chats []struct {
				ChatNumber int64 `json:"chat_number"`
			} `json:"chats"`
			Messages []struct {
				MessageNumber int64 `json:"message_number"`
			} `json:"messages"`
			Next string `json:"next"`
		}
		if err := json.Unmarshal(p.body(name, method, path, body), &page); err != nil {
			p.Fatal(err)
		}
		for _, a := range page.Apps {
			seen[a.AppToken] = true
		}
		for _, c := range page.Chats {
			seen[fmt.Sprint("chat ", c.ChatNumber)] = true
		}
		for _, m := range page.Messages {
			seen[fmt.Sprint("message ", m.MessageNumber)] = true
		}
		if page.Next == "" {
			return len(seen)
		}
		if len(page.Apps)+len(page.Chats)+len(page.Messages) == 0 {
			p.Fatalf("%s: a page without items has a next page", name)
		}
		if next = page.Next; query == "" {
			path = next
		}
	}
}

// body returns the body of a response whose event has at most 5 MB.
func (p pages) body(name, method, path, body string) []byte {
	p.Helper()
	resource, query, _ := strings.Cut(path, "?")
	event := events.APIGatewayProxyRequest{
		HTTPMethod: method, Resource: resource, Path: resource, Body: body,
		Headers:                         map[string]string{"Content-Type": "application/json"},
		MultiValueQueryStringParameters: map[string][]string{},
	}
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		event.MultiValueQueryStringParameters[key] = []string{value}
	}
	response, err := p.proxy(p.Context(), event)
	if err != nil || response.StatusCode != http.StatusOK {
		p.Fatalf("%s: status %d, %.500s, %v", name, response.StatusCode, response.Body, err)
	}
	if size := eventSize(p.T, response); size > 5_000_000 {
		p.Errorf("%s: the response event has %d bytes", name, size)
	}
	return []byte(response.Body)
}

// eventSize returns the size of a response as Lambda's runtime sends it.
func eventSize(t *testing.T, response events.APIGatewayProxyResponse) int {
	t.Helper()
	var data strings.Builder
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false) // the default of lambda.Start
	if err := encoder.Encode(response); err != nil {
		t.Fatal(err)
	}
	return data.Len()
}

// endingIndex is an index whose searches end the request that they belong to.
type endingIndex struct {
	chat.VersionIndex
	end context.CancelFunc
}

func (x endingIndex) Search(context.Context, chat.Search) (chat.SearchResult, error) {
	x.end()
	hit := chat.Hit{Rank: chat.Whole, Message: chat.Message{Number: 1, ChatNumber: 1, Body: "a", Version: 1}}
	return chat.SearchResult{Hits: []chat.Hit{hit, hit}}, nil
}

// TestSearchEndsWithItsRequest holds that nothing is done for the hits of a
// request that is over.
func TestSearchEndsWithItsRequest(t *testing.T) {
	f := newFaults(t)
	app, _ := newChat(t, f.handler(&strings.Builder{}))
	ctx, cancel := context.WithCancel(t.Context())
	search := api.SearchApp(f, endingIndex{end: cancel})
	recorder := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, app+"/messages/search?query=a", nil)
	api.New(slog.New(slog.DiscardHandler), search).ServeHTTP(recorder, request)
	if recorder.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503: %s", recorder.Code, recorder.Body)
	}
}
