package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// proxy returns the URL of a proxy to a server. The first requests are handled by
// the functions fails instead, one each.
func proxy(t *testing.T, to string, fails ...func(w http.ResponseWriter, r *http.Request, pass http.Handler)) string {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	pass := httputil.NewSingleHostReverseProxy(target)
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := int(calls.Add(1)) - 1; n < len(fails) {
			fails[n](w, r, pass)
			return
		}
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Functions for proxy that let a request fail.
var (
	notSent = func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
	noReply = func(_ http.ResponseWriter, r *http.Request, pass http.Handler) {
		pass.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	unavailable = func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	inFlight = func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusConflict)
	}
	gateway = func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		pass.ServeHTTP(httptest.NewRecorder(), r)
		w.WriteHeader(http.StatusGatewayTimeout)
		_, _ = io.WriteString(w, "<html>")
	}
)

// TestSendCreatesOnce checks that a message is created once, whatever happened to
// earlier attempts.
func TestSendCreatesOnce(t *testing.T) {
	sh := newShell(t)
	for i, tt := range []struct {
		name  string
		fails []func(http.ResponseWriter, *http.Request, http.Handler)
	}{
		{"the request is lost", []func(http.ResponseWriter, *http.Request, http.Handler){notSent}},
		{"the response is lost", []func(http.ResponseWriter, *http.Request, http.Handler){noReply}},
		{"two responses are lost", []func(http.ResponseWriter, *http.Request, http.Handler){noReply, noReply}},
		{"503", []func(http.ResponseWriter, *http.Request, http.Handler){unavailable}},
		{"409 while the first attempt runs", []func(http.ResponseWriter, *http.Request, http.Handler){noReply, inFlight}},
		{"504 of a gateway", []func(http.ResponseWriter, *http.Request, http.Handler){gateway}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			chat := strings.TrimSpace(sh.must("chats", "create"))
			through := sh.with("CHATAPI_URL", proxy(t, sh.env["CHATAPI_URL"], tt.fails...))
			through.t = t
			if got := through.must("send", chat, fmt.Sprint("once ", i)); got != "1\n" {
				t.Errorf("its number is %s", got)
			}
			if got := through.must("send", chat, "after"); got != "2\n" {
				t.Errorf("the next number is %s", got)
			}
		})
	}
}

func TestSendWithAKey(t *testing.T) {
	sh := newShell(t)
	sh.must("chats", "create")
	for _, want := range []string{"1\n", "1\n"} {
		if got := sh.must("send", "1", "x", "--key", "nightly-2026-11-23"); got != want {
			t.Errorf("its number is %s", got)
		}
	}
}

// TestErrorsHideTheToken checks that no error contains the app's token, which is in
// the path of every request.
func TestErrorsHideTheToken(t *testing.T) {
	token := strings.Repeat("s", 36)
	respond := func(status int, text string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			fmt.Fprintf(w, text, r.URL.Path)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	for _, tt := range []struct {
		name string
		url  string
		says string
	}{
		{"no server", "http://127.0.0.1:1", "chatapi: no response from http://127.0.0.1:1: connect: connection refused\n"},
		{"no host", "http://no.such.host.invalid", "chatapi: no response from http://no.such.host.invalid: "},
		{"a page", respond(404, "<html>no %s here"), "chatapi: the server responded with 404 Not Found\n"},
		{"not JSON", respond(200, "<html>%s"),
			"chatapi: GET /api/v1/apps/…/chats/1: invalid character '<' looking for beginning of value\n"},
		{"a redirect", respond(302, "%s"), "chatapi: the server responded with 302 Found\n"},
		{"a problem that contains the token", respond(404, `{"code":"x","detail":"no %s"}`),
			"chatapi: no /api/v1/apps/…/chats/1\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sh := shell{t, map[string]string{"CHATAPI_URL": tt.url, "CHATAPI_APP": token}}
			got := sh.run("", "chats", "get", "1")
			says := strings.HasPrefix(got.Stderr, tt.says) && !strings.Contains(got.Stderr, token)
			if got.Status != 1 || !says || got.Stdout != "" {
				t.Errorf("%+v, want %s", got, tt.says)
			}
		})
	}
}
