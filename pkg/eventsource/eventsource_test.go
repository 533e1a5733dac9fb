package eventsource_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/eventsource"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

// letters records dead letters.
type letters struct {
	down   bool
	bodies []string
}

func (l *letters) Send(_ context.Context, reason string, body []byte) error {
	if l.down {
		return fmt.Errorf("%w: dead letters", chat.ErrUnavailable)
	}
	if reason == "" {
		return errors.New("no reason")
	}
	l.bodies = append(l.bodies, string(body))
	return nil
}

var (
	errBusy  = fmt.Errorf("%w: throttled", chat.ErrUnavailable)
	errNever = fmt.Errorf("%w: not a create", chat.ErrUnstorable)
	discard  = slog.New(slog.DiscardHandler)
)

func readGolden[E any](t testing.TB, name string) (event E) {
	t.Helper()
	data, err := os.ReadFile("../../events/" + name)
	if err == nil {
		err = json.Unmarshal(data, &event)
	}
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// TestGoldenSQSEvent holds that each record becomes a delivery.
func TestGoldenSQSEvent(t *testing.T) {
	event := readGolden[events.SQSEvent](t, "writer.json")
	var got []chat.Delivery
	write := func(_ context.Context, deliveries []chat.Delivery) []error {
		got = deliveries
		return make([]error, len(deliveries))
	}
	if _, err := eventsource.Queue(write, &letters{}, discard)(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	for i, r := range event.Records {
		if d := got[i]; d.ID != r.MessageId || d.Receipt != r.ReceiptHandle || d.Body != r.Body || d.Receives != 1 || d.SentAt.IsZero() {
			t.Errorf("record %d became %+v", i, d)
		}
	}
}

// TestGoldenStreamEvent holds that a record becomes a change.
func TestGoldenStreamEvent(t *testing.T) {
	event := readGolden[events.DynamoDBEvent](t, "indexer.json")
	at := time.Date(2025, 11, 25, 14, 48, 3, 207e6, time.UTC)
	want := chat.Message{
		AppToken: "k5n2qv7wz4tqj3mxe6b2fayl5hcgrd3ou7ps", ChatNumber: 1, Number: 1,
		Body: "Hello, is the café open today?", Sender: "ada", Metadata: chat.Metadata{"client": "web"},
		Version: 1, CreatedAt: at, UpdatedAt: at,
	}
	got, err := eventsource.DecodeRecord(event.Records[0])
	if err != nil {
		t.Fatal(err)
	}
	got.At = time.Time{}
	if diff := cmp.Diff(chat.Change{New: &want}, got); diff != "" {
		t.Error(diff)
	}
}

func TestQueue(t *testing.T) {
	for _, tt := range []struct {
		name        string
		errs        []error // of the deliveries 0, 1, 2 …
		lettersDown bool
		retried     []string
		dead        []string
	}{
		{name: "nothing", retried: []string{}},
		{name: "all stored", errs: []error{nil, nil}, retried: []string{}},
		{name: "throttling is retried", errs: []error{nil, errBusy, nil}, retried: []string{"1"}},
		{name: "an error that an operator can mend is retried", errs: []error{errors.New("access denied")}, retried: []string{"0"}},
		{name: "time ran out", errs: []error{context.DeadlineExceeded}, retried: []string{"0"}},
		{
			name: "what can never be stored is a dead letter at once",
			errs: []error{errNever, errBusy, errNever}, retried: []string{"1"}, dead: []string{"body 0", "body 2"},
		},
		{name: "a dead letter that cannot be sent is retried", errs: []error{errNever}, lettersDown: true, retried: []string{"0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var event events.SQSEvent
			for i := range tt.errs {
				event.Records = append(event.Records, events.SQSMessage{MessageId: fmt.Sprint(i), Body: fmt.Sprint("body ", i)})
			}
			dead := &letters{down: tt.lettersDown}
			write := func(context.Context, []chat.Delivery) []error { return tt.errs }
			response, err := eventsource.Queue(write, dead, discard)(t.Context(), event)
			if err != nil || response.BatchItemFailures == nil {
				t.Fatalf("response %+v, error %v; null would repeat the whole batch", response, err)
			}
			retried := []string{}
			for _, f := range response.BatchItemFailures {
				retried = append(retried, f.ItemIdentifier)
			}
			if diff := cmp.Diff(tt.retried, retried); diff != "" {
				t.Errorf("retried: %s", diff)
			}
			if diff := cmp.Diff(tt.dead, dead.bodies); diff != "" {
				t.Errorf("dead letters: %s", diff)
			}
		})
	}
}

var token = strings.Repeat("a", chat.TokenLength)

// insert returns the record of a new message.
func insert(number int) events.DynamoDBEventRecord {
	text := events.NewStringAttribute
	keys := map[string]events.DynamoDBAttributeValue{
		"chat": text(token + "#3"), "message_number": events.NewNumberAttribute(fmt.Sprint(number)),
	}
	image := map[string]events.DynamoDBAttributeValue{
		"body": text(fmt.Sprint("message ", number)), "version": events.NewNumberAttribute("1"),
		"created_at": text("2026-01-02T03:04:05.678Z"), "updated_at": text("2026-01-02T03:04:05.678Z"),
		"metadata": events.NewMapAttribute(map[string]events.DynamoDBAttributeValue{"client": text("web")}),
	}
	for name, value := range keys {
		image[name] = value
	}
	return events.DynamoDBEventRecord{EventName: "INSERT", Change: events.DynamoDBStreamRecord{
		SequenceNumber: fmt.Sprint("s", number), Keys: keys, NewImage: image,
	}}
}

func with(r events.DynamoDBEventRecord, attribute string, value events.DynamoDBAttributeValue) events.DynamoDBEventRecord {
	r.Change.NewImage[attribute] = value
	return r
}

func remove(r events.DynamoDBEventRecord) events.DynamoDBEventRecord {
	r.EventName, r.Change.OldImage, r.Change.NewImage = "REMOVE", r.Change.NewImage, nil
	return r
}

func TestStream(t *testing.T) {
	poison := with(insert(2), "version", events.NewStringAttribute("one"))
	for _, tt := range []struct {
		name        string
		records     []events.DynamoDBEventRecord
		errs        map[int64]error // by the message's number
		lettersDown bool
		indexed     int // changes that index gets
		retried     []string
		dead        int
	}{
		{name: "nothing", retried: []string{}},
		{name: "all indexed", records: []events.DynamoDBEventRecord{insert(1), remove(insert(2))}, indexed: 2, retried: []string{}},
		{
			name:    "a record that is not a message does not block the others",
			records: []events.DynamoDBEventRecord{insert(1), poison, insert(3)}, indexed: 2, retried: []string{}, dead: 1,
		},
		{
			name:    "other types of attributes",
			records: []events.DynamoDBEventRecord{with(insert(1), "body", events.NewListAttribute([]events.DynamoDBAttributeValue{})), {EventName: "INSERT"}}, retried: []string{}, dead: 2,
		},
		{
			name:    "the batch is repeated from the first record that is retried",
			records: []events.DynamoDBEventRecord{insert(1), insert(2), insert(3)},
			errs:    map[int64]error{2: errBusy, 3: errBusy}, indexed: 3, retried: []string{"s2"},
		},
		{
			name:    "a dead letter is sent once: only before the first record that is retried",
			records: []events.DynamoDBEventRecord{insert(1), insert(2), insert(3)},
			errs:    map[int64]error{1: errNever, 2: errBusy, 3: errNever}, indexed: 3, retried: []string{"s2"}, dead: 1,
		},
		{
			name:    "a dead letter that cannot be sent is retried",
			records: []events.DynamoDBEventRecord{insert(1), poison}, lettersDown: true, indexed: 1, retried: []string{"s2"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			indexed := 0
			index := func(_ context.Context, changes []chat.Change) []error {
				indexed = len(changes)
				errs := make([]error, len(changes))
				for i, c := range changes {
					if m, err := c.Message(); err == nil {
						errs[i] = tt.errs[m.Number]
					}
				}
				return errs
			}
			dead := &letters{down: tt.lettersDown}
			response, err := eventsource.Stream(index, dead, discard)(t.Context(), events.DynamoDBEvent{Records: tt.records})
			if err != nil || response.BatchItemFailures == nil {
				t.Fatalf("response %+v, error %v; null would repeat the whole batch", response, err)
			}
			retried := []string{}
			for _, f := range response.BatchItemFailures {
				retried = append(retried, f.ItemIdentifier)
			}
			if diff := cmp.Diff(tt.retried, retried); diff != "" {
				t.Errorf("retried: %s", diff)
			}
			if indexed != tt.indexed || len(dead.bodies) != tt.dead {
				t.Errorf("%d indexed and %d dead letters, want %d and %d", indexed, len(dead.bodies), tt.indexed, tt.dead)
			}
			for _, body := range dead.bodies {
				var record events.DynamoDBEventRecord
				if err := json.Unmarshal([]byte(body), &record); err != nil || record.EventName == "" {
					t.Errorf("a dead letter is not the record: %v %s", err, body)
				}
			}
		})
	}
}

// TestPanics holds that an item which makes a consumer panic becomes a dead letter
// and does not affect the others of its batch.
func TestPanics(t *testing.T) {
	const bad = 2
	t.Run("queue", func(t *testing.T) {
		var event events.SQSEvent
		for i := range 4 {
			event.Records = append(event.Records, events.SQSMessage{MessageId: fmt.Sprint(i), Body: fmt.Sprint("body ", i)})
		}
		stored := map[string]bool{}
		write := func(_ context.Context, deliveries []chat.Delivery) []error {
			errs := make([]error, len(deliveries))
			for i, d := range deliveries {
				if d.ID == fmt.Sprint(bad) {
					panic("out of range")
				}
				if stored[d.ID] = true; d.ID == "3" {
					errs[i] = errBusy
				}
			}
			return errs
		}
		dead := &letters{}
		response, err := eventsource.Queue(write, dead, discard)(t.Context(), event)
		if err != nil || len(response.BatchItemFailures) != 1 || response.BatchItemFailures[0].ItemIdentifier != "3" {
			t.Errorf("response %+v, error %v; want only delivery 3 retried", response, err)
		}
		if diff := cmp.Diff([]string{"body 2"}, dead.bodies); diff != "" || len(stored) != 3 {
			t.Errorf("dead letters: %s\nstored %v, want the three others", diff, stored)
		}
	})
	t.Run("stream", func(t *testing.T) {
		var event events.DynamoDBEvent
		for i := range 4 {
			event.Records = append(event.Records, insert(i+1))
		}
		var indexed []int64
		index := func(_ context.Context, changes []chat.Change) []error {
			for _, c := range changes {
				m, err := c.Message()
				if err != nil {
					t.Fatal(err)
				}
				if m.Number == bad {
					panic("out of range")
				}
				if len(changes) == 1 {
					indexed = append(indexed, m.Number)
				}
			}
			return make([]error, len(changes))
		}
		dead := &letters{}
		response, err := eventsource.Stream(index, dead, discard)(t.Context(), event)
		if err != nil || len(response.BatchItemFailures) != 0 || len(dead.bodies) != 1 {
			t.Errorf("response %+v, error %v, %d dead letters; want 1", response, err, len(dead.bodies))
		}
		if diff := cmp.Diff([]int64{1, 3, 4}, indexed); diff != "" {
			t.Errorf("indexed alone and in order: %s", diff)
		}
	})
}

// FuzzStream feeds events of the stream: each record is indexed or a dead letter.
func FuzzStream(f *testing.F) {
	golden, err := os.ReadFile("../../events/indexer.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	for _, event := range []string{
		`{}`, `{"Records":[{}]}`, `{"Records":[{"eventName":"REMOVE","dynamodb":{"OldImage":{"version":{"N":"9223372036854775807"}}}}]}`,
		`{"Records":[{"eventName":"INSERT","dynamodb":{"NewImage":{"chat":{"S":"#"},"message_number":{"N":"1e9"},"body":{"L":[]}}}}]}`,
	} {
		f.Add([]byte(event))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var event events.DynamoDBEvent
		if json.Unmarshal(data, &event) != nil {
			return
		}
		indexed, dead := 0, &letters{}
		index := func(_ context.Context, changes []chat.Change) []error {
			indexed = len(changes)
			return nil
		}
		response, err := eventsource.Stream(index, dead, discard)(t.Context(), event)
		if err != nil || len(response.BatchItemFailures) > 0 || indexed+len(dead.bodies) != len(event.Records) {
			t.Errorf("response %v, error %v, %d indexed and %d dead letters of %d records",
				response, err, indexed, len(dead.bodies), len(event.Records))
		}
	})
}
