package dynamo_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
	gocmp "github.com/google/go-cmp/cmp"
)

// fakeShard is a shard of a fakeStream. Its records have the numbers of
// messages, which are their sequence numbers too.
type fakeShard struct {
	id, parent string
	records    []int
	closed     bool
}

// fakeStream stands in for the stream of a table. Its iterators are
// <shard>/<sequence number to go on behind>/<generation>.
type fakeStream struct {
	arn        string // "" is a table without a stream
	shards     []*fakeShard
	generation int               // of the iterators that have not expired
	trimmed    int               // the highest sequence number that is trimmed
	image      map[string]any    // of every record, a message's where nil
	refuse     map[string]string // error codes by operation
}

// Do implements aws.HTTPClient.
func (f *fakeStream) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var in struct {
		StreamArn, ShardID, ShardIteratorType, SequenceNumber, ShardIterator, ExclusiveStartShardID string
		Limit                                                                                       int
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, fmt.Errorf("decode request: %w", err)
	}
	if code := f.refuse[operation]; code != "" {
		return fakeAnswer(http.StatusBadRequest, map[string]any{"__type": code, "message": "no"})
	}
	switch operation {
	case "DescribeTable":
		return fakeAnswer(http.StatusOK, map[string]any{"Table": map[string]any{"LatestStreamArn": f.stream()}})
	case "DescribeStream":
		return fakeAnswer(http.StatusOK, map[string]any{"StreamDescription": f.describe(in.ExclusiveStartShardID)})
	case "GetShardIterator":
		after := f.trimmed
		if in.ShardIteratorType == "AFTER_SEQUENCE_NUMBER" {
			after, _ = strconv.Atoi(in.SequenceNumber)
		}
		return fakeAnswer(http.StatusOK, map[string]any{"ShardIterator": f.iterator(in.ShardID, after)})
	default:
		return f.records(in.ShardIterator, in.Limit)
	}
}

func fakeAnswer(status int, body any) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:       io.NopCloser(strings.NewReader(string(text))),
	}, nil
}

func (f *fakeStream) stream() any {
	if f.arn == "" {
		return nil
	}
	return f.arn
}

// describe returns one shard a page.
func (f *fakeStream) describe(after string) map[string]any {
	i := 1 + slices.IndexFunc(f.shards, func(s *fakeShard) bool { return s.id == after })
	if i == len(f.shards) {
		return map[string]any{"Shards": []any{}}
	}
	listed := map[string]any{"ShardId": f.shards[i].id}
	if f.shards[i].parent != "" {
		listed["ParentShardId"] = f.shards[i].parent
	}
	return map[string]any{"Shards": []any{listed}, "LastEvaluatedShardId": f.shards[i].id}
}

func (f *fakeStream) iterator(shard string, after int) string {
	return fmt.Sprintf("%s/%d/%d", shard, after, f.generation)
}

func (f *fakeStream) records(iterator string, limit int) (*http.Response, error) {
	parts := strings.Split(iterator, "/")
	after, _ := strconv.Atoi(parts[1])
	if parts[2] != strconv.Itoa(f.generation) {
		return fakeAnswer(http.StatusBadRequest, map[string]any{"__type": "ExpiredIteratorException"})
	}
	if after < f.trimmed {
		return fakeAnswer(http.StatusBadRequest, map[string]any{"__type": "TrimmedDataAccessException"})
	}
	i := slices.IndexFunc(f.shards, func(s *fakeShard) bool { return s.id == parts[0] })
	if i < 0 {
		return fakeAnswer(http.StatusBadRequest, map[string]any{"__type": "ResourceNotFoundException"})
	}
	rest := slices.DeleteFunc(slices.Clone(f.shards[i].records), func(n int) bool { return n <= after })
	rest = rest[:min(limit, len(rest))]
	var records []any
	for _, n := range rest {
		records = append(records, f.record(n))
		after = n
	}
	answer := map[string]any{"Records": records}
	if last := len(f.shards[i].records); !f.shards[i].closed || last > 0 && after < f.shards[i].records[last-1] {
		answer["NextShardIterator"] = f.iterator(parts[0], after)
	}
	return fakeAnswer(http.StatusOK, answer)
}

func (f *fakeStream) record(n int) any {
	image := f.image
	if image == nil {
		image = map[string]any{
			"body": str("hello"), "version": num(1),
			"created_at": str("2026-03-14T15:09:26.000Z"), "updated_at": str("2026-03-14T15:09:26.000Z"),
			"chat": str(token + "#1"), "message_number": num(n),
		}
	}
	return map[string]any{"dynamodb": map[string]any{
		"ApproximateCreationDateTime": at.Unix(),
		"SequenceNumber":              strconv.Itoa(n),
		"Keys":                        map[string]any{"chat": str(token + "#1"), "message_number": num(n)},
		"NewImage":                    image,
	}}
}

func str(s string) any { return map[string]string{"S": s} }
func num(n int) any    { return map[string]string{"N": strconv.Itoa(n)} }

func (f *fakeStream) open() *dynamo.Stream {
	return dynamo.NewStream(aws.Config{
		Region:     "us-east-1",
		HTTPClient: f,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}, dynamo.Tables{Messages: "Messages"})
}

// readNumbers reads until a Read gives nothing, checkpoints all, and returns
// the numbers of the messages.
func readNumbers(t *testing.T, s *dynamo.Stream, most int) (numbers []int64) {
	t.Helper()
	for {
		changes, err := s.Read(t.Context(), most)
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		if len(changes) == 0 {
			return numbers
		}
		for _, c := range changes {
			numbers = append(numbers, c.New.Number)
		}
		if err := s.Checkpoint(t.Context(), changes[len(changes)-1].Sequence); err != nil {
			t.Fatalf("checkpoint: %v", err)
		}
	}
}

// TestStreamGoesOn reads a stream, changes it as DynamoDB does while time
// passes, and reads on.
func TestStreamGoesOn(t *testing.T) {
	for _, c := range []struct {
		name        string
		most        int
		first, then []*fakeShard
		between     func(*fakeStream)
		want        []int64
	}{
		{name: "children come after their parents, which are listed later",
			first: []*fakeShard{{"c", "b", []int{5, 6}, false}, {"b", "a", []int{3, 4}, true}, {"a", "", []int{1, 2}, true}},
			want:  []int64{1, 2, 3, 4, 5, 6}},
		{name: "children come after their parents, in small parts", most: 1,
			first: []*fakeShard{{"b", "a", []int{3, 4}, false}, {"a", "", []int{1, 2}, true}},
			want:  []int64{1, 2, 3, 4}},
		{name: "a parent that is too old to be listed is not waited for",
			first: []*fakeShard{{"b", "a", []int{3}, false}},
			want:  []int64{3}},
		{name: "a shard is split while it is read",
			first: []*fakeShard{{"a", "", []int{1, 2}, false}},
			then:  []*fakeShard{{"a", "", []int{1, 2, 3}, true}, {"b", "a", []int{4}, false}, {"c", "a", []int{5}, false}},
			want:  []int64{1, 2, 3, 4, 5}},
		{name: "iterators expire",
			first:   []*fakeShard{{"a", "", []int{1, 2}, false}},
			then:    []*fakeShard{{"a", "", []int{1, 2, 3}, false}},
			between: func(f *fakeStream) { f.generation++ },
			want:    []int64{1, 2, 3}},
		{name: "records are trimmed before they are read",
			first:   []*fakeShard{{"a", "", []int{1, 2}, false}},
			then:    []*fakeShard{{"a", "", []int{5, 6}, false}},
			between: func(f *fakeStream) { f.trimmed = 4 },
			want:    []int64{1, 2, 5, 6}},
		{name: "a shard is gone before it is read to its end",
			first: []*fakeShard{{"a", "", []int{1}, false}},
			then:  []*fakeShard{{"b", "a", []int{9}, false}},
			want:  []int64{1, 9}},
		{name: "the table is made again",
			first:   []*fakeShard{{"a", "", []int{1}, false}},
			then:    []*fakeShard{{"a", "", []int{1, 2}, false}},
			between: func(f *fakeStream) { f.arn = "arn:2" },
			want:    []int64{1, 1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := &fakeStream{arn: "arn:1", shards: c.first}
				stream := fake.open()
				most := cmp.Or(c.most, 100)
				got := readNumbers(t, stream, most)
				if c.between != nil {
					c.between(fake)
				}
				if c.then != nil {
					fake.shards = c.then
					time.Sleep(time.Minute) // so that the shards are listed again
					got = append(got, readNumbers(t, stream, most)...)
				}
				if diff := gocmp.Diff(c.want, got); diff != "" {
					t.Errorf("read (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestStreamTakesTurns: a shard that has more than a Read takes does not hold
// up the others.
func TestStreamTakesTurns(t *testing.T) {
	const most, other = 1000, 9999
	busy := &fakeShard{id: "a"}
	for n := range 5 * most {
		busy.records = append(busy.records, n+1)
	}
	fake := &fakeStream{arn: "arn:1", shards: []*fakeShard{busy, {id: "b", records: []int{other}}}}
	stream := fake.open()
	for range 2 {
		changes, err := stream.Read(t.Context(), most)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(changes, func(c chat.Change) bool { return c.New.Number == other }) {
			return
		}
		if err := stream.Checkpoint(t.Context(), changes[len(changes)-1].Sequence); err != nil {
			t.Fatal(err)
		}
	}
	t.Error("the other shard was not read")
}

// TestStreamStrangeRows: what is no message of ours comes with its key and
// version 0, and rows that are gone come without New.
func TestStreamStrangeRows(t *testing.T) {
	for _, c := range []struct {
		name  string
		image map[string]any
		want  *chat.Message
	}{
		{"a body that is no text", map[string]any{"chat": str(token + "#1"), "message_number": num(7), "body": map[string]bool{"BOOL": true}},
			&chat.Message{AppToken: token, ChatNumber: 1, Number: 7}},
		{"a time that is none", map[string]any{"chat": str(token + "#1"), "message_number": num(7), "created_at": str("now")},
			&chat.Message{AppToken: token, ChatNumber: 1, Number: 7}},
		{"another key", map[string]any{"chat": str("mine"), "message_number": num(7)},
			&chat.Message{AppToken: token, ChatNumber: 1, Number: 7}},
		{"a row that is gone", map[string]any{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake := &fakeStream{arn: "arn:1", shards: []*fakeShard{{id: "a", records: []int{7}}}, image: c.image}
			changes, err := fake.open().Read(t.Context(), 1)
			if err != nil || len(changes) != 1 {
				t.Fatalf("%d changes, error %v", len(changes), err)
			}
			if diff := gocmp.Diff(c.want, changes[0].New); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestStreamFails(t *testing.T) {
	for _, c := range []struct {
		name, operation, code string
		passes                bool
	}{
		{"no table", "DescribeTable", "ResourceNotFoundException", false},
		{"a table without a stream", "", "", false},
		{"no rights", "DescribeStream", "AccessDeniedException", false},
		{"throttled", "GetRecords", "LimitExceededException", true},
		{"throttled iterators", "GetShardIterator", "ThrottlingException", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := &fakeStream{arn: "arn:1", shards: []*fakeShard{{id: "a"}}, refuse: map[string]string{c.operation: c.code}}
				if c.operation == "" {
					fake.arn = ""
				}
				stream := fake.open()
				_, err := stream.Read(t.Context(), 1)
				if err == nil || errors.Is(err, chat.ErrUnavailable) != c.passes {
					t.Errorf("error %v, may pass: want %t", err, c.passes)
				}
				fake.refuse, fake.arn, fake.shards[0].records = nil, "arn:1", []int{1}
				if got := readNumbers(t, stream, 10); len(got) != 1 {
					t.Errorf("read %v when it works again", got)
				}
			})
		})
	}
}
