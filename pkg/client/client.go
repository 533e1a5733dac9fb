package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client calls the API below a base URL. It is safe for use by many
// goroutines.
type Client struct {
	base       string
	http       *http.Client
	credential string // "" for none
}

// idleConnections is how many connections a client of New keeps open, so that
// as many goroutines can send without a handshake each.
const idleConnections = 64

// New returns a client of the API below a base URL, such as
// http://127.0.0.1:8000 or the ApiUrl of a deployed stack. It follows no
// redirects, because the API never sends any.
func New(baseURL string) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = 0 // no limit over all hosts
	transport.MaxIdleConnsPerHost = idleConnections
	return NewWith(baseURL, &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
}

// NewWith returns a client that sends its requests through another
// http.Client, which may have a timeout or sign them.
func NewWith(baseURL string, through *http.Client) *Client {
	return &Client{base: strings.TrimRight(baseURL, "/"), http: through}
}

// WithCredential returns a client of the same API that sends a credential with
// each request, such as the admin key.
func (c *Client) WithCredential(credential string) *Client {
	other := *c
	other.credential = credential
	return &other
}

// call is a request in the making. The generated methods fill it.
type call struct {
	method, path  string
	query, header map[string][]string
	body          any // nil for none
}

// newCall puts values into the parameters of a path, in their order.
func newCall(method, path string, values ...any) call {
	words := strings.Split(path, "/")
	for i, word := range words {
		if strings.HasPrefix(word, "{") {
			words[i] = url.PathEscape(fmt.Sprint(values[0]))
			values = values[1:]
		}
	}
	return call{
		method: method, path: strings.Join(words, "/"),
		query: map[string][]string{}, header: map[string][]string{},
	}
}

// setParam sets a parameter unless it has its type's zero value.
func setParam[T comparable](in map[string][]string, name string, value T) {
	var absent T
	if value == absent {
		return
	}
	text := fmt.Sprint(value)
	if at, ok := any(value).(time.Time); ok {
		text = at.Format(time.RFC3339Nano)
	}
	in[name] = []string{text}
}

// answered sends a request and returns the decoded answer.
func answered[T any](ctx context.Context, c *Client, r call) (*T, error) {
	out := new(T)
	if err := c.call(ctx, r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// call sends a request and decodes the answer into out, unless that is nil.
func (c *Client) call(ctx context.Context, r call, out any) error {
	text, err := c.send(ctx, r)
	if err == nil && out != nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, r call) ([]byte, error) {
	request := Request{Method: r.method, Path: r.path, Header: r.header}
	if len(r.query) > 0 {
		request.Path += "?" + url.Values(r.query).Encode()
	}
	if r.body != nil {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(r.body); err != nil {
			return nil, err
		}
		request.Body = text.String()
		request.Header = http.Header(r.header).Clone()
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.Do(ctx, request)
	if err == nil && answer.Status >= http.StatusMultipleChoices {
		err = problemOf(answer)
	}
	return answer.Text, err
}
