// Package client calls the HTTP API for the demo, the benchmarks and tests.
package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Client calls the API below a base URL.
type Client struct {
	base string
	http *http.Client
}

// New returns a client that keeps up to connections connections open and
// follows no redirects, because the API never sends any.
func New(base string, connections int) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = connections
	return &Client{base: base, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// StatusError is an answer with a status that is no success.
type StatusError struct {
	Status int
	Text   string
}

// Error gives the status and the answer's text.
func (e *StatusError) Error() string { return fmt.Sprintf("status %d: %s", e.Status, e.Text) }

// Request is a request as it goes out, right or wrong.
type Request struct {
	Method string
	Path   string // below the base URL, with the query, escaped as it is to be sent
	Header http.Header
	Body   string // "" for none
}

// Answer is what a request got, whatever its status.
type Answer struct {
	Status int
	Header http.Header
	Text   []byte
}

// Call sends in as JSON, where it is not nil, and decodes the answer into out,
// where that is not nil. An answer that is no success is a *StatusError.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	text, err := c.send(ctx, method, path, in)
	if err == nil && out != nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, method, path string, in any) ([]byte, error) {
	request := Request{Method: method, Path: path}
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		request.Body, request.Header = string(text), http.Header{"Content-Type": {"application/json"}}
	}
	answer, err := c.Do(ctx, request)
	if err == nil && answer.Status >= http.StatusMultipleChoices {
		err = &StatusError{Status: answer.Status, Text: string(answer.Text)}
	}
	return answer.Text, err
}

// Do sends a request as it is and returns the answer, whatever its status. The
// error is that of a request that got no answer.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, c.base+r.Path, strings.NewReader(r.Body))
	if err != nil {
		return Answer{}, err
	}
	for name, values := range r.Header {
		request.Header[name] = values
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return Answer{Status: answer.StatusCode, Header: answer.Header, Text: text}, err
}
