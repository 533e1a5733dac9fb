package local_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// searchedApp creates an app with messages in two chats, in order,
// and waits until all are indexed.
func (s service) searchedApp(t *testing.T) (app string) {
	t.Helper()
	app = s.newApp(t)
	s.newChat(t, app)
	s.newChat(t, app)
	texts := []string{"red fox", "red hen", "redder", "infrared <b>", "red & blue"}
	for i, body := range texts {
		s.must(t, 201, "POST", fmt.Sprintf("%s/chats/%d/messages", app, i%2+1), fmt.Sprintf(`{"body":%q,"sender":"s%d"}`, body, i))
		time.Sleep(2 * time.Millisecond) // times have milliseconds
	}
	// The chats are stored concurrently, so the newest change may be indexed
	// before one of the other chat.
	eventually(t, 10*time.Second, "all messages are indexed", func() bool {
		return len(bodies(s.must(t, 200, "GET", app+"/messages/search?query=red", ""))) == len(texts)
	})
	return app
}

// indexedThrough waits as a client may that wants to find what it changed.
func (s service) indexedThrough(t *testing.T, app string, updated any) {
	t.Helper()
	changed, err := time.Parse(time.RFC3339Nano, fmt.Sprint(updated))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "the change is indexed", func() bool {
		through, _ := s.must(t, 200, "GET", app+"/messages/search?query=x", "").fields["indexed_through"].(string)
		at, err := time.Parse(time.RFC3339Nano, through)
		return err == nil && !at.Before(changed)
	})
}

func TestSearchApp(t *testing.T) {
	s := serve(t, openBackend(t))
	app := s.searchedApp(t)
	for _, tt := range []struct {
		query string
		want  []string
	}{
		{"query=red", []string{"red & blue", "red hen", "red fox", "redder", "infrared <b>"}},
		{"query=red&sender=s1", []string{"red hen"}},
		{"query=red&after=1", []string{"red & blue", "redder", "infrared <b>"}},
		{"query=red&before=2", []string{"red hen", "red fox"}},
		{"query=%22red+blue%22", []string{"red & blue"}},
		{"query=green", nil},
		{"query=red&from=2099-01-01T00:00:00Z", nil},
		{"query=red&to=2099-01-01T00:00:00%2B02:00&limit=1", []string{"red & blue"}},
	} {
		t.Run(tt.query, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, bodies(s.must(t, 200, "GET", app+"/messages/search?"+tt.query, ""))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	found := s.must(t, 200, "GET", app+"/messages/search?query=infrared", "")
	hit, _ := found.fields["messages"].([]any)[0].(map[string]any)
	if hit["chat_number"] != 2.0 || hit["message_number"] != 2.0 || hit["highlighted"] != "<mark>infrared</mark> &lt;b&gt;" {
		t.Errorf("hit %v", hit)
	}
}

// TestSearchAppPages follows next, which keeps all that was asked for.
func TestSearchAppPages(t *testing.T) {
	s := serve(t, openBackend(t))
	app := s.searchedApp(t)
	query := url.Values{
		"query": {`re "red"`}, "limit": {"1"}, "sender": {""}, "after": {"0"}, "before": {"3"},
		"from": {"2020-01-01T00:00:00.5Z"}, "to": {"2099-01-01T00:00:00+02:00"},
	}
	var got []string
	for path := app + "/messages/search?" + query.Encode(); path != ""; {
		a := s.must(t, 200, "GET", path, "")
		got = append(got, bodies(a)...)
		path, _ = a.fields["next"].(string)
		link := a.header.Get("Link")
		if path == "" && link != "" || path != "" && link != "<"+path+`>; rel="next"` {
			t.Errorf("Link %q beside next %q", link, path)
		}
		if path != "" && (!strings.Contains(path, "before=3") || !strings.Contains(path, "from=2020") || !strings.Contains(path, "to=2099")) {
			t.Errorf("next %q has lost a filter", path)
		}
	}
	if diff := cmp.Diff([]string{"red hen", "red fox"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSearchFilters(t *testing.T) {
	s := serve(t, openBackend(t))
	app := s.searchedApp(t)
	for _, tt := range []struct {
		search string
		want   []string
	}{
		{`{"query":"red"}`, []string{"red & blue", "red fox", "redder"}},
		{`{"query":"red","after":1}`, []string{"red & blue", "redder"}},
		{`{"query":"red","after":1,"before":3}`, []string{"redder"}},
		{`{"query":"red","before":1}`, nil},
	} {
		t.Run(tt.search, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, bodies(s.must(t, 200, "POST", app+"/chats/1/messages/search", tt.search))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestIndexedThrough: what a change's answer gives as updated_at is reached,
// and from then on the search knows the change.
func TestIndexedThrough(t *testing.T) {
	s := serve(t, openBackend(t))
	app := s.newApp(t)
	chat := s.newChat(t, app)
	if _, said := s.must(t, 200, "GET", app+"/messages/search?query=apple", "").fields["indexed_through"]; said {
		t.Error("an empty index is indexed through a time")
	}
	created := s.must(t, 201, "POST", chat+"/messages", `{"body":"apple"}`)
	s.indexedThrough(t, app, created.fields["updated_at"])
	s.must(t, 200, "GET", chat+"/messages/1", "")
	edited := s.must(t, 200, "PATCH", chat+"/messages/1", `{"body":"plum"}`)
	s.indexedThrough(t, app, edited.fields["updated_at"])
	for query, want := range map[string][]string{"apple": nil, "plum": {"plum"}} {
		if diff := cmp.Diff(want, bodies(s.must(t, 200, "POST", chat+"/messages/search", fmt.Sprintf(`{"query":%q}`, query)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

func TestSearchAppRefuses(t *testing.T) {
	s := serve(t, openBackend(t))
	app := s.newApp(t)
	missing := "/api/v1/apps/" + strings.Repeat("a", 36)
	for _, tt := range []struct {
		name, path string
		status     int
		code       string
	}{
		{"no such app", missing + "/messages/search?query=a", 404, "app_not_found"},
		{"no token", "/api/v1/apps/x/messages/search?query=a", 404, "app_not_found"},
		{"query missing", app + "/messages/search", 400, "missing_query"},
		{"query blank", app + "/messages/search?query=+", 400, "missing_query"},
		{"query too long", app + "/messages/search?query=" + strings.Repeat("a", 257), 422, "invalid_field"},
		{"too many words", app + "/messages/search?query=" + url.QueryEscape(manyWords(65)), 422, "invalid_field"},
		{"limit too high", app + "/messages/search?query=a&limit=201", 422, "invalid_field"},
		{"after is no number", app + "/messages/search?query=a&after=x", 422, "invalid_field"},
		{"from is no time", app + "/messages/search?query=a&from=yesterday", 422, "invalid_field"},
		{"next of a search of a chat", app + "/messages/search?query=a&next=My4xMg", 422, "invalid_field"},
		{"nothing found", app + "/messages/search?query=a", 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := s.must(t, tt.status, "GET", tt.path, "")
			if code, _ := a.fields["code"].(string); code != tt.code {
				t.Errorf("code %q, want %q: %s", code, tt.code, a.text)
			}
		})
	}
}

func manyWords(n int) string {
	var all []string
	for i := range n {
		all = append(all, string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	return strings.Join(all, " ")
}
