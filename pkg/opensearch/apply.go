package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"chatapi/pkg/chat"

	"github.com/opensearch-project/opensearch-go/v2/opensearchapi"
)

// maxBulk is the maximum size of one bulk request in bytes, give or take one
// document: half of the 10 MiB that the smaller instances of Amazon OpenSearch
// Service accept.
//
// https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html
const maxBulk = 5 << 20

// document is the document of a message.
type document struct {
	chat.Message
	Text string `json:"text,omitempty"` // folded; none if the message is deleted
}

func newDocument(m chat.Message) document {
	if m.Deleted() {
		m.Body, m.Sender = "", ""
		return document{Message: m}
	}
	return document{Message: m, Text: chat.Fold(m.Body)}
}

// Apply implements chat.Index in one bulk request, or a few if the messages are
// very long. They are found after the next refresh, within about a second.
func (x *Index) Apply(ctx context.Context, messages []chat.Message) []error {
	failed := make(map[string]error)
	var entries []entry
	size := 0
	for id, m := range chat.NewestVersions(messages) {
		e, err := newEntry(id, m)
		if err != nil {
			failed[id] = err
			continue
		}
		entries = append(entries, e)
		if size += len(e.lines); size >= maxBulk {
			x.send(ctx, entries, failed)
			entries, size = nil, 0
		}
	}
	x.send(ctx, entries, failed)
	return perMessage(messages, failed)
}

// perMessage returns the error of each message's document, nil if there are none.
func perMessage(messages []chat.Message, failed map[string]error) []error {
	if len(failed) == 0 {
		return nil
	}
	errs := make([]error, len(messages))
	for i, m := range messages {
		errs[i] = failed[m.DocumentID()]
	}
	return errs
}

// entry is a document's part of a bulk request: two lines.
type entry struct {
	id    string
	name  string // for errors, without an app's token
	lines []byte
}

// action is the first of the two lines.
type action struct {
	Index struct {
		ID          string `json:"_id"`
		Routing     string `json:"routing"`
		Version     int64  `json:"version"`
		VersionType string `json:"version_type"`
	} `json:"index"`
}

func newEntry(id string, m chat.Message) (entry, error) {
	var a action
	a.Index.ID, a.Index.Routing, a.Index.Version, a.Index.VersionType = id, m.AppToken, m.Version, "external"
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines) // writes a line feed after each value and none in it
	for _, line := range []any{a, newDocument(m)} {
		if err := encoder.Encode(line); err != nil {
			return entry{}, fmt.Errorf("encode %s: %w", chat.MessageName(m.ChatNumber, m.Number), err)
		}
	}
	return entry{id: id, name: chat.MessageName(m.ChatNumber, m.Number), lines: lines.Bytes()}, nil
}

// bulkResponse has the result of each document, in their order.
type bulkResponse struct {
	Items []struct {
		Index struct {
			Status int    `json:"status"`
			Error  reason `json:"error"`
		} `json:"index"`
	} `json:"items"`
}

// send sends a bulk request and records which documents failed and why. If
// OpenSearch refuses the whole request, as it does for one invalid action or for its
// size, each half is sent alone, so that one document never affects the others.
func (x *Index) send(ctx context.Context, entries []entry, failed map[string]error) {
	if len(entries) == 0 {
		return
	}
	response, err := x.sendBulk(ctx, entries)
	if half := len(entries) / 2; err != nil && half > 0 && !errors.Is(err, chat.ErrUnavailable) {
		x.send(ctx, entries[:half], failed)
		x.send(ctx, entries[half:], failed)
		return
	}
	for i, e := range entries {
		itemErr := err
		if err == nil {
			itemErr = itemError(response.Items[i].Index.Status, response.Items[i].Index.Error)
		}
		if itemErr != nil {
			failed[e.id] = fmt.Errorf("index %s: %w", e.name, itemErr)
		}
	}
}

func (x *Index) sendBulk(ctx context.Context, entries []entry) (response bulkResponse, err error) {
	var body bytes.Buffer
	for _, e := range entries {
		body.Write(e.lines)
	}
	mustBeAlias := true // else a request before Setup would create an index without our mapping
	err = x.do(ctx, bulkTimeout, opensearchapi.BulkRequest{
		Index: x.name, Body: bytes.NewReader(body.Bytes()), RequireAlias: &mustBeAlias,
		FilterPath: []string{"items.*.status", "items.*.error"},
	}, &response)
	if err == nil && len(response.Items) != len(entries) {
		err = fmt.Errorf("%w: results of %d documents of %d", chat.ErrUnavailable, len(response.Items), len(entries))
	}
	return response, err
}

// itemError returns why a document was not indexed. A conflict is not an error: the
// index has the same or a newer version.
func itemError(status int, why reason) error {
	if status < http.StatusBadRequest || status == http.StatusConflict {
		return nil
	}
	return &statusError{status: status, reason: why}
}
