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

// proxy passes requests on to a server, but what fails says otherwise for the
// first of them.
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

// The ways in which a request fails.
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

// TestSendIsDoneOnce holds that a message is there once, whatever became of the
// tries before.
func TestSendIsDoneOnce(t *testing.T) {
	sh := newShell(t)
	for i, tt := range []struct {
		name  string
		fails []func(http.ResponseWriter, *http.Request, http.Handler)
	}{
		{"the request is lost", []func(http.ResponseWriter, *http.Request, http.Handler){notSent}},
		{"the answer is lost", []func(http.ResponseWriter, *http.Request, http.Handler){noReply}},
		{"two answers are lost", []func(http.ResponseWriter, *http.Request, http.Handler){noReply, noReply}},
		{"503", []func(http.ResponseWriter, *http.Request, http.Handler){unavailable}},
		{"409 while the first try runs", []func(http.ResponseWriter, *http.Request, http.Handler){noReply, inFlight}},
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

// TestErrorsHideTheToken holds that no error names the app's token, which is
// in the path of every request.
func TestErrorsHideTheToken(t *testing.T) {
	token := strings.Repeat("s", 36)
	answer := func(status int, text string) string {
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
		{"no server", "http://127.0.0.1:1", "chatapi: no answer from http://127.0.0.1:1: connect: connection refused\n"},
		{"no host", "http://no.such.host.invalid", "chatapi: no answer from http://no.such.host.invalid: "},
		{"a page", answer(404, "<html>no %s here"), "chatapi: the server answers 404 Not Found\n"},
		{"no JSON", answer(200, "<html>%s"), "chatapi: GET /api/v1/apps/…/chats/1: invalid character '<' looking for beginning of value\n"},
		{"a redirect", answer(302, "%s"), "chatapi: the server answers 302 Found\n"},
		{"a problem that names it", answer(404, `{"code":"x","detail":"no %s"}`), "chatapi: no /api/v1/apps/…/chats/1\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sh := shell{t, map[string]string{"CHATAPI_URL": tt.url, "CHATAPI_APP": token}}
			got := sh.run("", "chats", "get", "1")
			if got.Status != 1 || !strings.HasPrefix(got.Stderr, tt.says) || strings.Contains(got.Stderr, token) || got.Stdout != "" {
				t.Errorf("%+v, want %s", got, tt.says)
			}
		})
	}
}
