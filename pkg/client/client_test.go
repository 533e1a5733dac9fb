package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chatapi/pkg/client"
)

// answer serves one answer to every request and keeps the last request.
type answer struct {
	status                int
	contentType, text     string
	method, uri, got, was string
}

func (a *answer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.method, a.uri, a.got, a.was = r.Method, r.RequestURI, string(body), r.Header.Get("Content-Type")
	w.Header().Set("Content-Type", a.contentType)
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.text)
}

func TestRequests(t *testing.T) {
	for _, tt := range []struct {
		name              string
		send              func(context.Context, *client.Client) error
		method, uri, body string
	}{
		{
			"a body",
			func(ctx context.Context, c *client.Client) error {
				_, err := c.CreateMessage(ctx, "tok", 2, client.CreateMessageRequest{Body: "<é>"})
				return err
			},
			"POST", "/live/api/v1/apps/tok/chats/2/messages", `{"body":"<é>"}`,
		},
		{
			"parameters",
			func(ctx context.Context, c *client.Client) error {
				_, err := c.ListMessages(ctx, "tok", 2, client.ListMessagesParams{After: 7, Order: client.ListMessagesParamsOrderDesc})
				return err
			},
			"GET", "/live/api/v1/apps/tok/chats/2/messages?after=7&order=desc", "",
		},
		{
			"a token that is none",
			func(ctx context.Context, c *client.Client) error {
				_, err := c.GetApp(ctx, "a/b?c")
				return err
			},
			"GET", "/live/api/v1/apps/a%2Fb%3Fc", "",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &answer{status: 200, contentType: "application/json", text: "{}"}
			server := httptest.NewServer(a)
			defer server.Close()
			if err := tt.send(t.Context(), client.New(server.URL+"/live/")); err != nil {
				t.Fatal(err)
			}
			if a.method != tt.method || a.uri != tt.uri || strings.TrimSpace(a.got) != tt.body {
				t.Errorf("%s %s %q", a.method, a.uri, a.got)
			}
			if (a.was == "application/json") != (tt.body != "") {
				t.Errorf("Content-Type %q", a.was)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer answer
		code   client.ProblemCode
		says   string
		fields int
	}{
		{
			"of the API",
			answer{status: 422, contentType: "application/problem+json", text: `{"status":422,"code":"invalid_field","detail":"name is wrong","errors":[{"field":"name","message":"is wrong"}]}`},
			client.ProblemCodeInvalidField, "GET /api/v1/apps/t: status 422 (invalid_field): name is wrong", 1,
		},
		{
			"of a proxy",
			answer{status: 502, contentType: "text/html", text: "<p>bad gateway</p>"},
			"", "status 502: <p>bad gateway</p>", 0,
		},
		{
			"a redirect",
			answer{status: 302, contentType: "text/html", text: "elsewhere"},
			"", "status 302: elsewhere", 0,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(&tt.answer)
			defer server.Close()
			_, err := client.New(server.URL).GetApp(t.Context(), "t")
			var p *client.Problem
			if !errors.As(err, &p) {
				t.Fatalf("no problem: %v", err)
			}
			if int(p.Status) != tt.answer.status || p.Code != tt.code || len(p.Errors) != tt.fields || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, %+v", err, p)
			}
			if client.HasCode(err, client.ProblemCodeInvalidField) != (tt.code != "") {
				t.Errorf("HasCode of %v", err)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := client.New(server.URL).Health(t.Context())
	var p *client.Problem
	if err == nil || errors.As(err, &p) {
		t.Errorf("%v", err)
	}
}
