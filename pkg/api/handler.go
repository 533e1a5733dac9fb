package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"
)

// handler is what every request passes through: it gets an id, a logger that
// names the id, and a time limit; it reaches an operation or a problem is the
// response; and a panic becomes a 500.
func handler(log *slog.Logger, routes http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := requestID(r)
		w.Header().Set("X-Request-Id", id)
		ctx, cancel := context.WithTimeout(withRequest(r.Context(), log, r, id), Timeout)
		defer cancel()
		defer respondToPanic(ctx, w)
		routes.ServeHTTP(w, r.WithContext(ctx))
	})
}

// router finds the operation of a request. ServeMux alone would respond with
// plain text and redirects to what it does not find, and would take
// …/messages/search for a message if the method is not that of the search.
type router struct {
	mux   *http.ServeMux
	paths map[string]byMethod
}

// byMethod holds the operations of one path.
type byMethod map[string]http.HandlerFunc

func newRouter() router {
	r := router{mux: http.NewServeMux(), paths: map[string]byMethod{}}
	r.mux.HandleFunc("/", noRoute)
	return r
}

// HandleFunc adds an operation by its method and path, as in "GET /health";
// huma calls it.
func (r router) HandleFunc(pattern string, serve func(http.ResponseWriter, *http.Request)) {
	method, at, _ := strings.Cut(pattern, " ")
	if r.paths[at] == nil {
		r.paths[at] = byMethod{}
		r.mux.Handle(at, r.paths[at])
	}
	r.paths[at][method] = serve
	if method == http.MethodGet {
		r.paths[at][http.MethodHead] = serve
	}
}

func (r router) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if p := request.URL.Path; !path.IsAbs(p) || p != path.Clean(p) {
		noRoute(w, request)
		return
	}
	r.mux.ServeHTTP(w, request)
}

func noRoute(w http.ResponseWriter, _ *http.Request) { write(w, problemOf(ErrNoRoute)) }

func (m byMethod) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if serve, ok := m[r.Method]; ok {
		serve(w, r)
		return
	}
	allow := strings.Join(slices.Sorted(maps.Keys(m)), ", ")
	w.Header().Set("Allow", allow)
	write(w, newProblem(http.StatusMethodNotAllowed, "this route accepts "+allow))
}

func write(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = writeJSON(w, p) // the client is gone: nobody to tell
}

func respondToPanic(ctx context.Context, w http.ResponseWriter) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	logger(ctx).ErrorContext(ctx, "panic", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	write(w, internalError())
}

// maxWord is how many characters a request id, or a segment of a prefix, may
// have to be accepted.
const maxWord = 64

// goodID reports whether a request id may be accepted from a client or a proxy;
// any other text could forge lines in a log. It is not a regular expression
// because compiling one that counts is among the slowest parts of a cold start.
func goodID(id string) bool { return isWord(id, "._=-") }

// isWord reports whether text is 1 to maxWord letters, digits and characters of
// others.
func isWord(text, others string) bool {
	if text == "" || len(text) > maxWord {
		return false
	}
	for _, c := range []byte(text) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		digit := '0' <= c && c <= '9'
		if !letter && !digit && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return true
}

func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); goodID(id) {
		return id
	}
	return rand.Text()
}

// maxSegments is how many segments a prefix may have.
const maxSegments = 4

// goodPrefix reports whether a path may be the one under which a proxy serves
// the API.
func goodPrefix(prefix string) bool {
	rest, ok := strings.CutPrefix(prefix, "/")
	if !ok || strings.Count(prefix, "/") > maxSegments {
		return false
	}
	for segment := range strings.SplitSeq(rest, "/") {
		if !isWord(segment, "._~-") {
			return false
		}
	}
	return true
}

// request is what operations need of the HTTP request in addition to their input.
type request struct {
	log    *slog.Logger
	id     string
	prefix string // of links: the path that a proxy cut off, such as an API Gateway stage
	path   string
}

type requestKey struct{}

func withRequest(ctx context.Context, log *slog.Logger, r *http.Request, id string) context.Context {
	req := request{log: log, id: id, path: r.URL.Path}
	if prefix := r.Header.Get("X-Forwarded-Prefix"); goodPrefix(prefix) {
		req.prefix = prefix
	}
	return context.WithValue(ctx, requestKey{}, req)
}

func requestOf(ctx context.Context) request {
	req, _ := ctx.Value(requestKey{}).(request)
	return req
}

func logger(ctx context.Context) *slog.Logger {
	req := requestOf(ctx)
	return req.log.With("request_id", req.id)
}

// link returns the path of a resource as the client of this request sees it.
func link(ctx context.Context, format string, args ...any) string {
	return requestOf(ctx).prefix + fmt.Sprintf(format, args...)
}
