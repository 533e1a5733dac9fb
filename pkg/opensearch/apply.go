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

// maxBulk is how many bytes one bulk request has at most, give or take one
// document: half of the 10 MiB that the smaller instances of Amazon OpenSearch
// Service take.
//
// https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html
const maxBulk = 5 << 20

// document is what OpenSearch holds of a message.
type document struct {
	chat.Message
	Text string `json:"text,omitempty"` // folded; none where the message is deleted
}

func newDocument(m chat.Message) document {
	if m.Deleted() {
		m.Body, m.Sender = "", ""
		return document{Message: m}
	}
	return document{Message: m, Text: chat.Fold(m.Body)}
}

// place names a message in errors, which must not hold its app's token.
func place(m chat.Message) string {
	return fmt.Sprintf("%d of chat %d", m.Number, m.ChatNumber)
}

// Apply implements chat.Index, in one bulk request or, where the messages are
// very long, a few. What it applied is found after the next refresh, within a
// second or so.
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

// perMessage returns the error of each message's document, nil where there are
// none.
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
	place string
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
	encoder := json.NewEncoder(&lines) // ends each value with a line feed and writes none within
	for _, line := range []any{a, newDocument(m)} {
		if err := encoder.Encode(line); err != nil {
			return entry{}, fmt.Errorf("encode message %s: %w", place(m), err)
		}
	}
	return entry{id: id, place: place(m), lines: lines.Bytes()}, nil
}

// bulkAnswer is what OpenSearch says about each document, in their order.
type bulkAnswer struct {
	Items []struct {
		Index struct {
			Status int    `json:"status"`
			Error  reason `json:"error"`
		} `json:"index"`
	} `json:"items"`
}

// send sends a bulk request and notes which documents failed and why. Where
// OpenSearch refuses the whole request, as it does for one action that is not
// valid or for its size, each half is sent alone, so that one document never
// holds up the others.
func (x *Index) send(ctx context.Context, entries []entry, failed map[string]error) {
	if len(entries) == 0 {
		return
	}
	answer, err := x.sendBulk(ctx, entries)
	if half := len(entries) / 2; err != nil && half > 0 && !errors.Is(err, chat.ErrUnavailable) {
		x.send(ctx, entries[:half], failed)
		x.send(ctx, entries[half:], failed)
		return
	}
	for i, e := range entries {
		itemErr := err
		if err == nil {
			itemErr = itemError(answer.Items[i].Index.Status, answer.Items[i].Index.Error)
		}
		if itemErr != nil {
			failed[e.id] = fmt.Errorf("index message %s: %w", e.place, itemErr)
		}
	}
}

func (x *Index) sendBulk(ctx context.Context, entries []entry) (answer bulkAnswer, err error) {
	var body bytes.Buffer
	for _, e := range entries {
		body.Write(e.lines)
	}
	mustBeAlias := true // else a request before Setup would create an index without our mapping
	err = x.do(ctx, bulkTimeout, opensearchapi.BulkRequest{
		Index: x.name, Body: bytes.NewReader(body.Bytes()), RequireAlias: &mustBeAlias,
		FilterPath: []string{"items.*.status", "items.*.error"},
	}, &answer)
	if err == nil && len(answer.Items) != len(entries) {
		err = fmt.Errorf("%w: OpenSearch answered for %d documents of %d", chat.ErrUnavailable, len(answer.Items), len(entries))
	}
	return answer, err
}

// itemError returns why a document was not indexed. A conflict is none: the
// index holds the same or a newer version.
func itemError(status int, why reason) error {
	if status < http.StatusBadRequest || status == http.StatusConflict {
		return nil
	}
	return &statusError{status: status, reason: why}
}
