package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// runtimeAPI stands in for Lambda's runtime API, which a function's process
// asks for events and sends its answers to. It serves one process.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type runtimeAPI struct {
	address string // host and port
	server  *http.Server

	asked   chan time.Time // the process waits for an event
	events  chan []byte
	answers chan answer
}

// answer is what the process made of an event, or of its start.
type answer struct {
	at   time.Time
	path string // response, or error
	body []byte
}

func newRuntimeAPI() (*runtimeAPI, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for a function: %w", err)
	}
	api := &runtimeAPI{
		address: listener.Addr().String(),
		asked:   make(chan time.Time, 1),
		events:  make(chan []byte),
		answers: make(chan answer, 1),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", api.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{result}", api.take)
	mux.HandleFunc("POST /2018-06-01/runtime/init/{result}", api.take)
	api.server = &http.Server{Handler: mux}
	go api.server.Serve(listener) // until close
	return api, nil
}

func (api *runtimeAPI) close() { api.server.Close() }

// next answers with an event, once there is one.
func (api *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	select {
	case api.asked <- time.Now():
	default:
	}
	select {
	case <-r.Context().Done():
	case event := <-api.events:
		header := w.Header()
		header.Set("Content-Type", "application/json")
		header.Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
		header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(within).UnixMilli(), 10))
		header.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:measured")
		w.Write(event)
	}
}

func (api *runtimeAPI) take(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the process is gone
	}
	w.WriteHeader(http.StatusAccepted)
	api.answers <- answer{at: at, path: r.PathValue("result"), body: body}
}

// ready waits until the process asks for an event and returns when it did.
func (api *runtimeAPI) ready(ctx context.Context) (time.Time, error) {
	select {
	case at := <-api.asked:
		return at, nil
	case a := <-api.answers:
		return time.Time{}, fmt.Errorf("it does not start: %s", a.body)
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("it asks for no event: %w", ctx.Err())
	}
}

// invoke hands the process an event and returns how long its answer took.
func (api *runtimeAPI) invoke(ctx context.Context, event []byte) (time.Duration, error) {
	sent := time.Now()
	select {
	case api.events <- event:
	case <-ctx.Done():
		return 0, fmt.Errorf("it takes no event: %w", ctx.Err())
	}
	select {
	case a := <-api.answers:
		if a.path != "response" || strings.Contains(string(a.body), `"statusCode":5`) {
			return 0, fmt.Errorf("it answers: %s", a.body)
		}
		return a.at.Sub(sent), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("it gives no answer: %w", ctx.Err())
	}
}
