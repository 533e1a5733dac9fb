package indexer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/indexer"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

// index notes what is applied and refuses some bodies.
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

// letters notes dead letters.
type letters struct {
	down    bool
	reasons []string
	records []string
}

func (l *letters) Send(_ context.Context, reason string, record []byte) error {
	if l.down {
		return errors.New("the dead letters are down")
	}
	l.reasons = append(l.reasons, reason)
	l.records = append(l.records, string(record))
	return nil
}

var token = strings.Repeat("a", chat.TokenLength)

func message(number int64, body string) chat.Message {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	return chat.Message{
		AppToken: token, ChatNumber: 3, Number: number, Body: body, Sender: "ada",
		Version: 1, CreatedAt: at, UpdatedAt: at,
	}
}

func insert(m chat.Message) events.DynamoDBEventRecord {
	return events.DynamoDBEventRecord{
		EventName: "INSERT",
		Change: events.DynamoDBStreamRecord{
			SequenceNumber: fmt.Sprint("s", m.Number), NewImage: indexer.Image(m),
		},
	}
}

func without(r events.DynamoDBEventRecord, attribute string) events.DynamoDBEventRecord {
	delete(r.Change.NewImage, attribute)
	return r
}

func with(r events.DynamoDBEventRecord, attribute string, value events.DynamoDBAttributeValue) events.DynamoDBEventRecord {
	r.Change.NewImage[attribute] = value
	return r
}

func handle(t *testing.T, x *indexer.Indexer, records ...events.DynamoDBEventRecord) []string {
	t.Helper()
	answer, err := x.Handle(t.Context(), events.DynamoDBEvent{Records: records})
	if err != nil {
		t.Fatal(err)
	}
	if answer.BatchItemFailures == nil {
		t.Fatal("batchItemFailures is null, not an empty list")
	}
	failed := []string{}
	for _, f := range answer.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	return failed
}

func TestHandle(t *testing.T) {
	busy := fmt.Errorf("%w: 429", chat.ErrUnavailable)
	refused := errors.New("400: no such field")
	removed := events.DynamoDBEventRecord{EventName: "REMOVE", Change: events.DynamoDBStreamRecord{
		SequenceNumber: "s1", OldImage: indexer.Image(message(1, "a")),
		ApproximateCreationDateTime: events.SecondsEpochTime{Time: time.Unix(1_800_000_000, 0)},
	}}
	gone := message(1, "a")
	gone.Version, gone.DeletedAt = 2, time.Unix(1_800_000_000, 0).UTC()
	for _, tt := range []struct {
		name        string
		records     []events.DynamoDBEventRecord
		refuse      map[string]error
		lettersDown bool
		applied     []chat.Message
		failed      []string
		buried      int
	}{
		{name: "nothing", failed: []string{}},
		{
			name:    "inserts",
			records: []events.DynamoDBEventRecord{insert(message(1, "a")), insert(message(2, "b"))},
			applied: []chat.Message{message(1, "a"), message(2, "b")}, failed: []string{},
		},
		{name: "a row that is gone", records: []events.DynamoDBEventRecord{removed}, applied: []chat.Message{gone}, failed: []string{}},
		{
			name: "records that cannot be decoded go to the dead letters and repeat no other",
			records: []events.DynamoDBEventRecord{
				without(insert(message(1, "a")), "chat"), insert(message(2, "b")),
				with(insert(message(3, "c")), "version", events.NewStringAttribute("1")),
				with(insert(message(4, "d")), "body", events.NewNumberAttribute("1")),
				with(insert(message(5, "e")), "created_at", events.NewStringAttribute("today")),
				with(insert(message(6, "f")), "chat", events.NewStringAttribute("nobody#1")),
				{EventName: "INSERT", Change: events.DynamoDBStreamRecord{SequenceNumber: "s7"}},
			},
			applied: []chat.Message{message(2, "b")}, failed: []string{}, buried: 6,
		},
		{
			name:    "a full index is tried again",
			records: []events.DynamoDBEventRecord{insert(message(1, "a")), insert(message(2, "b"))},
			refuse:  map[string]error{"b": busy}, applied: []chat.Message{message(1, "a")}, failed: []string{"s2"},
		},
		{
			name:    "what the index will never take goes to the dead letters",
			records: []events.DynamoDBEventRecord{insert(message(1, "a")), insert(message(2, "b"))},
			refuse:  map[string]error{"a": refused}, applied: []chat.Message{message(2, "b")}, failed: []string{}, buried: 1,
		},
		{
			name:    "a dead letter that cannot be sent is tried again",
			records: []events.DynamoDBEventRecord{without(insert(message(1, "a")), "chat")}, lettersDown: true,
			failed: []string{"s1"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to, dead := &index{refuse: tt.refuse}, &letters{down: tt.lettersDown}
			x := indexer.New(to, dead, slog.New(slog.DiscardHandler))
			if diff := cmp.Diff(tt.failed, handle(t, x, tt.records...)); diff != "" {
				t.Errorf("failed: %s", diff)
			}
			if diff := cmp.Diff(tt.applied, to.applied); diff != "" {
				t.Errorf("applied: %s", diff)
			}
			if len(dead.records) != tt.buried {
				t.Errorf("%d dead letters, want %d: %v", len(dead.records), tt.buried, dead.reasons)
			}
			for _, text := range dead.records {
				var record events.DynamoDBEventRecord
				if err := json.Unmarshal([]byte(text), &record); err != nil || record.EventName == "" {
					t.Errorf("a dead letter is not the record: %v %s", err, text)
				}
			}
		})
	}
}
