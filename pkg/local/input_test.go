package local_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestWrongInput asks every route wrongly in every way that applies to it.
func TestWrongInput(t *testing.T) {
	s := serve(t, openBackend(t))
	app := s.newApp(t)
	chat := s.newChat(t, app)
	unknownApp := "/api/v1/apps/" + strings.Repeat("a", 36)
	long := func(n int) string { return strings.Repeat("x", n) }
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}

	type row struct {
		name    string
		request request
		status  int
		code    string
		field   string
	}
	rows := []row{
		{"app name missing", request{"POST", "/api/v1/apps", `{}`, nil}, 422, "invalid_field", "name"},
		{"app name blank", request{"POST", "/api/v1/apps", `{"name":" \n"}`, nil}, 422, "invalid_field", "name"},
		{"app name too long", request{"POST", "/api/v1/apps", `{"name":"` + long(201) + `"}`, nil}, 422, "invalid_field", "name"},
		{"app name of another type", request{"POST", "/api/v1/apps", `{"name":7}`, nil}, 422, "invalid_field", "name"},
		{"app name null", request{"POST", "/api/v1/apps", `{"name":null}`, nil}, 422, "invalid_field", "name"},
		{"unknown field", request{"POST", "/api/v1/apps", `{"name":"a","title":"b"}`, nil}, 422, "invalid_field", "title"},
		{"app cursor of another origin", request{"GET", "/api/v1/apps?cursor=x", "", nil}, 422, "invalid_field", "cursor"},
		{"app limit 0", request{"GET", "/api/v1/apps?limit=0", "", nil}, 422, "invalid_field", "limit"},
		{"app limit too high", request{"GET", "/api/v1/apps?limit=201", "", nil}, 422, "invalid_field", "limit"},
		{"chat title too long", request{"POST", app + "/chats", `{"title":"` + long(201) + `"}`, nil}, 422, "invalid_field", "title"},
		{"chat title of another type", request{"POST", app + "/chats", `{"title":[]}`, nil}, 422, "invalid_field", "title"},
		{"list order", request{"GET", app + "/chats?order=up", "", nil}, 422, "invalid_field", "order"},
		{"list after a word", request{"GET", app + "/chats?after=abc", "", nil}, 422, "invalid_field", "after"},
		{"list before a negative number", request{"GET", chat + "/messages?before=-1", "", nil}, 422, "invalid_field", "before"},
		{"message body missing", request{"POST", chat + "/messages", `{}`, nil}, 422, "invalid_field", "body"},
		{"message body blank", request{"POST", chat + "/messages", `{"body":" \t"}`, nil}, 422, "invalid_field", "body"},
		{"message body too long", request{"POST", chat + "/messages", `{"body":"` + long(16_385) + `"}`, nil}, 422, "invalid_field", "body"},
		{"message body too long in bytes only", request{"POST", chat + "/messages", `{"body":"` + strings.Repeat("é", 8_193) + `"}`, nil}, 422, "invalid_field", "body"},
		{"message body of another type", request{"POST", chat + "/messages", `{"body":{}}`, nil}, 422, "invalid_field", "body"},
		{"sender too long", request{"POST", chat + "/messages", `{"body":"a","sender":"` + long(129) + `"}`, nil}, 422, "invalid_field", "sender"},
		{"query missing", request{"POST", chat + "/messages/search", `{}`, nil}, 400, "missing_query", ""},
		{"query blank", request{"POST", chat + "/messages/search", `{"query":"  "}`, nil}, 400, "missing_query", ""},
		{"query too long", request{"POST", chat + "/messages/search", `{"query":"` + long(257) + `"}`, nil}, 422, "invalid_field", "query"},
		{"query of another type", request{"POST", chat + "/messages/search", `{"query":1}`, nil}, 422, "invalid_field", "query"},
		{"search limit too high", request{"POST", chat + "/messages/search", `{"query":"a","limit":201}`, nil}, 422, "invalid_field", "limit"},
		{"search limit negative", request{"POST", chat + "/messages/search", `{"query":"a","limit":-1}`, nil}, 422, "invalid_field", "limit"},
		{"search next of another origin", request{"POST", chat + "/messages/search", `{"query":"a","next":"x"}`, nil}, 422, "invalid_field", "next"},
		{"search from is no time", request{"POST", chat + "/messages/search", `{"query":"a","from":"yesterday"}`, nil}, 422, "invalid_field", "from"},
		{"metadata of another type", request{"POST", "/api/v1/apps", `{"name":"a","metadata":[]}`, nil}, 422, "invalid_field", "metadata"},
		{"metadata that is nested", request{"POST", app + "/chats", `{"metadata":{"a":{}}}`, nil}, 422, "invalid_field", "metadata.a"},
		{"metadata too large", request{"POST", chat + "/messages", `{"body":"a","metadata":{"a":"` + long(4_096) + `"}}`, nil}, 422, "invalid_field", "metadata"},
		{"metadata with an empty key", request{"PATCH", app, `{"metadata":{"":"a"}}`, nil}, 422, "invalid_field", "metadata"},
		{"edit of nothing", request{"PATCH", app, `{}`, nil}, 422, "invalid_field", "name"},
		{"edit to a blank name", request{"PATCH", app, `{"name":" "}`, nil}, 422, "invalid_field", "name"},
		{"edit to no name", request{"PATCH", app, `{"name":null}`, nil}, 422, "invalid_field", "name"},
		{"edit to a long title", request{"PATCH", chat, `{"title":"` + long(201) + `"}`, nil}, 422, "invalid_field", "title"},
		{"edit to a blank body", request{"PATCH", chat + "/messages/1", `{"body":""}`, nil}, 422, "invalid_field", "body"},
		{"edit of the sender", request{"PATCH", chat + "/messages/1", `{"sender":"bob"}`, nil}, 422, "invalid_field", "sender"},
		{"edit to no title", request{"PATCH", chat, `{"title":null,"metadata":{}}`, nil}, 422, "invalid_field", "title"},
		{"edit to no metadata", request{"PATCH", chat + "/messages/1", `{"body":"a","metadata":null}`, nil}, 422, "invalid_field", "metadata"},
		{"limit with a fraction", request{"POST", chat + "/messages/search", `{"query":"a","limit":1.5}`, nil}, 422, "invalid_field", "limit"},
		{"edit of a search", request{"PATCH", chat + "/messages/search", `{"body":"a"}`, nil}, 405, "method_not_allowed", ""},
		{"If-Match without quotes", request{"PATCH", chat, `{"title":"a"}`, http.Header{"If-Match": {"1"}}}, 422, "invalid_field", "If-Match"},
		{"If-Match of too many", request{"DELETE", chat + "/messages/1", "", http.Header{"If-Match": {strings.Repeat(`"1",`, 20) + `"1"`}}}, 422, "invalid_field", "If-Match"},
		{"field in other letters", request{"POST", chat + "/messages", `{"body":"a","BODY":"b"}`, nil}, 422, "invalid_field", "BODY"},
		{"only a field in other letters", request{"POST", "/api/v1/apps", `{"Name":"a"}`, nil}, 422, "invalid_field", "name"},
		{"a field twice", request{"POST", chat + "/messages", `{"body":"a","sender":"b","body" : "a"}`, nil}, 400, "malformed_request", "body"},
		{"a field twice in an escape", request{"POST", "/api/v1/apps", `{"name":"a","n\u0061me":"b"}`, nil}, 400, "malformed_request", "body"},
		{"metadata twice", request{"POST", "/api/v1/apps", `{"name":"a","metadata":{"k":"1","l":"2","k":"3"}}`, nil}, 400, "malformed_request", "body"},
		{"an empty name twice", request{"POST", "/api/v1/apps", `{"name":"a","metadata":{"":"1","":"1"}}`, nil}, 400, "malformed_request", "body"},
		{"half of a surrogate pair", request{"POST", chat + "/messages", `{"body":"a \ud83d b"}`, nil}, 400, "malformed_request", "body"},
		{"second half of a surrogate pair first", request{"POST", "/api/v1/apps", `{"name":"\ude00\ud83d"}`, nil}, 400, "malformed_request", "body"},
		{"Idempotency-Key without a key", request{"POST", app + "/chats", `{}`, http.Header{"Idempotency-Key": {""}}}, 422, "invalid_field", "Idempotency-Key"},
		{"two Idempotency-Keys", request{"POST", app + "/chats", `{}`, http.Header{"Idempotency-Key": {"k1", "k2"}}}, 422, "invalid_field", "Idempotency-Key"},
		{"before 0", request{"GET", chat + "/messages?before=0", "", nil}, 422, "invalid_field", "before"},
		{"search before 0", request{"POST", chat + "/messages/search", `{"query":"a","before":0}`, nil}, 422, "invalid_field", "before"},
		{"search of an app from no time", request{"GET", app + "/messages/search?query=a&from=2026", "", nil}, 422, "invalid_field", "from"},
		{"reader too long", request{"GET", chat + "/readers/" + long(129), "", nil}, 422, "invalid_field", "reader"},
		{"reader with a slash", request{"GET", chat + "/readers/a%2Fb", "", nil}, 422, "invalid_field", "reader"},
		{"reader with a control character", request{"PUT", chat + "/readers/a%00", `{"last_read":0}`, nil}, 422, "invalid_field", "reader"},
		{"reader that is not UTF-8", request{"GET", chat + "/readers/%FF", "", nil}, 422, "invalid_field", "reader"},
		{"reader blank", request{"GET", chat + "/readers/%20", "", nil}, 422, "invalid_field", "reader"},
		{"no reader", request{"GET", chat + "/readers/", "", nil}, 404, "route_not_found", ""},
		{"last_read missing", request{"PUT", chat + "/readers/ada", `{}`, nil}, 422, "invalid_field", "last_read"},
		{"last_read negative", request{"PUT", chat + "/readers/ada", `{"last_read":-1}`, nil}, 422, "invalid_field", "last_read"},
		{"last_read of another type", request{"PUT", chat + "/readers/ada", `{"last_read":"1"}`, nil}, 422, "invalid_field", "last_read"},
		{"last_read a fraction", request{"PUT", chat + "/readers/ada", `{"last_read":0.5}`, nil}, 422, "invalid_field", "last_read"},
		{"last_read beyond the last number", request{"PUT", chat + "/readers/ada", `{"last_read":1}`, nil}, 422, "invalid_field", "last_read"},
		{"last_read beyond all numbers", request{"PUT", chat + "/readers/ada", `{"last_read":9007199254740992}`, nil}, 422, "invalid_field", "last_read"},
		{"not a JSON object", request{"POST", "/api/v1/apps", `[]`, nil}, 422, "invalid_field", "body"},
		{"body missing", request{"POST", "/api/v1/apps", "", nil}, 400, "malformed_request", ""},
	}
	posts := []string{"/api/v1/apps", app + "/chats", chat + "/messages", chat + "/messages/search"}
	for _, path := range posts {
		rows = append(rows,
			row{"malformed JSON", request{"POST", path, `{"name":`, nil}, 400, "malformed_request", "body"},
			row{"text after the JSON", request{"POST", path, `{} {}`, nil}, 400, "malformed_request", "body"},
			row{"not UTF-8", request{"POST", path, "{\"name\":\"\xff\",\"body\":\"\xff\"}", nil}, 400, "malformed_request", "body"},
			row{"wrong media type", request{"POST", path, `name=a`, form}, 415, "unsupported_media_type", ""},
			row{"too large", request{"POST", path, `{"body":"` + long(64<<10) + `"}`, nil}, 413, "request_too_large", ""},
			row{"trailing slash", request{"POST", path + "/", `{}`, nil}, 404, "route_not_found", ""},
			row{"double slash", request{"POST", "/" + path, `{}`, nil}, 404, "route_not_found", ""},
			row{"wrong method", request{"PUT", path, `{}`, nil}, 405, "method_not_allowed", ""},
		)
	}
	inApp := []request{
		{"GET", "", "", nil}, {"POST", "/chats", `{}`, nil}, {"GET", "/chats", "", nil}, {"GET", "/chats/1", "", nil},
		{"POST", "/chats/1/messages", `{"body":"a"}`, nil}, {"GET", "/chats/1/messages", "", nil},
		{"GET", "/chats/1/messages/1", "", nil}, {"POST", "/chats/1/messages/search", `{"query":"a"}`, nil},
		{"PATCH", "", `{"name":"a"}`, nil}, {"PATCH", "/chats/1", `{"title":"a"}`, nil},
		{"PATCH", "/chats/1/messages/1", `{"body":"a"}`, nil}, {"DELETE", "/chats/1/messages/1", "", nil},
		{"GET", "/chats/1/readers/ada", "", nil}, {"PUT", "/chats/1/readers/ada", `{"last_read":0}`, nil},
	}
	for _, r := range inApp {
		for _, token := range []string{unknownApp, "/api/v1/apps/short", "/api/v1/apps/" + long(5000), "/api/v1/apps/" + strings.Repeat("%23", 12)} {
			rows = append(rows, row{"unknown token", request{r.method, token + r.path, r.body, nil}, 404, "app_not_found", ""})
		}
	}
	for _, number := range []string{"0", "-1", "abc", "1.5", "9007199254740992", "9223372036854775808"} {
		rows = append(rows,
			row{"chat number", request{"GET", app + "/chats/" + number, "", nil}, 422, "invalid_field", "chat_number"},
			row{"chat number", request{"POST", app + "/chats/" + number + "/messages", `{"body":"a"}`, nil}, 422, "invalid_field", "chat_number"},
			row{"chat number", request{"GET", app + "/chats/" + number + "/messages", "", nil}, 422, "invalid_field", "chat_number"},
			row{"chat number", request{"GET", app + "/chats/" + number + "/messages/1", "", nil}, 422, "invalid_field", "chat_number"},
			row{"chat number", request{"POST", app + "/chats/" + number + "/messages/search", `{"query":"a"}`, nil}, 422, "invalid_field", "chat_number"},
			row{"message number", request{"GET", chat + "/messages/" + number, "", nil}, 422, "invalid_field", "message_number"},
			row{"message number", request{"DELETE", chat + "/messages/" + number, "", nil}, 422, "invalid_field", "message_number"},
		)
	}
	for _, number := range []string{"2", "9007199254740991"} {
		rows = append(rows,
			row{"chat not allocated", request{"GET", app + "/chats/" + number, "", nil}, 404, "chat_not_found", ""},
			row{"chat not allocated", request{"POST", app + "/chats/" + number + "/messages", `{"body":"a"}`, nil}, 404, "chat_not_found", ""},
			row{"chat not allocated", request{"GET", app + "/chats/" + number + "/messages", "", nil}, 404, "chat_not_found", ""},
			row{"chat not allocated", request{"GET", app + "/chats/" + number + "/messages/1", "", nil}, 404, "chat_not_found", ""},
			row{"chat not allocated", request{"POST", app + "/chats/" + number + "/messages/search", `{"query":"a"}`, nil}, 404, "chat_not_found", ""},
			row{"message not allocated", request{"GET", chat + "/messages/" + number, "", nil}, 404, "message_not_found", ""},
			row{"message not allocated", request{"PATCH", chat + "/messages/" + number, `{"body":"a"}`, nil}, 404, "message_not_found", ""},
			row{"message not allocated", request{"DELETE", chat + "/messages/" + number, "", nil}, 404, "message_not_found", ""},
		)
	}
	for _, path := range []string{"/", "/api", "/api/v1/apps/", "/health/", "/api/v2/apps", app + "/", chat + "/", chat + "/messages/1/", "/api/v1/../v1/apps", "/%2e%2e/health"} {
		rows = append(rows, row{"no such route", request{"GET", path, "", nil}, 404, "route_not_found", ""})
	}
	for i, tt := range rows {
		t.Run(fmt.Sprintf("%d %s: %s", i, tt.name, shorten(tt.request)), func(t *testing.T) {
			a, err := send(s.url, tt.request)
			if err != nil {
				t.Fatal(err)
			}
			wantProblem(t, a, tt.status, tt.code, tt.field)
		})
	}
}

func shorten(r request) string {
	text := strings.ReplaceAll(r.method+" "+r.path+" "+r.body, "/", "|")
	return text[:min(len(text), 60)]
}

func wantProblem(t *testing.T, a answer, status int, code, field string) {
	t.Helper()
	if a.status != status || a.fields["code"] != code || a.fields["status"] != float64(status) {
		t.Fatalf("status %d, want %d %s: %s", a.status, status, code, a.text)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	if a.header.Get("X-Request-Id") == "" {
		t.Error("no X-Request-Id")
	}
	for _, name := range []string{"type", "title", "detail", "message"} {
		if text, _ := a.fields[name].(string); text == "" {
			t.Errorf("no %s: %s", name, a.text)
		}
	}
	if status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
		t.Error("no Allow")
	}
	if field == "" {
		return
	}
	rows, _ := a.fields["errors"].([]any)
	for _, r := range rows {
		if f, _ := r.(map[string]any); f["field"] == field && f["message"] != "" {
			return
		}
	}
	t.Errorf("no row for field %q: %s", field, a.text)
}

// TestEscapes: what JSON escapes is stored as the characters that it means.
func TestEscapes(t *testing.T) {
	s := serve(t, openBackend(t))
	chat := s.newChat(t, s.newApp(t))
	a := s.must(t, 201, "POST", chat+"/messages", `{"body":"\ud83d\ude00 \\ud83d \\\\ \u00e9\\"}`)
	if want := `😀 \ud83d \\ é\`; a.fields["body"] != want {
		t.Errorf("body %q, want %q", a.fields["body"], want)
	}
}
