// Package client calls the HTTP API for the demo, the benchmarks and tests.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Client calls the API below a base URL.
type Client struct {
	base string
	http *http.Client
}

// New returns a client that keeps up to connections connections open.
func New(base string, connections int) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = connections
	return &Client{base: base, http: &http.Client{Transport: transport}}
}

// StatusError is an answer with a status that is no success.
type StatusError struct {
	Status int
	Text   string
}

// Error gives the status and the answer's text.
func (e *StatusError) Error() string { return fmt.Sprintf("status %d: %s", e.Status, e.Text) }

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
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= http.StatusMultipleChoices {
		err = &StatusError{Status: answer.StatusCode, Text: string(text)}
	}
	return text, err
}
