//go:build linux

package lambda

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// environment is a process with the runtime API that it gets its invocations
// from.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type environment struct {
	process     *exec.Cmd
	api         *http.Server
	invocations chan *invocation
	waits       func(*environment) // called when the process waits for its next invocation

	mu      sync.Mutex
	handled bool        // an invocation, so that it may be frozen
	now     *invocation // nil between two
}

// invocation is an event and what becomes of it.
type invocation struct {
	event    []byte
	deadline time.Time
	done     chan outcome
}

type outcome struct {
	text []byte
	err  error
}

var errTooLong = errors.New("the response is longer than Lambda accepts")

// start starts a process.
func start(command func(runtimeAPI string) *exec.Cmd, waits func(*environment)) (*environment, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &environment{process: command(listener.Addr().String()), invocations: make(chan *invocation), waits: waits}
	const invocations = "/2018-06-01/runtime/invocation/"
	routes := http.NewServeMux()
	routes.HandleFunc("GET "+invocations+"next", e.next)
	routes.HandleFunc("POST "+invocations+"{id}/response", e.response)
	routes.HandleFunc("POST "+invocations+"{id}/error", e.failure)
	e.api = &http.Server{Handler: routes, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = e.api.Serve(listener) }()
	if err := e.process.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start function: %w", err), e.api.Close())
	}
	go func() { _ = e.process.Wait() }()
	return e, nil
}

// next hands the process its next event. A process that has handled one is
// frozen until there is another.
func (e *environment) next(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	handled := e.handled
	e.handled, e.now = true, nil
	e.mu.Unlock()
	if handled {
		e.waits(e)
	}
	select {
	case i := <-e.invocations:
		e.mu.Lock()
		e.now = i
		e.mu.Unlock()
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", strconv.FormatInt(i.deadline.UnixNano(), 36))
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
		_, _ = w.Write(i.event)
	case <-r.Context().Done():
	}
}

func (e *environment) finish(got outcome) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.now != nil {
		e.now.done <- got
		e.now = nil
	}
}

func (e *environment) response(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err == nil && len(text) > payloadLimit {
		err = errTooLong
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	} else {
		w.WriteHeader(http.StatusAccepted)
	}
	e.finish(outcome{text, err})
}

func (e *environment) failure(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	w.WriteHeader(http.StatusAccepted)
	e.finish(outcome{err: fmt.Errorf("the function failed: %.300s", text)})
}

func (e *environment) freeze() error { return e.process.Process.Signal(syscall.SIGSTOP) }
func (e *environment) thaw() error   { return e.process.Process.Signal(syscall.SIGCONT) }

// end kills the process, also a frozen one.
func (e *environment) end() {
	_ = e.process.Process.Kill()
	_ = e.api.Close()
}
