//go:build linux

// Package lambda runs functions behind an HTTP API as AWS Lambda and API
// Gateway do, as far as faults come from it: a process serves one request at a
// time and is frozen between two, a response may be as long as Lambda accepts,
// and a function that takes longer than its timeout is killed.
//
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
package lambda

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// payloadLimit is how long a response of a function may be, in bytes.
//
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const payloadLimit = 6 << 20

// Function is a function and its route.
type Function struct {
	Name     string
	Method   string
	Resource string // its path, with parameters in braces
}

// Counts says what has happened to functions.
type Counts struct{ Starts, Thaws, TooLong, TooLate int64 }

// Platform runs functions. Its ServeHTTP is the API in front of them.
type Platform struct {
	command func(name, runtimeAPI string) *exec.Cmd
	timeout time.Duration
	routes  *http.ServeMux

	starts, thaws, tooLong, tooLate atomic.Int64

	mu     sync.Mutex
	idle   map[string][]*environment
	all    []*environment
	closed bool
}

// New returns a platform for functions with a timeout. command returns the
// process of a function that takes its invocations from a runtime API; the
// platform starts it.
func New(functions []Function, timeout time.Duration, command func(name, runtimeAPI string) *exec.Cmd) *Platform {
	p := &Platform{command: command, timeout: timeout, routes: http.NewServeMux(), idle: map[string][]*environment{}}
	for _, f := range functions {
		p.routes.HandleFunc(f.Method+" "+f.Resource, func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, f) })
	}
	return p
}

// ServeHTTP implements http.Handler.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.routes.ServeHTTP(w, r) }

// Counts returns what has happened so far.
func (p *Platform) Counts() Counts {
	return Counts{p.starts.Load(), p.thaws.Load(), p.tooLong.Load(), p.tooLate.Load()}
}

// Close ends all processes.
func (p *Platform) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, e := range p.all {
		e.end()
	}
}

func (p *Platform) serve(w http.ResponseWriter, r *http.Request, f Function) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10<<20)) // as API Gateway accepts
	if err != nil {
		failed(w, http.StatusRequestEntityTooLarge, "Request Too Long")
		return
	}
	event, err := json.Marshal(events.APIGatewayProxyRequest{
		Resource: f.Resource, Path: r.URL.EscapedPath(), HTTPMethod: r.Method, MultiValueHeaders: r.Header,
		MultiValueQueryStringParameters: r.URL.Query(), Body: string(body),
		RequestContext: events.APIGatewayProxyRequestContext{Path: r.URL.EscapedPath(), ResourcePath: f.Resource, HTTPMethod: r.Method},
	})
	var out events.APIGatewayProxyResponse
	if err == nil {
		var text []byte
		if text, err = p.invoke(f.Name, event); err == nil {
			err = json.Unmarshal(text, &out)
		}
	}
	if err != nil { // the client learns no more of API Gateway
		failed(w, http.StatusBadGateway, "Internal server error")
		return
	}
	respond(w, out)
}

func failed(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"message":%q}`, message)
}

func respond(w http.ResponseWriter, out events.APIGatewayProxyResponse) {
	for name, values := range out.MultiValueHeaders {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	for name, value := range out.Headers {
		w.Header().Set(name, value)
	}
	text := []byte(out.Body)
	if out.IsBase64Encoded {
		text, _ = base64.StdEncoding.DecodeString(out.Body)
	}
	w.WriteHeader(out.StatusCode)
	_, _ = w.Write(text)
}

var errTooLate = errors.New("the function took longer than its timeout")

// invoke lets a process that is frozen, or a new one, serve an event. A client
// that leaves does not end an invocation.
func (p *Platform) invoke(name string, event []byte) ([]byte, error) {
	e, err := p.take(name)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(p.timeout)
	defer timer.Stop()
	i := &invocation{event: event, deadline: time.Now().Add(p.timeout), done: make(chan outcome, 1)}
	select {
	case e.invocations <- i:
	case <-timer.C:
		e.end()
		return nil, fmt.Errorf("start function %s: %w", name, errTooLate)
	}
	select {
	case got := <-i.done:
		if errors.Is(got.err, errTooLong) {
			p.tooLong.Add(1)
		}
		return got.text, got.err
	case <-timer.C:
		p.tooLate.Add(1)
		e.end()
		return nil, errTooLate
	}
}

// take returns a frozen process after its thaw, or a new one.
func (p *Platform) take(name string) (*environment, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errors.New("the platform is closed")
	}
	if idle := p.idle[name]; len(idle) > 0 {
		e := idle[len(idle)-1]
		p.idle[name] = idle[:len(idle)-1]
		p.thaws.Add(1)
		return e, e.thaw()
	}
	e, err := start(func(api string) *exec.Cmd { return p.command(name, api) }, func(e *environment) { p.freeze(name, e) })
	if err == nil {
		p.starts.Add(1)
		p.all = append(p.all, e)
	}
	return e, err
}

// freeze stops a process that waits for its next invocation.
func (p *Platform) freeze(name string, e *environment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed && e.freeze() == nil {
		p.idle[name] = append(p.idle[name], e)
	}
}
