package dynamo_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"chatapi/pkg/chat"

	"github.com/google/go-cmp/cmp"
)

const (
	counterOf5 = `"Counters":[{"counter":{"S":"c"},"value":{"N":"5"}}]`
	adaAt2     = `"Readers":[{"chat":{"S":"c"},"reader":{"S":"ada"},"last_read":{"N":"2"},"updated_at":{"S":"2026-03-14T15:09:26.000Z"}}]`
	left       = `"UnprocessedKeys":{"Readers":{"Keys":[{"chat":{"S":"c"},"reader":{"S":"ada"}}],"ConsistentRead":true}}`
)

// TestUnprocessedKeys holds what becomes of rows that DynamoDB leaves out of a
// batch.
func TestUnprocessedKeys(t *testing.T) {
	ada := chat.ReadMark{Reader: "ada", LastRead: 2, UpdatedAt: at}
	for _, c := range []struct {
		name   string
		script []answer
		want   chat.ReadState
		calls  int
		err    string
	}{
		{"none", []answer{ok(`{"Responses":{` + counterOf5 + `,` + adaAt2 + `}}`)}, chat.ReadState{ReadMark: ada, LastMessage: 5}, 1, ""},
		{
			"one",
			[]answer{ok(`{"Responses":{` + counterOf5 + `},` + left + `}`), ok(`{"Responses":{` + adaAt2 + `}}`)},
			chat.ReadState{ReadMark: ada, LastMessage: 5}, 2, "",
		},
		{"without end", []answer{ok(`{"Responses":{` + counterOf5 + `},` + left + `}`)}, chat.ReadState{}, 12, "1 rows not read after 12 attempts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := &answers{script: c.script}
				got, err := engine.store().ReadState(t.Context(), chat.ChatID{AppToken: token, Number: 1}, "ada")
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("state (-want +got):\n%s", diff)
				}
				if len(engine.requests) != c.calls {
					t.Errorf("%d calls, want %d", len(engine.requests), c.calls)
				}
				if (err == nil) != (c.err == "") || err != nil && !(strings.Contains(err.Error(), c.err) && errors.Is(err, chat.ErrUnavailable)) {
					t.Errorf("error %v, want one that may pass with %q", err, c.err)
				}
			})
		})
	}
}

// TestOvertakenMark is a mark that another request overtakes between the read
// and the write, and with it the number that was read.
func TestOvertakenMark(t *testing.T) {
	overtaken := refused(400, "ConditionalCheckFailedException")
	overtaken.body = strings.Replace(overtaken.body, "}", `,"Item":{"chat":{"S":"c"},"reader":{"S":"ada"},"last_read":{"N":"7"},"updated_at":{"S":"2026-03-14T15:09:26.000Z"}}}`, 1)
	engine := &answers{script: []answer{ok(`{"Responses":{` + counterOf5 + `,` + adaAt2 + `}}`), overtaken}}
	got, err := engine.store().MarkRead(t.Context(), chat.ChatID{AppToken: token, Number: 1}, chat.ReadMark{Reader: "ada", LastRead: 4, UpdatedAt: at})
	if err != nil {
		t.Fatal(err)
	}
	want := chat.ReadState{ReadMark: chat.ReadMark{Reader: "ada", LastRead: 7, UpdatedAt: at}, LastMessage: 7}
	if diff := cmp.Diff(want, got); diff != "" || got.Unread() != 0 {
		t.Errorf("%d unread (-want +got):\n%s", got.Unread(), diff)
	}
}
