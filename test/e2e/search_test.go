//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The messages that the cases search. Each also has the word kiwi, by which
// the suite waits until all are indexed.
var searched = []struct{ sender, body string }{
	1:  {"ada", "Hello world"},
	2:  {"bob", "Yellow submarine"},
	3:  {"ada", "Un café noir"},
	4:  {"bob", "قال سَلَامٌ للجميع"},
	5:  {"ada", "hello again, WORLD"},
	6:  {"bob", "Othello"},
	7:  {"ada", "ســلام على أحمد"},
	8:  {"bob", "Ёлка в Straße, ΟΔΟΣ 42"},
	9:  {"ada", "foo-bar a.b@example.com 👍"},
	10: {"bob", "我喜欢北京烤鸭 <b>&</b>"},
}

// searchCases: what a query finds, in which order, and when.
func searchCases(ctx context.Context, s *suite) ([]testCase, error) {
	chat, err := s.searchedChat(ctx)
	if err != nil {
		return nil, err
	}
	var all []testCase
	for _, q := range []struct {
		name, query string
		want        []int64
	}{
		{"whole words before parts, newest first", "hello", []int64{5, 1, 6}},
		{"beginnings before parts", "hel", []int64{5, 1, 6}},
		{"part of a word", "ell", []int64{6, 5, 2, 1}},
		{"one letter", "y", []int64{2}},
		{"case does not matter", "YELLOW", []int64{2}},
		{"all words must match", "hello again", []int64{5}},
		{"words in any order", "world hello", []int64{5, 1}},
		{"a phrase", `"hello world"`, []int64{1}},
		{"a phrase in its order", `"world hello"`, nil},
		{"a phrase is of whole words", `"hello wor"`, nil},
		{"a phrase and a word", `"hello world" kiwi`, []int64{1}},
		{"accents left out", "cafe", []int64{3}},
		{"accents given", "CAFÉ", []int64{3}},
		{"Arabic vowels and stretched letters", "سلام", []int64{7, 4}},
		{"an Arabic phrase", `"سَلَامٌ"`, []int64{7, 4}},
		{"Arabic letter forms", "احمد", []int64{7}},
		{"Cyrillic", "елка", []int64{8}},
		{"German sharp s", "STRASSE", []int64{8}},
		{"Greek final sigma", "οδος", []int64{8}},
		{"digits of another script", "٤٢", []int64{8}},
		{"part of an address", "example", []int64{9}},
		{"an emoji", "👍", []int64{9}},
		{"an address, which stands together", "a.b@example.com", []int64{9}},
		{"an address in another order", "example.com@a.b", nil},
		{"Chinese within a sentence", "北京", []int64{10}},
		{"a Chinese phrase within a sentence", `"北京烤鸭"`, []int64{10}},
		{"no query language", "hello* OR (yellow)", nil},
		{"no word", "?!", nil},
		{"a word that is not there", "cucumber", nil},
		{"a word of another chat", "elsewhere", nil},
	} {
		all = append(all, testCase{"finds: " + q.name, func(ctx context.Context) error {
			return s.wantFound(ctx, chat, map[string]any{"query": q.query}, q.want)
		}})
	}
	return append(all,
		testCase{"filter: sender", func(ctx context.Context) error {
			return s.wantFound(ctx, chat, map[string]any{"query": "kiwi", "sender": "bob"}, []int64{10, 8, 6, 4, 2})
		}},
		testCase{"filter: sender to the letter", func(ctx context.Context) error {
			return s.wantFound(ctx, chat, map[string]any{"query": "kiwi", "sender": "Bob"}, nil)
		}},
		testCase{"filter: after and before", func(ctx context.Context) error {
			return s.wantFound(ctx, chat, map[string]any{"query": "kiwi", "after": 2, "before": 6}, []int64{5, 4, 3})
		}},
		testCase{"filter: from and to", func(ctx context.Context) error { return s.searchByTime(ctx, chat) }},
		testCase{"pages neither repeat nor skip", func(ctx context.Context) error { return s.searchPages(ctx, chat) }},
		testCase{"highlights", func(ctx context.Context) error { return s.highlights(ctx, chat) }},
		testCase{"messages come with their own fields", func(ctx context.Context) error { return s.foundAsStored(ctx, chat) }},
		testCase{"every message of a load is found once", s.loadFound},
		testCase{"all chats of an app", func(ctx context.Context) error { return s.searchApp(ctx, appOf(chat)) }},
		testCase{"all chats of an app, page by page", func(ctx context.Context) error { return s.searchAppPages(ctx, appOf(chat)) }},
		testCase{"an app that is not there", s.searchNoApp},
		testCase{"indexed_through is reached, and the change is found", s.indexedThrough},
	), nil
}

// searchedChat posts the messages, one after the other, and a message to
// another chat, and waits until they are indexed.
func (s *suite) searchedChat(ctx context.Context) (chat string, err error) {
	chat, err = s.newAppAndChat(ctx)
	if err != nil {
		return "", err
	}
	other, err := s.newChat(ctx, appOf(chat))
	if err != nil {
		return "", err
	}
	if _, err := s.create(ctx, messagesOf(other), object("body", "hello elsewhere, kiwi")); err != nil {
		return "", err
	}
	for _, m := range searched[1:] {
		time.Sleep(2 * time.Millisecond) // times have milliseconds, by which filters and searches of an app go
		if _, err := s.create(ctx, messagesOf(chat), object("body", m.body+" kiwi", "sender", m.sender)); err != nil {
			return "", err
		}
	}
	if err := s.searchable(ctx, other, "kiwi", 1); err != nil {
		return "", err
	}
	return chat, s.searchable(ctx, chat, "kiwi", len(searched)-1)
}

// find sends a search and returns its page.
func (s *suite) find(ctx context.Context, chat, body string) (page, error) {
	a, err := s.want(ctx, http.StatusOK, "POST", chat+"/messages/search", body)
	if err != nil {
		return page{}, err
	}
	return decodePage(a, "messages")
}

// findAll reads all pages of a search.
func (s *suite) findAll(ctx context.Context, chat string, search map[string]any) (items []item, err error) {
	search = maps.Clone(search)
	for range maxPages {
		body, err := json.Marshal(search)
		if err != nil {
			return nil, err
		}
		p, err := s.find(ctx, chat, string(body))
		if err != nil {
			return nil, err
		}
		if limit, limited := search["limit"].(int); limited && len(p.items) > limit {
			return nil, fmt.Errorf("search %v: %d messages on one page", search, len(p.items))
		}
		items = append(items, p.items...)
		if p.next == "" {
			return items, nil
		}
		search["next"] = p.next
	}
	return nil, fmt.Errorf("search %v: no last page after %d", search, maxPages)
}

// searchable waits until a query finds messages 1 to n, each once.
func (s *suite) searchable(ctx context.Context, chat, query string, n int) error {
	return eventually(ctx, patience, func(ctx context.Context) error {
		found, err := s.findAll(ctx, chat, map[string]any{"query": query, "limit": 200})
		if err != nil {
			return err
		}
		return oneToN(fmt.Sprintf("search for %q in %s", query, chat), numbersOf(found, messagesOf(chat)), n)
	})
}

// wantFound searches, again for some seconds: copies of an index may show a
// message at different times.
func (s *suite) wantFound(ctx context.Context, chat string, search map[string]any, want []int64) error {
	return eventually(ctx, 5*time.Second, func(ctx context.Context) error {
		found, err := s.findAll(ctx, chat, search)
		if err != nil {
			return err
		}
		got := numbersOf(found, messagesOf(chat))
		if !slices.Equal(got, want) {
			return fmt.Errorf("search %v found %v, want %v", search, got, want)
		}
		return nil
	})
}

func (s *suite) searchByTime(ctx context.Context, chat string) error {
	stored, err := s.all(ctx, messagesOf(chat))
	if err != nil {
		return err
	}
	from, to := stored[2].CreatedAt, stored[5].CreatedAt // of messages 3 and 6
	for _, row := range []struct {
		search map[string]any
		want   []int64
	}{
		{map[string]any{"query": "kiwi", "from": from}, []int64{10, 9, 8, 7, 6, 5, 4, 3}},
		{map[string]any{"query": "kiwi", "to": to}, []int64{5, 4, 3, 2, 1}},
		{map[string]any{"query": "kiwi", "from": from, "to": to, "sender": "ada"}, []int64{5, 3}},
	} {
		if err := s.wantFound(ctx, chat, row.search, row.want); err != nil {
			return err
		}
	}
	return nil
}

func (s *suite) searchPages(ctx context.Context, chat string) error {
	for _, row := range []struct {
		query string
		limit int
		want  []int64
	}{
		{"kiwi", 1, []int64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}},
		{"kiwi", 4, []int64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}},
		{"kiwi", 10, []int64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}},
		{"hello", 1, []int64{5, 1, 6}}, // across ranks
		{"ell", 3, []int64{6, 5, 2, 1}},
	} {
		if err := s.wantFound(ctx, chat, map[string]any{"query": row.query, "limit": row.limit}, row.want); err != nil {
			return err
		}
	}
	return nil
}

func (s *suite) highlights(ctx context.Context, chat string) error {
	for _, row := range []struct {
		query string
		want  []highlight
		html  string
	}{
		{`"hello world"`, []highlight{{0, 11, "Hello world"}}, "<mark>Hello world</mark> kiwi"},
		{"cafe", []highlight{{3, 7, "café"}}, "Un <mark>café</mark> noir kiwi"},
		{"submar kiwi", []highlight{{7, 13, "submar"}, {17, 21, "kiwi"}}, "Yellow <mark>submar</mark>ine <mark>kiwi</mark>"},
		{"北京", []highlight{{3, 5, "北京"}}, "我喜欢<mark>北京</mark>烤鸭 &lt;b&gt;&amp;&lt;/b&gt; kiwi"},
	} {
		p, err := s.find(ctx, chat, object("query", row.query))
		if err != nil {
			return err
		}
		if len(p.items) != 1 {
			return fmt.Errorf("search %q found %d", row.query, len(p.items))
		}
		if diff := cmp.Diff(row.want, p.items[0].Highlights); diff != "" {
			return fmt.Errorf("highlights of %q (-want +got):\n%s", row.query, diff)
		}
		if got := p.items[0].Highlighted; got != row.html {
			return fmt.Errorf("%q is highlighted as %s, want %s", row.query, got, row.html)
		}
	}
	return nil
}

func (s *suite) foundAsStored(ctx context.Context, chat string) error {
	stored, err := s.all(ctx, messagesOf(chat))
	if err != nil {
		return err
	}
	found, err := s.findAll(ctx, chat, map[string]any{"query": "kiwi"})
	if err != nil {
		return err
	}
	slices.Reverse(found)
	for i := range found {
		found[i].Highlights, found[i].Highlighted = nil, ""
	}
	if diff := cmp.Diff(stored, found); diff != "" {
		return fmt.Errorf("stored (-) and found (+):\n%s", diff)
	}
	return nil
}

func (s *suite) loadFound(ctx context.Context) error {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return err
	}
	n := s.size(400)
	if _, err := s.createAll(ctx, messagesOf(chat), n, func(i int) string { return object("body", fmt.Sprintf("papaya %d", i)) }); err != nil {
		return err
	}
	return s.searchable(ctx, chat, "papaya", n)
}

// findAllInApp follows the links of a search of an app.
func (s *suite) findAllInApp(ctx context.Context, app string, query url.Values) ([]item, error) {
	return s.walk(ctx, app+"/messages/search", "messages", query)
}

// wantFoundInApp searches an app, again for some seconds. What it finds are
// "<chat>/<message>".
func (s *suite) wantFoundInApp(ctx context.Context, app string, query url.Values, want []string) error {
	return eventually(ctx, 5*time.Second, func(ctx context.Context) error {
		found, err := s.findAllInApp(ctx, app, query)
		if err != nil {
			return err
		}
		var got []string
		for _, row := range found {
			got = append(got, fmt.Sprintf("%d/%d", row.ChatNumber, row.MessageNumber))
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("search %v found %v, want %v", query, got, want)
		}
		return nil
	})
}

// searchApp searches chat 1, which has the messages, and chat 2, whose only
// message was the first to be created.
func (s *suite) searchApp(ctx context.Context, app string) error {
	for _, row := range []struct {
		query url.Values
		want  []string
	}{
		{url.Values{"query": {"hello"}}, []string{"1/5", "1/1", "2/1", "1/6"}},
		{url.Values{"query": {"hello kiwi"}, "sender": {"ada"}}, []string{"1/5", "1/1"}},
		{url.Values{"query": {"hello"}, "after": {"1"}}, []string{"1/5", "1/6"}},
		{url.Values{"query": {"elsewhere"}}, []string{"2/1"}},
		{url.Values{"query": {`"北京"`}}, []string{"1/10"}},
		{url.Values{"query": {"cucumber"}}, nil},
	} {
		if err := s.wantFoundInApp(ctx, app, row.query, row.want); err != nil {
			return err
		}
	}
	return nil
}

func (s *suite) searchAppPages(ctx context.Context, app string) error {
	want := []string{"1/10", "1/9", "1/8", "1/7", "1/6", "1/5", "1/4", "1/3", "1/2", "1/1", "2/1"}
	for _, limit := range []string{"1", "4", "11", "200"} {
		if err := s.wantFoundInApp(ctx, app, url.Values{"query": {"kiwi"}, "limit": {limit}}, want); err != nil {
			return err
		}
	}
	return nil
}

func (s *suite) searchNoApp(ctx context.Context) error {
	path := "/api/v1/apps/" + strings.Repeat("a", 36) + "/messages/search?query=a"
	return s.wantProblem(ctx, wrong{"", "GET", path, "", "", problem{404, "app_not_found", ""}})
}

// indexedThrough does what a client does that wants to find its own change.
func (s *suite) indexedThrough(ctx context.Context) error {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return err
	}
	made, err := s.create(ctx, messagesOf(chat), object("body", "lychee"))
	if err != nil {
		return err
	}
	changed, err := time.Parse(time.RFC3339Nano, fmt.Sprint(made.fields["updated_at"]))
	if err != nil {
		return err
	}
	return eventually(ctx, patience, func(ctx context.Context) error {
		a, err := s.want(ctx, http.StatusOK, "GET", appOf(chat)+"/messages/search?query=lychee", "")
		if err != nil {
			return err
		}
		through, err := time.Parse(time.RFC3339Nano, a.text("indexed_through"))
		if err != nil {
			return fmt.Errorf("indexed_through: %w", err)
		}
		if through.Before(changed) {
			return fmt.Errorf("indexed through %v, not yet through %v", through, changed)
		}
		p, err := decodePage(a, "messages")
		if err == nil && len(p.items) != 1 {
			err = fmt.Errorf("indexed through %v, and %d messages are found", through, len(p.items))
		}
		return err
	})
}
