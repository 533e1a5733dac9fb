package local_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newMessage creates a message and returns its path once it is stored.
func (s service) newMessage(t *testing.T, chat, body string) (path string) {
	t.Helper()
	created := s.must(t, 201, "POST", chat+"/messages", fmt.Sprintf(`{"body":%q}`, body))
	path = created.header.Get("Location")
	eventually(t, 10*time.Second, path+" is stored", func() bool {
		a, err := send(s.url, request{method: "GET", path: path})
		return err == nil && a.status == 200
	})
	return path
}

func TestEdits(t *testing.T) {
	s := serve(t, openBackend(t))
	app := s.newApp(t)
	chat := s.newChat(t, app)
	message := s.newMessage(t, chat, "hello")
	for _, tt := range []struct{ name, path, first, second, field, want string }{
		{"app", app, `{"name":"first"}`, `{"metadata":{"k":"v"}}`, "name", "first"},
		{"chat", chat, `{"title":"first","metadata":{"a":"b"}}`, `{"metadata":{"k":"v"}}`, "title", "first"},
		{"message", message, `{"body":"first"}`, `{"metadata":{"k":"v"}}`, "body", "first"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := s.must(t, 200, "GET", tt.path, "").header.Get("ETag")
			edited := s.must(t, 200, "PATCH", tt.path, tt.first)
			if edited.fields[tt.field] != tt.want || edited.number(t, "version") != 2 {
				t.Errorf("edited %s", edited.text)
			}
			for _, etag := range []string{before, "", `"7"`, "W/" + edited.header.Get("ETag"), `"abc"`} {
				if etag == "" {
					continue
				}
				a, err := send(s.url, request{"PATCH", tt.path, tt.second, http.Header{"If-Match": {etag}}})
				if err != nil {
					t.Fatal(err)
				}
				wantProblem(t, a, 412, "version_changed", "")
			}
			for i, etag := range []string{edited.header.Get("ETag"), `"9,3", "3"`, "*"} {
				a, err := send(s.url, request{"PATCH", tt.path, tt.second, http.Header{"If-Match": {etag}}})
				if err != nil || a.status != 200 || a.number(t, "version") != int64(3+i) {
					t.Fatalf("If-Match %s: %s, %v", etag, a.text, err)
				}
			}
			read := s.must(t, 200, "GET", tt.path, "")
			if read.fields[tt.field] != tt.want || !cmp.Equal(read.fields["metadata"], map[string]any{"k": "v"}) {
				t.Errorf("read %s", read.text)
			}
			etag := read.header.Get("ETag")
			for _, known := range []string{etag, "W/" + etag, `"x,y", ` + etag, "*"} {
				a, err := send(s.url, request{"GET", tt.path, "", http.Header{"If-None-Match": {known}}})
				if err != nil || a.status != 304 || a.text != "" || a.header.Get("ETag") != etag {
					t.Errorf("If-None-Match %s: status %d, ETag %s, %q, %v", known, a.status, a.header.Get("ETag"), a.text, err)
				}
			}
			if a, err := send(s.url, request{"GET", tt.path, "", http.Header{"If-None-Match": {before}}}); err != nil || a.status != 200 {
				t.Errorf("If-None-Match of an older ETag: status %d, %v", a.status, err)
			}
		})
	}
}

// TestCountsChangeETags: whoever polls a chat with If-None-Match learns of new
// messages, and an edit is not refused because of them.
func TestCountsChangeETags(t *testing.T) {
	s := serve(t, openBackend(t))
	chat := s.newChat(t, s.newApp(t))
	s.newMessage(t, chat, "one")
	etag := s.must(t, 200, "GET", chat, "").header.Get("ETag")
	s.newMessage(t, chat, "two")
	a, err := send(s.url, request{"GET", chat, "", http.Header{"If-None-Match": {etag}}})
	if err != nil || a.status != 200 || a.number(t, "message_count") != 2 {
		t.Errorf("status %d, %v: %s", a.status, err, a.text)
	}
	a, err = send(s.url, request{"PATCH", chat, `{"title":"x"}`, http.Header{"If-Match": {etag}}})
	if err != nil || a.status != 200 {
		t.Errorf("status %d, %v: %s", a.status, err, a.text)
	}
}

func TestDelete(t *testing.T) {
	s := serve(t, openBackend(t))
	app := s.newApp(t)
	chat := s.newChat(t, app)
	first, second := s.newMessage(t, chat, "apple"), s.newMessage(t, chat, "apple pie")
	for range 2 { // again is a success
		if a := s.must(t, 204, "DELETE", first, ""); a.text != "" {
			t.Errorf("a 204 has a body: %s", a.text)
		}
	}
	for _, method := range []string{"GET", "PATCH"} {
		a, err := send(s.url, request{method: method, path: first, body: map[string]string{"PATCH": `{"body":"x"}`}[method]})
		if err != nil {
			t.Fatal(err)
		}
		wantProblem(t, a, 410, "message_deleted", "")
	}
	a, err := send(s.url, request{"DELETE", second, "", http.Header{"If-Match": {`"2"`}}})
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, a, 412, "version_changed", "")

	list := s.must(t, 200, "GET", chat+"/messages", "")
	items, _ := list.fields["messages"].([]any)
	tombstone, _ := items[0].(map[string]any)
	if len(items) != 2 || len(tombstone) != 2 || tombstone["message_number"] != 1.0 || tombstone["deleted_at"] == nil {
		t.Errorf("listed %s", list.text)
	}
	if got := s.must(t, 200, "GET", chat, "").number(t, "message_count"); got != 1 {
		t.Errorf("message_count %d", got)
	}
	eventually(t, 10*time.Second, "search forgets the deleted message", func() bool {
		return cmp.Equal(bodies(s.must(t, 200, "POST", chat+"/messages/search", `{"query":"apple"}`)), []string{"apple pie"})
	})
	s.must(t, 200, "PATCH", second, `{"body":"plum cake"}`)
	eventually(t, 10*time.Second, "search finds the edited message", func() bool {
		none := s.must(t, 200, "POST", chat+"/messages/search", `{"query":"apple"}`)
		plum := s.must(t, 200, "POST", chat+"/messages/search", `{"query":"plum"}`)
		return bodies(none) == nil && cmp.Equal(bodies(plum), []string{"plum cake"})
	})
}

// TestMetadata: it is returned as it was given, by every answer that shows the
// resource.
func TestMetadata(t *testing.T) {
	s := serve(t, openBackend(t))
	const given = `{"metadata":{"colour":"blue","empty":"","Ключ":"<&>"}%s}`
	want := map[string]any{"colour": "blue", "empty": "", "Ключ": "<&>"}
	created := s.must(t, 201, "POST", "/api/v1/apps", fmt.Sprintf(given, `,"name":"a"`))
	data, _ := created.fields["data"].(map[string]any)
	app := created.header.Get("Location")
	chat := s.must(t, 201, "POST", app+"/chats", fmt.Sprintf(given, ""))
	message := s.must(t, 201, "POST", app+"/chats/1/messages", fmt.Sprintf(given, `,"body":"hello"`))
	eventually(t, 10*time.Second, "the message is found", func() bool {
		return bodies(s.must(t, 200, "POST", app+"/chats/1/messages/search", `{"query":"hello"}`)) != nil
	})
	first := func(a answer, list string) map[string]any {
		items, _ := a.fields[list].([]any)
		fields, _ := items[0].(map[string]any)
		return fields
	}
	for name, got := range map[string]map[string]any{
		"created app": data, "created chat": chat.fields, "created message": message.fields,
		"app":             s.must(t, 200, "GET", app, "").fields,
		"chat":            s.must(t, 200, "GET", app+"/chats/1", "").fields,
		"message":         s.must(t, 200, "GET", app+"/chats/1/messages/1", "").fields,
		"listed chat":     first(s.must(t, 200, "GET", app+"/chats", ""), "chats"),
		"listed message":  first(s.must(t, 200, "GET", app+"/chats/1/messages", ""), "messages"),
		"found message":   first(s.must(t, 200, "POST", app+"/chats/1/messages/search", `{"query":"hello"}`), "messages"),
		"edited message":  s.must(t, 200, "PATCH", app+"/chats/1/messages/1", `{"body":"bye"}`).fields,
		"app from a list": first(s.must(t, 200, "GET", "/api/v1/apps", ""), "apps"),
	} {
		if diff := cmp.Diff(want, got["metadata"]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if a := s.must(t, 200, "PATCH", app, `{"metadata":{}}`); a.fields["metadata"] != nil {
		t.Errorf("emptied metadata: %s", a.text)
	}
}

// TestLinks: the Link header leads where next does.
func TestLinks(t *testing.T) {
	s := serve(t, openBackend(t))
	app := s.newApp(t)
	s.newApp(t)
	chat := s.newChat(t, app)
	s.newChat(t, app)
	for range 2 {
		s.newMessage(t, chat, "x")
	}
	for _, path := range []string{"/api/v1/apps?limit=1", app + "/chats?limit=1", chat + "/messages?limit=1&order=desc"} {
		for pages := 0; path != ""; pages++ {
			a := s.must(t, 200, "GET", path, "")
			next, _ := a.fields["next"].(string)
			want := ""
			if next != "" {
				want = "<" + next + `>; rel="next"`
			}
			if got := a.header.Get("Link"); got != want {
				t.Errorf("%s: Link %q, want %q", path, got, want)
			}
			if path = next; pages > 5 {
				t.Fatalf("no end of pages at %s", path)
			}
		}
	}
}

// TestOlderClient replays the calls of a client of the stacks that this API
// replaces, which knows no header and no field but these.
func TestOlderClient(t *testing.T) {
	s := serve(t, openBackend(t))
	app := s.must(t, 201, "POST", "/api/v1/apps", `{"name":"Shop"}`)
	data, _ := app.fields["data"].(map[string]any)
	token, _ := data["app_token"].(string)
	if app.fields["status"] != "success" || app.fields["message"] != "App created successfully" || data["name"] != "Shop" || len(token) != 36 {
		t.Fatalf("created app: %s", app.text)
	}
	base := "/api/v1/apps/" + token
	for n := 1.0; n <= 2; n++ {
		chat := s.must(t, 201, "POST", base+"/chats", "{}")
		if chat.fields["chat_number"] != n || chat.fields["message"] != "Chat created successfully" {
			t.Fatalf("created chat: %s", chat.text)
		}
	}
	for n := 1.0; n <= 3; n++ {
		message := s.must(t, 201, "POST", base+"/chats/1/messages", `{"body":"Where is my order?"}`)
		if message.fields["message_number"] != n || message.fields["message"] != "Message created successfully" {
			t.Fatalf("created message: %s", message.text)
		}
	}
	counts := func(path, field string, want float64) {
		t.Helper()
		eventually(t, 10*time.Second, path+" counts "+field, func() bool {
			a, err := send(s.url, request{method: "GET", path: path})
			return err == nil && a.status == 200 && a.fields[field] == want
		})
	}
	counts(base, "chat_count", 2)
	counts(base+"/chats/1", "message_count", 3)
	if a := s.must(t, 200, "GET", base, ""); a.fields["name"] != "Shop" || a.fields["app_token"] != token {
		t.Errorf("app: %s", a.text)
	}
	if a := s.must(t, 200, "PATCH", base, `{"name":"Shop 2"}`); a.fields["name"] != "Shop 2" || a.fields["chat_count"] != 2.0 {
		t.Errorf("renamed app: %s", a.text)
	}
	if a := s.must(t, 200, "PATCH", base+"/chats/1/messages/3", `{"body":"Here is my order!"}`); a.fields["body"] != "Here is my order!" {
		t.Errorf("edited message: %s", a.text)
	}
	eventually(t, 10*time.Second, "a part of a word is found", func() bool {
		a := s.must(t, 200, "POST", base+"/chats/1/messages/search", `{"query":"rde"}`)
		return a.fields["status"] == "success" && len(bodies(a)) == 3 && bodies(a)[0] == "Here is my order!"
	})
	unknown := "/api/v1/apps/" + strings.Repeat("a", 36)
	for _, tt := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"POST", "/api/v1/apps", `{"name":""}`, 422, "invalid_field"},
		{"POST", base + "/chats/1/messages", `{"body":""}`, 422, "invalid_field"},
		{"POST", base + "/chats/1/messages/search", `{}`, 400, "missing_query"},
		{"GET", unknown, "", 404, "app_not_found"},
		{"GET", unknown + "/chats/1", "", 404, "app_not_found"},
		{"GET", base + "/chats/9", "", 404, "chat_not_found"},
		{"POST", unknown + "/chats", "{}", 404, "app_not_found"},
		{"POST", base + "/chats/9/messages", `{"body":"a"}`, 404, "chat_not_found"},
		{"POST", unknown + "/chats/1/messages", `{"body":"a"}`, 404, "app_not_found"},
		{"GET", base + "/chats/1/messages/9", "", 404, "message_not_found"},
	} {
		a, err := send(s.url, request{method: tt.method, path: tt.path, body: tt.body})
		if err != nil {
			t.Fatal(err)
		}
		wantProblem(t, a, tt.status, tt.code, "")
	}
}
