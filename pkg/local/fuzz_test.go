package local_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chatapi/pkg/api"
	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
	"chatapi/pkg/local"
)

// FuzzRequest sends any body, query and Idempotency-Key to each operation that
// takes them. Whatever they are, the answer is one of the API, and never a 500.
func FuzzRequest(f *testing.F) {
	b, err := embedded.Open(f.TempDir(), embedded.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = b.Close() })
	handler := local.Handler(slog.New(slog.DiscardHandler), b.Ports, local.Options{Guard: api.Guard{Open: true}})
	ask := func(method, path, query, key, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/", strings.NewReader(body))
		r.URL.Path, r.URL.RawQuery = path, query
		r.Header = http.Header{"Content-Type": {"application/json"}, "If-Match": {key}}
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		return answer
	}
	var app struct {
		Data struct {
			Token string `json:"app_token"`
		} `json:"data"`
	}
	if err := json.Unmarshal(ask("POST", "/api/v1/apps", "", "", `{"name":"fuzz"}`).Body.Bytes(), &app); err != nil || !chat.ValidToken(app.Data.Token) {
		f.Fatalf("create app: %v", err)
	}
	of := "/api/v1/apps/" + app.Data.Token
	ask("POST", of+"/chats", "", "", "")
	ask("POST", of+"/chats/1/messages", "", "", `{"body":"hello"}`)
	routes := []struct{ method, path string }{
		{"POST", "/api/v1/apps"}, {"GET", "/api/v1/apps"}, {"PATCH", of},
		{"POST", of + "/chats"}, {"GET", of + "/chats"}, {"PATCH", of + "/chats/1"},
		{"POST", of + "/chats/1/messages"}, {"GET", of + "/chats/1/messages"}, {"PATCH", of + "/chats/1/messages/1"},
		{"POST", of + "/chats/1/messages/search"}, {"GET", of + "/messages/search"}, {"PUT", of + "/chats/1/readers/ada"},
	}
	for i := range routes {
		for _, body := range []string{"", "{}", "null", `{"name":"a","title":"b","body":"c","query":"d"}`, `{"metadata":{"k":1}}`, `{"query":"hello","next":"MS4x","from":"x"}`, "\xff", `{"body":` + strings.Repeat("[", 500)} {
			f.Add(i, body, "limit=1&after=0&order=desc&cursor=AAAA&q=hello", `"key"`)
		}
	}
	f.Fuzz(func(t *testing.T, route int, body, query, key string) {
		if route < 0 {
			return
		}
		r := routes[route%len(routes)]
		answer := ask(r.method, r.path, query, key, body)
		text := answer.Body.Bytes()
		if answer.Code >= 500 || len(text) > 0 && !json.Valid(text) {
			t.Errorf("%s %s?%s with %q and key %q: status %d, %s", r.method, r.path, query, body, key, answer.Code, text)
		}
	})
}
