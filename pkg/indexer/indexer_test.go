package indexer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/indexer"

	"github.com/google/go-cmp/cmp"
)

// index records what is applied and refuses some bodies.
type index struct {
	chat.Index
	applied []chat.Message
	refuse  map[string]error
}

func (x *index) Apply(_ context.Context, messages []chat.Message) []error {
	errs := make([]error, len(messages))
	for i, m := range messages {
		if errs[i] = x.refuse[m.Body]; errs[i] == nil {
			x.applied = append(x.applied, m)
		}
	}
	return errs
}

func message(number int64, body string) *chat.Message {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	return &chat.Message{
		AppToken: strings.Repeat("a", chat.TokenLength), ChatNumber: 3, Number: number, Body: body, Sender: "ada",
		Version: 1, CreatedAt: at, UpdatedAt: at,
	}
}

func TestIndex(t *testing.T) {
	busy := fmt.Errorf("%w: 429", chat.ErrUnavailable)
	refused := errors.New("400: no such field")
	at := time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC)
	a, b, noMessage := message(1, "a"), message(2, "b"), &chat.Message{AppToken: message(1, "").AppToken, ChatNumber: 3, Number: 4}
	for _, tt := range []struct {
		name      string
		changes   []chat.Change
		refuse    map[string]error
		applied   []chat.Message
		failed    []int // places of the changes that failed
		retryable bool
	}{
		{name: "nothing"},
		{name: "inserts", changes: []chat.Change{{New: a}, {New: b}}, applied: []chat.Message{*a, *b}},
		{name: "an edit", changes: []chat.Change{{Old: a, New: b}}, applied: []chat.Message{*b}},
		{name: "a removed row", changes: []chat.Change{{Old: a, At: at}}, applied: []chat.Message{a.Tombstone(at)}},
		{
			name:    "a row that is not a message affects no other",
			changes: []chat.Change{{New: a}, {New: noMessage}, {New: b}}, applied: []chat.Message{*a, *b}, failed: []int{1},
		},
		{name: "a change without a message", changes: []chat.Change{{}}, failed: []int{0}},
		{
			name:    "a busy index",
			changes: []chat.Change{{New: a}, {New: b}}, refuse: map[string]error{"b": busy},
			applied: []chat.Message{*a}, failed: []int{1}, retryable: true,
		},
		{
			name:    "a message that the index refuses",
			changes: []chat.Change{{New: a}, {New: b}}, refuse: map[string]error{"a": refused},
			applied: []chat.Message{*b}, failed: []int{0},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to := &index{refuse: tt.refuse}
			var failed []int
			for i, err := range indexer.New(to).Index(t.Context(), tt.changes) {
				if err == nil {
					continue
				}
				failed = append(failed, i)
				if chat.Retryable(err) != tt.retryable {
					t.Errorf("change %d: error %v, want one that is retryable: %t", i, err, tt.retryable)
				}
			}
			if diff := cmp.Diff(tt.failed, failed); diff != "" {
				t.Errorf("failed: %s", diff)
			}
			if diff := cmp.Diff(tt.applied, to.applied); diff != "" {
				t.Errorf("applied: %s", diff)
			}
		})
	}
}
