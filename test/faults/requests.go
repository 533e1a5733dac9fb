//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"chatapi/pkg/client"
	"chatapi/test/faults/history"
)

// create creates a chat or a message and reports whether that is acknowledged.
func (c *loadClient) create(ctx context.Context, in, key string) bool {
	return c.createOf(ctx, history.Request{In: in, Key: key, Text: c.text(in), Metadata: c.metadata()})
}

func (c *loadClient) createApp(ctx context.Context, key string) {
	if key == "" {
		c.create(ctx, appsPath, "")
		return
	}
	c.createTwice(ctx, appsPath)
}

// createTwice sends a create with a key and, whatever came of it, the same
// again, until it is acknowledged twice.
func (c *loadClient) createTwice(ctx context.Context, in string) {
	const tries = 10
	r := history.Request{In: in, Key: c.key(), Text: c.text(in), Metadata: c.metadata()}
	for acknowledged, n := 0, 0; acknowledged < 2 && n < tries && ctx.Err() == nil; n++ {
		if c.createOf(ctx, r) {
			acknowledged++
		}
	}
}

func (c *loadClient) createOf(ctx context.Context, r history.Request) bool {
	path := r.In
	r, token := c.send(ctx, http.MethodPost, path, r)
	if r.Outcome != history.Acknowledged {
		return false
	}
	t := target{in: r.In, number: r.Number, version: 1, path: fmt.Sprintf("%s/%d", r.In, r.Number)}
	if r.In == appsPath {
		t.path = appsPath + "/" + token
	}
	if strings.HasSuffix(r.In, "/messages") {
		c.acknowledged.Add(1)
	}
	if !c.isKnown(t) {
		c.add(t)
	}
	return true
}

// isKnown reports whether an app or chat was acknowledged before.
func (c *loadClient) isKnown(t target) bool {
	for _, other := range c.known(t.in) {
		if other.number == t.number {
			return true
		}
	}
	return false
}

// edit changes text, metadata or both of a row, half of the time on the
// condition that it still has the version that was last seen or, now and then,
// one that it can hardly have.
func (c *loadClient) edit(ctx context.Context, t target) {
	r := history.Request{Kind: history.Edit, In: t.in, Number: t.number, Text: c.text(t.in)}
	if c.random.IntN(4) == 0 {
		if r.Metadata = c.metadata(); r.Metadata != "" && c.random.IntN(2) == 0 {
			r.Text = ""
		}
	}
	if c.random.IntN(2) == 0 {
		r.IfMatch = t.version + []int64{0, 0, 0, 1}[c.random.IntN(4)]
	}
	if r, _ = c.send(ctx, http.MethodPatch, t.path, r); r.Outcome == history.Acknowledged {
		c.saw(t, r.Version)
	}
}

func (c *loadClient) delete(ctx context.Context, t target) {
	c.send(ctx, http.MethodDelete, t.path, history.Request{Kind: history.Delete, In: t.in, Number: t.number})
}

// send sends a request that changes something and records it. The token is
// that of an app that is created.
func (c *loadClient) send(ctx context.Context, method, path string, r history.Request) (history.Request, string) {
	request := client.Request{Method: method, Path: path, Header: http.Header{"Content-Type": {"application/json"}}, Body: bodyOf(r)}
	if r.Key != "" {
		request.Header["Idempotency-Key"] = []string{r.Key}
	}
	if r.IfMatch != 0 {
		request.Header["If-Match"] = []string{fmt.Sprintf("%q", fmt.Sprint(r.IfMatch))}
	}
	r.Client, r.Begin = c.id, c.recorder.Now()
	answer, err := c.do(ctx, request)
	token := ""
	if err == nil {
		r.Status = answer.Status
		var shown item
		shown, r.Outcome, r.Unexpected = judge(&r, answer)
		r.Version = shown.Version
		switch {
		case r.Kind != history.Create || r.Outcome != history.Acknowledged:
		case r.In == appsPath:
			token = shown.Data.AppToken
			r.Number = c.appNumber(token)
		default:
			r.Number = shown.row().Number
		}
	}
	r.End = c.recorder.Now()
	c.recorder.Add(r)
	return r, token
}

// do sends a request within the time that a client waits.
func (c *loadClient) do(ctx context.Context, r client.Request) (client.Answer, error) {
	limited, cancel := context.WithTimeout(ctx, respondWithin)
	defer cancel()
	answer, err := c.client.Do(limited, r)
	if err != nil {
		_ = pause(ctx, goneWait)
	}
	return answer, err
}

func bodyOf(r history.Request) string {
	fields := map[string]any{}
	if r.Text != "" {
		fields[nameOf(r.In)] = r.Text
	}
	if r.Metadata != "" {
		fields["metadata"] = json.RawMessage(r.Metadata)
	}
	if len(fields) == 0 {
		return ""
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // or the longest bodies would be longer than a request may be
	if err := encoder.Encode(fields); err != nil {
		panic(err) // strings can always be encoded
	}
	return text.String()
}

// judge tells what a response says of a request, with the row that it shows.
func judge(r *history.Request, a client.Answer) (shown item, o history.Outcome, unexpected string) {
	if len(a.Text) > 0 {
		if err := json.Unmarshal(a.Text, &shown); err != nil {
			return item{}, history.Unknown, fmt.Sprintf("the response is not JSON: %.200q", a.Text)
		}
	}
	success := map[history.Kind]int{history.Create: http.StatusCreated, history.Edit: http.StatusOK, history.Delete: http.StatusNoContent}[r.Kind]
	switch {
	case a.Status == success:
		return shown, history.Acknowledged, ""
	case a.Status == http.StatusServiceUnavailable:
		return item{}, history.Unknown, lacksRetryAfter(a)
	case refuses(r, a.Status, shown.Code):
		return item{}, history.Refused, ""
	default:
		return item{}, history.Unknown, fmt.Sprintf("status %d: %.200s", a.Status, a.Text)
	}
}

func lacksRetryAfter(a client.Answer) string {
	if a.Header.Get("Retry-After") == "" {
		return "a 503 has no Retry-After"
	}
	return ""
}

// refuses reports whether a problem is one that may refuse a request of the
// load.
func refuses(r *history.Request, status int, code string) bool {
	switch code {
	case "not_stored_yet":
		return r.Kind != history.Create && status == http.StatusNotFound
	case "message_deleted":
		return r.Kind == history.Edit && status == http.StatusGone
	case "version_changed":
		return r.IfMatch != 0 && status == http.StatusPreconditionFailed
	case "idempotency_key_in_use":
		return r.Key != "" && status == http.StatusConflict
	default:
		return false
	}
}
