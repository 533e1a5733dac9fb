//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"chatapi/pkg/client"
)

// wrong is a request that must get a problem.
type wrong struct {
	name                       string // "<group>: <case>"
	method, path, body, format string // format is the Content-Type, "" for JSON
	want                       problem
}

// inputCases ask every route wrongly, in every way that applies to it.
func inputCases(ctx context.Context, s *suite) ([]testCase, error) {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return nil, err
	}
	app := appOf(chat)
	other, err := s.newAppAndChat(ctx) // for requests that an emulator mends, and that create something then
	if err != nil {
		return nil, err
	}
	rows := badFields(app, chat)
	for _, path := range []string{"/api/v1/apps", appOf(other) + "/chats", other + "/messages", other + "/messages/search"} {
		rows = append(rows, badRequests(path)...)
	}
	rows = append(rows, badTokens()...)
	rows = append(rows, badNumbers(app, chat)...)
	rows = append(rows, noRoutes(app, chat)...)
	all := make([]testCase, len(rows))
	for i, row := range rows {
		all[i] = testCase{row.name, func(ctx context.Context) error { return s.wantProblem(ctx, row) }}
	}
	return all, nil
}

func (s *suite) wantProblem(ctx context.Context, row wrong) error {
	request := client.Request{Method: row.method, Path: row.path, Body: row.body}
	if row.format != "" {
		request.Header = http.Header{"Content-Type": {row.format}}
	}
	a, err := s.send(ctx, request)
	if err == nil {
		err = row.want.check(a)
	}
	if err != nil {
		return fmt.Errorf("%s %.100s %.100s: %w", row.method, row.path, row.body, err)
	}
	return nil
}

// badFields is one row for each rule about a field.
func badFields(app, chat string) []wrong {
	text := func(n int) string { return strings.Repeat("x", n) }
	posts := []struct{ name, path, body, field string }{
		{"name missing", "/api/v1/apps", `{}`, "name"},
		{"name blank", "/api/v1/apps", `{"name":" \n"}`, "name"},
		{"name too long", "/api/v1/apps", object("name", text(201)), "name"},
		{"name a number", "/api/v1/apps", `{"name":7}`, "name"},
		{"name null", "/api/v1/apps", `{"name":null}`, "name"},
		{"unknown field", "/api/v1/apps", `{"name":"a","title":"b"}`, "title"},
		{"a list for an object", "/api/v1/apps", `[]`, "body"},
		{"title too long", app + "/chats", object("title", text(201)), "title"},
		{"title a list", app + "/chats", `{"title":[]}`, "title"},
		{"body missing", chat + "/messages", `{}`, "body"},
		{"body blank", chat + "/messages", `{"body":" \t"}`, "body"},
		{"body too long", chat + "/messages", object("body", text(16_385)), "body"},
		{"body too long in bytes only", chat + "/messages", object("body", strings.Repeat("é", 8_193)), "body"},
		{"body an object", chat + "/messages", `{"body":{}}`, "body"},
		{"sender too long", chat + "/messages", object("body", "a", "sender", text(129)), "sender"},
		{"query too long", chat + "/messages/search", object("query", text(257)), "query"},
		{"query a number", chat + "/messages/search", `{"query":1}`, "query"},
		{"query of too many words", chat + "/messages/search", object("query", manyWords(65)), "query"},
		{"search after no number", chat + "/messages/search", `{"query":"a","after":"x"}`, "after"},
		{"search limit too high", chat + "/messages/search", `{"query":"a","limit":201}`, "limit"},
		{"search limit negative", chat + "/messages/search", `{"query":"a","limit":-1}`, "limit"},
		{"search next from elsewhere", chat + "/messages/search", `{"query":"a","next":"x"}`, "next"},
		{"search from no time", chat + "/messages/search", `{"query":"a","from":"yesterday"}`, "from"},
	}
	gets := []struct{ name, path, field string }{
		{"cursor from elsewhere", "/api/v1/apps?cursor=x", "cursor"},
		{"limit 0", "/api/v1/apps?limit=0", "limit"},
		{"limit too high", "/api/v1/apps?limit=201", "limit"},
		{"order unknown", app + "/chats?order=up", "order"},
		{"after a word", app + "/chats?after=abc", "after"},
		{"before negative", chat + "/messages?before=-1", "before"},
	}
	var rows []wrong
	for _, p := range posts {
		rows = append(rows, wrong{"bad field: " + p.name, "POST", p.path, p.body, "", problem{422, "invalid_field", p.field}})
	}
	for _, g := range gets {
		rows = append(rows, wrong{"bad field: " + g.name, "GET", g.path, "", "", problem{422, "invalid_field", g.field}})
	}
	for _, body := range []string{`{}`, `{"last_read":-1}`, `{"last_read":"1"}`, `{"last_read":0.5}`, `{"last_read":9007199254740992}`} {
		rows = append(rows, wrong{"bad field: last_read " + body, "PUT", chat + "/readers/ada", body, "", problem{422, "invalid_field", "last_read"}})
	}
	for _, reader := range []string{"%20", "a%0Ab", text(129)} {
		rows = append(rows, wrong{fmt.Sprintf("bad field: reader %.5s", reader), "GET", chat + "/readers/" + reader, "", "", problem{422, "invalid_field", "reader"}})
	}
	missing := problem{400, "missing_query", ""}
	return append(rows,
		wrong{"bad field: query missing", "POST", chat + "/messages/search", `{}`, "", missing},
		wrong{"bad field: query blank", "POST", chat + "/messages/search", `{"query":"  "}`, "", missing},
	)
}

// badRequests is what every route that takes a body refuses.
func badRequests(path string) []wrong {
	route := "POST " + shown(path)
	malformed := problem{400, "malformed_request", ""}
	notFound := problem{404, "route_not_found", ""}
	return []wrong{
		{"malformed: cut off, " + route, "POST", path, `{"name":`, "", malformed},
		{"malformed: text after the JSON, " + route, "POST", path, `{} {}`, "", malformed},
		{"not UTF-8: " + route, "POST", path, "{\"name\":\"\xff\",\"body\":\"\xff\"}", "", malformed},
		{"media type: " + route, "POST", path, `name=a`, "application/x-www-form-urlencoded", problem{415, "unsupported_media_type", ""}},
		{"too large: " + route, "POST", path, object("body", strings.Repeat("x", 64<<10)), "", problem{413, "request_too_large", ""}},
		{"trailing slash: " + route, "POST", path + "/", `{}`, "", notFound},
		{"double slash: " + route, "POST", "/" + path, `{}`, "", notFound},
		{"wrong method: PUT " + shown(path), "PUT", path, `{}`, "", problem{405, "method_not_allowed", ""}},
	}
}

// shown returns a path without the token, for the name of a case.
func shown(path string) string {
	rest, inApp := strings.CutPrefix(path, "/api/v1/apps/")
	if !inApp {
		return path
	}
	token, _, _ := strings.Cut(rest, "/")
	return "app" + rest[len(token):]
}

// badTokens asks each route in an app for an app that is not there.
func badTokens() []wrong {
	routes := []struct{ method, path, body string }{
		{"GET", "", ""},
		{"POST", "/chats", `{}`},
		{"GET", "/chats", ""},
		{"GET", "/chats/1", ""},
		{"POST", "/chats/1/messages", `{"body":"a"}`},
		{"GET", "/chats/1/messages", ""},
		{"GET", "/chats/1/messages/1", ""},
		{"POST", "/chats/1/messages/search", `{"query":"a"}`},
		{"GET", "/messages/search?query=a", ""},
		{"GET", "/chats/1/readers/ada", ""},
		{"PUT", "/chats/1/readers/ada", `{"last_read":0}`},
	}
	tokens := []struct{ name, token string }{
		{"unknown token", strings.Repeat("a", 36)},
		{"short token", "short"},
		{"long token", strings.Repeat("x", 3000)},
		{"escaped token", strings.Repeat("%23", 12)},
	}
	var rows []wrong
	for _, token := range tokens {
		for _, r := range routes {
			path := "/api/v1/apps/" + token.token + r.path
			rows = append(rows, wrong{token.name + ": " + r.method + " " + shown(path), r.method, path, r.body, "", problem{404, "app_not_found", ""}})
		}
	}
	return rows
}

// badNumbers asks each route that takes a number for one that cannot be, and
// for one that is not given out.
func badNumbers(app, chat string) []wrong {
	inChat := []struct{ method, path, body string }{
		{"GET", "", ""},
		{"POST", "/messages", `{"body":"a"}`},
		{"GET", "/messages", ""},
		{"GET", "/messages/1", ""},
		{"POST", "/messages/search", `{"query":"a"}`},
		{"GET", "/readers/ada", ""},
		{"PUT", "/readers/ada", `{"last_read":0}`},
	}
	var rows []wrong
	ask := func(name, number string, ofChat, ofMessage problem) {
		for _, r := range inChat {
			rows = append(rows, wrong{name + ": " + r.method + " chats/" + number + r.path, r.method, app + "/chats/" + number + r.path, r.body, "", ofChat})
		}
		rows = append(rows, wrong{name + ": GET messages/" + number, "GET", chat + "/messages/" + number, "", "", ofMessage})
	}
	for _, number := range []string{"0", "-1", "abc", "1.5", "9007199254740992", "9223372036854775808"} {
		ask("number", number, problem{422, "invalid_field", "chat_number"}, problem{422, "invalid_field", "message_number"})
	}
	for _, number := range []string{"2", "9007199254740991"} {
		ask("number not given out", number, problem{404, "chat_not_found", ""}, problem{404, "message_not_found", ""})
	}
	return rows
}

// noRoutes asks for paths that no route has, and for routes that take no body
// with a method that they do not take.
func noRoutes(app, chat string) []wrong {
	notFound := problem{404, "route_not_found", ""}
	var rows []wrong
	for _, path := range []string{"/", "/api", "/api/v2/apps", app + "/messages"} {
		rows = append(rows, wrong{"no such route: GET " + shown(path), "GET", path, "", "", notFound})
	}
	for _, path := range []string{"/api/v1/apps/", "/health/", app + "/", chat + "/", chat + "/messages/1/"} {
		rows = append(rows, wrong{"trailing slash: GET " + shown(path), "GET", path, "", "", notFound})
	}
	for _, path := range []string{"/api/v1/../v1/apps", "/%2e%2e/health"} {
		rows = append(rows, wrong{"dots: GET " + path, "GET", path, "", "", notFound})
	}
	for _, path := range []string{app, app + "/chats/1", chat + "/messages/1", "/health"} {
		rows = append(rows, wrong{"wrong method: PUT " + shown(path), "PUT", path, `{}`, "", problem{405, "method_not_allowed", ""}})
	}
	return rows
}

// manyWords returns n different words.
func manyWords(n int) string {
	var all []string
	for i := range n {
		all = append(all, string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	return strings.Join(all, " ")
}
