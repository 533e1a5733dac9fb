//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"chatapi/pkg/client"
	"chatapi/test/faults/history"
)

// readerNames are the readers whose marks clients raise.
var readerNames = []string{"ada", "Бо", "c 3", "d%2F4"}

// pageLimits are those of lists during the load.
var pageLimits = []int{1, 7, 50, 200}

// get reads a row; of an app or a chat also the count of what is in it.
func (c *loadClient) get(ctx context.Context, t target) {
	read := history.Read{Kind: history.Get, In: t.in, Number: t.number}
	var shown item
	if !c.read(ctx, &read, client.Request{Method: http.MethodGet, Path: t.path}, &shown) {
		return
	}
	if read.Status == http.StatusOK {
		row := shown.row()
		if t.in == appsPath {
			row.Number = t.number
		}
		read.Rows = []history.Row{row}
		c.saw(t, row.Version)
	}
	c.recorder.AddRead(read)
	if read.Status == http.StatusOK && !strings.HasSuffix(t.in, "/messages") {
		in, count := t.path+"/messages", shown.MessageCount
		if t.in == appsPath {
			in, count = t.path+"/chats", shown.ChatCount
		}
		c.recorder.AddRead(history.Read{
			Client: c.id, Kind: history.Count, In: in, Begin: read.Begin, End: read.End, Status: read.Status, Count: count,
		})
	}
}

// getTwice reads a row, and again: what was stored still is.
func (c *loadClient) getTwice(ctx context.Context, t target) {
	c.get(ctx, t)
	c.get(ctx, t)
}

// list reads a page somewhere in a list, in either order.
func (c *loadClient) list(ctx context.Context, in string) {
	asked := history.Page{Limit: pageLimits[c.random.IntN(len(pageLimits))], Descending: c.random.IntN(2) == 0}
	c.mu.Lock()
	if n := len(c.recent); n > 0 { // near the newest, whose rows may not be stored yet
		if near := c.recent[c.random.IntN(n)].number - int64(c.random.IntN(100)); asked.Descending {
			asked.Before = max(near, 0)
		} else {
			asked.After = max(near, 0)
		}
	}
	c.mu.Unlock()
	query := url.Values{"limit": {strconv.Itoa(asked.Limit)}}
	if asked.Descending {
		query.Set("order", "desc")
	}
	if asked.After > 0 {
		query.Set("after", strconv.FormatInt(asked.After, 10))
	}
	if asked.Before > 0 {
		query.Set("before", strconv.FormatInt(asked.Before, 10))
	}
	var p page
	read := history.Read{Kind: history.List, In: in, Page: asked}
	if c.read(ctx, &read, client.Request{Method: http.MethodGet, Path: in + "?" + query.Encode()}, &p) {
		read.Rows, read.Next = p.rows(), p.Next != ""
		c.recorder.AddRead(read)
	}
}

// search reads the first page of all messages of a chat.
func (c *loadClient) search(ctx context.Context, in string) {
	asked := history.Page{Limit: 20, Descending: true}
	var p page
	read := history.Read{Kind: history.Search, In: in, Page: asked}
	request := client.Request{
		Method: http.MethodPost, Path: in + "/search", Header: http.Header{"Content-Type": {"application/json"}},
		Body: fmt.Sprintf(`{"query":%q,"limit":%d}`, word, asked.Limit),
	}
	if c.read(ctx, &read, request, &p) {
		read.Rows, read.Next = p.rows(), p.Next != ""
		c.recorder.AddRead(read)
	}
}

// read sends a request that changes nothing and reports whether there was a
// response to judge: none, and a 503, say nothing.
func (c *loadClient) read(ctx context.Context, read *history.Read, r client.Request, shown any) bool {
	read.Client, read.Begin = c.id, c.recorder.Now()
	answer, err := c.do(ctx, r)
	read.End = c.recorder.Now()
	if err != nil {
		return false
	}
	read.Status = answer.Status
	var problem struct{ Code string }
	err = json.Unmarshal(answer.Text, &problem)
	if err == nil && answer.Status == http.StatusOK {
		err = json.Unmarshal(answer.Text, shown)
	}
	read.Code = problem.Code
	switch {
	case err != nil:
		read.Unexpected = fmt.Sprintf("the response is not JSON: %.200q", answer.Text)
	case answer.Status == http.StatusServiceUnavailable && lacksRetryAfter(answer) == "":
		return false
	case answer.Status == http.StatusOK, read.Kind == history.Get && absent[read.Code] == answer.Status:
	default:
		read.Unexpected = fmt.Sprintf("status %d: %.200s", answer.Status, answer.Text)
	}
	return true
}

// absent holds the codes of rows that are not there, with their statuses.
var absent = map[string]int{
	"not_stored_yet":    http.StatusNotFound,
	"message_not_found": http.StatusNotFound,
	"chat_not_found":    http.StatusNotFound,
	"app_not_found":     http.StatusNotFound,
	"message_deleted":   http.StatusGone,
}

// markTwice marks a message as read, and one below it: that changes nothing.
func (c *loadClient) markTwice(ctx context.Context, t target) {
	name := readerNames[c.random.IntN(len(readerNames))]
	c.mark(ctx, t, name)
	t.number = max(1, t.number-1)
	c.mark(ctx, t, name)
}

// mark raises the mark of a reader to a message, reads it, or tries to raise it
// beyond the last message.
func (c *loadClient) mark(ctx context.Context, t target, name string) {
	m := history.Mark{Client: c.id, In: t.in, Reader: name}
	request := client.Request{Method: http.MethodGet, Path: readerPath(t.in, m.Reader), Header: http.Header{"Content-Type": {"application/json"}}}
	if n := c.random.IntN(8); n > 1 {
		m.LastRead = t.number
		if n == 2 {
			m.LastRead += 1_000_000_000
		}
		request.Method, request.Body = http.MethodPut, fmt.Sprintf(`{"last_read":%d}`, m.LastRead)
	}
	m.Begin = c.recorder.Now()
	answer, err := c.do(ctx, request)
	m.End = c.recorder.Now()
	if err == nil {
		c.judgeMark(&m, answer)
	}
	c.recorder.AddMark(m)
}

// reader is how far a reader has read, as the API shows it.
type reader struct {
	LastRead int64  `json:"last_read"`
	Last     int64  `json:"last_message_number"`
	Unread   int64  `json:"unread"`
	Code     string `json:"code"`
}

func (c *loadClient) judgeMark(m *history.Mark, a client.Answer) {
	var shown reader
	if err := json.Unmarshal(a.Text, &shown); err != nil {
		m.Unexpected = fmt.Sprintf("the response is not JSON: %.200q", a.Text)
		return
	}
	switch {
	case a.Status == http.StatusOK:
		m.Outcome, m.Shown, m.Last, m.Unread = history.Acknowledged, shown.LastRead, shown.Last, shown.Unread
	case a.Status == http.StatusServiceUnavailable:
		m.Unexpected = lacksRetryAfter(a)
	case a.Status == http.StatusUnprocessableEntity && shown.Code == "invalid_field":
		m.Outcome = history.Refused
	default:
		m.Unexpected = fmt.Sprintf("status %d: %.200s", a.Status, a.Text)
	}
}

// readerPath is the path of a reader of messages.
func readerPath(messages, reader string) string {
	return strings.TrimSuffix(messages, "/messages") + "/readers/" + url.PathEscape(reader)
}
