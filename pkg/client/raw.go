package client

import (
	"context"
	"io"
	"net/http"
	"strings"
)

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

// Do sends a request as it is and returns the answer, whatever its status. The
// error is that of a request that got no answer. It is for what the methods of
// the operations cannot say, such as a request that breaks a rule, or the
// headers of an answer.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, c.base+r.Path, strings.NewReader(r.Body))
	if err != nil {
		return Answer{}, err
	}
	for name, values := range r.Header {
		request.Header[name] = values
	}
	if c.credential != "" {
		request.Header.Set("Authorization", "Bearer "+c.credential)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return Answer{Status: answer.StatusCode, Header: answer.Header, Text: text}, err
}
