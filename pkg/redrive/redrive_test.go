package redrive_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo/layout"
	"chatapi/pkg/embedded"
	"chatapi/pkg/redrive"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var at = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// service is an embedded backend with one app and one open chat.
type service struct {
	*embedded.Backend
	id chat.ChatID
}

func newService(t *testing.T) service {
	t.Helper()
	b, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	app, err := chat.NewApp("redrive", nil, at)
	if err != nil {
		t.Fatal(err)
	}
	id := chat.ChatID{AppToken: app.Token, Number: 1}
	if err := errors.Join(b.Store.CreateApp(t.Context(), app), b.Store.CreateCounter(t.Context(), id)); err != nil {
		t.Fatal(err)
	}
	return service{b, id}
}

func (s service) message(n int64) chat.Message {
	return chat.Message{AppToken: s.id.AppToken, ChatNumber: s.id.Number, Number: n, Body: "hello", Version: 1, CreatedAt: at, UpdatedAt: at}
}

func (s service) store(t *testing.T, m chat.Message) chat.Message {
	t.Helper()
	if err := s.Store.StoreMessages(t.Context(), s.id, []chat.Message{m}); err != nil {
		t.Fatal(err)
	}
	return m
}

func body(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func create(t *testing.T, c chat.Create) string {
	t.Helper()
	text, err := chat.EncodeCreate(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func change(t *testing.T, c chat.Change) string {
	t.Helper()
	data, err := chat.EncodeChange(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// image returns a message as the stream of the Messages table carries it.
func image(t *testing.T, m chat.Message) (image map[string]events.DynamoDBAttributeValue) {
	t.Helper()
	item, err := attributevalue.MarshalMap(layout.NewMessage(m))
	if err != nil {
		t.Fatal(err)
	}
	image = map[string]events.DynamoDBAttributeValue{}
	for name, value := range item {
		switch value := value.(type) {
		case *types.AttributeValueMemberS:
			image[name] = events.NewStringAttribute(value.Value)
		case *types.AttributeValueMemberN:
			image[name] = events.NewNumberAttribute(value.Value)
		default:
			t.Fatalf("attribute %s is a %T", name, value)
		}
	}
	return image
}

func TestRedriveCreates(t *testing.T) {
	s := newService(t)
	m := s.message(1)
	c := chat.Chat{AppToken: s.id.AppToken, Number: 1, Title: "Kitchen", Version: 1, CreatedAt: at, UpdatedAt: at}
	unknown := s.message(1)
	unknown.Body = ""
	creates := redrive.Creates{Store: s.Store}
	for _, tt := range []struct {
		name, body, about string
		ok                bool
	}{
		{"a message", create(t, chat.Create{Message: &m}), "message 1 of chat 1", true},
		{"a message again", create(t, chat.Create{Message: &m}), "message 1 of chat 1", true},
		{"a chat", create(t, chat.Create{Chat: &c}), "chat 1", true},
		{"no create", "hello", "not a create: decode create", false},
		{"what could not be stored", body(t, chat.Create{Message: &unknown}), "not a create: decode create: body", false},
	} {
		letter := chat.DeadLetter{Body: tt.body}
		if err := creates.Redrive(t.Context(), letter); (err == nil) != tt.ok {
			t.Errorf("%s: error %v", tt.name, err)
		}
		if about := creates.Describe(letter); !strings.HasPrefix(about, tt.about) || strings.Contains(about, s.id.AppToken) {
			t.Errorf("%s: about %q, want %q", tt.name, about, tt.about)
		}
	}
	got, err := s.Store.Chat(t.Context(), s.id)
	if err != nil || got.Title != "Kitchen" || got.MessageCount != 1 {
		t.Errorf("stored %+v, error %v", got, err)
	}
}

// batches gives out the changes of batches.
type batches map[chat.StreamBatch][]chat.Change

func (b batches) ReadBatch(_ context.Context, batch chat.StreamBatch) ([]chat.Change, error) {
	changes, ok := b[batch]
	if !ok {
		return nil, fmt.Errorf("read: %w", chat.ErrChangesGone)
	}
	return changes, nil
}

// invocation is what Lambda sends where it gives up a batch, as AWS documents
// it.
const invocation = `{
  "requestContext": {
    "requestId": "316aa6d0-8154-xmpl-9af7-85d5f4a6bc81",
    "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:indexer",
    "condition": "RetryAttemptsExhausted",
    "approximateInvokeCount": 1001
  },
  "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
  "version": "1.0",
  "timestamp": "2026-03-14T15:13:49.717Z",
  "DDBStreamBatchInfo": {
    "shardId": "%s",
    "startSequenceNumber": "100",
    "endSequenceNumber": "103",
    "approximateArrivalOfFirstRecord": "2026-03-14T15:09:26Z",
    "approximateArrivalOfLastRecord": "2026-03-14T15:09:27Z",
    "batchSize": 4,
    "streamArn": "arn:stream"
  }
}`

func TestRedriveChanges(t *testing.T) {
	s := newService(t)
	edited, deleted, only := s.store(t, s.message(1)), s.store(t, s.message(2)), s.store(t, s.message(3))
	text := "newer"
	_, err := s.Store.UpdateMessage(t.Context(), s.id, 1, chat.MessageEdit{Body: &text, At: at}, nil)
	if err := errors.Join(err, s.Store.DeleteMessage(t.Context(), s.id, 2, at, nil)); err != nil {
		t.Fatal(err)
	}
	removed := s.message(9)
	record := func(m chat.Message) events.DynamoDBEventRecord {
		image := image(t, m)
		return events.DynamoDBEventRecord{EventName: "INSERT", Change: events.DynamoDBStreamRecord{
			Keys: map[string]events.DynamoDBAttributeValue{"chat": image["chat"], "message_number": image["message_number"]}, NewImage: image,
		}}
	}
	poison := record(only)
	poison.Change.NewImage["version"] = events.NewStringAttribute("one")
	remove := record(removed)
	remove.EventName, remove.Change.OldImage, remove.Change.NewImage = "REMOVE", remove.Change.NewImage, nil
	remove.Change.ApproximateCreationDateTime = events.SecondsEpochTime{Time: at}
	batch := chat.StreamBatch{Stream: "arn:stream", Shard: "there", First: "100", Last: "103"}
	stream := batches{batch: {{New: &edited}, {Old: &edited, New: &edited}, {New: &deleted}, {Old: &removed, At: at}}}

	for _, tt := range []struct {
		name, body, about string
		want              map[int64]chat.Indexed // nil for an error
		is                error
	}{
		{"a record, as the message is now", body(t, record(edited)), "message 1 of chat 1", map[int64]chat.Indexed{1: {Version: 2}}, nil},
		{"a record of a message that is deleted now", body(t, record(deleted)), "message 2 of chat 1", map[int64]chat.Indexed{2: {Version: 2, Deleted: true}}, nil},
		{"a record that cannot be decoded", body(t, poison), "message 3 of chat 1", map[int64]chat.Indexed{3: {Version: 1}}, nil},
		{"a row that is gone", body(t, remove), "message 9 of chat 1", map[int64]chat.Indexed{9: {Version: 2, Deleted: true}}, nil},
		{"a row that is gone without saying so", body(t, record(removed)), "message 9 of chat 1", nil, chat.ErrMessageNotFound},
		{"a batch", fmt.Sprintf(invocation, "there"), "4 changes up to 2026-03-14T15:09:27Z (RetryAttemptsExhausted)",
			map[int64]chat.Indexed{1: {Version: 2}, 2: {Version: 2, Deleted: true}, 9: {Version: 2, Deleted: true}}, nil},
		{"a batch that the stream has forgotten", fmt.Sprintf(invocation, "gone"), "4 changes", nil, chat.ErrChangesGone},
		{"a record that was cut", body(t, record(edited))[:40], "not a change", nil, nil},
		{"a change of one machine", change(t, chat.Change{Sequence: 7, At: at, New: &edited}), "message 1 of chat 1", map[int64]chat.Indexed{1: {Version: 2}}, nil},
		{"a change of one machine that removed a row", change(t, chat.Change{At: at, Old: &removed}), "message 9 of chat 1",
			map[int64]chat.Indexed{9: {Version: 2, Deleted: true}}, nil},
		{"something else", `{"hello":"you"}`, "not a change", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			index := newService(t).Index // empty
			changes := redrive.Changes{Store: s.Store, Index: index, Batches: stream}
			letter := chat.DeadLetter{Body: tt.body}
			if about := changes.Describe(letter); !strings.HasPrefix(about, tt.about) || strings.Contains(about, s.id.AppToken) {
				t.Errorf("about %q, want %q", about, tt.about)
			}
			for range 2 { // again is no change
				err := changes.Redrive(t.Context(), letter)
				if (err == nil) != (tt.want != nil) || (tt.is != nil && !errors.Is(err, tt.is)) {
					t.Fatalf("error %v, want %v", err, tt.is)
				}
			}
			held, err := index.Versions(t.Context(), s.id, 1, 100)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == nil {
				tt.want = map[int64]chat.Indexed{}
			}
			if diff := cmp.Diff(tt.want, held, cmpopts.IgnoreFields(chat.Indexed{}, "CreatedAt")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRun(t *testing.T) {
	const poison = "{}"
	for _, tt := range []struct {
		name    string
		options redrive.Options
		want    redrive.Result
		left    string // ids of the letters that are left, of 1 to 6, of which 3 cannot be redriven
	}{
		{"all", redrive.Options{Limit: 100}, redrive.Result{Redriven: 5, Failed: 1}, "3"},
		{"some", redrive.Options{Limit: 100, IDs: []string{"2", "5"}}, redrive.Result{Redriven: 2}, "1 3 4 6"},
		{"one that is not there", redrive.Options{Limit: 100, IDs: []string{"17"}}, redrive.Result{}, "1 2 3 4 5 6"},
		{"up to a limit", redrive.Options{Limit: 2}, redrive.Result{Redriven: 2}, "3 4 5 6"},
		{"none, for a look", redrive.Options{Limit: 100, DryRun: true}, redrive.Result{Redriven: 6}, "1 2 3 4 5 6"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newService(t)
			for n := range int64(6) {
				m := s.store(t, s.message(n+1))
				text := body(t, events.DynamoDBEventRecord{EventName: "INSERT", Change: events.DynamoDBStreamRecord{NewImage: image(t, m)}})
				if n == 2 {
					text = poison
				}
				if err := s.ChangeDeadLetters.Send(t.Context(), "for a test", []byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			letters := s.ChangeDeadLetters
			reported := 0
			tt.options.Report = func(letter chat.DeadLetter, err error) {
				if reported++; (err != nil) != (letter.ID == "3" && !tt.options.DryRun) {
					t.Errorf("letter %s: error %v", letter.ID, err)
				}
			}
			result, err := redrive.Run(t.Context(), letters, redrive.Changes{Store: s.Store, Index: s.Index}, tt.options)
			if err != nil || result != tt.want || reported != tt.want.Redriven+tt.want.Failed {
				t.Errorf("result %+v, %d reported, error %v, want %+v", result, reported, err, tt.want)
			}
			left, err := letters.Receive(t.Context(), 100)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, letter := range left {
				ids = append(ids, letter.ID)
			}
			if got := strings.Join(ids, " "); got != tt.left {
				t.Errorf("left %s, want %s", got, tt.left)
			}
		})
	}
}
