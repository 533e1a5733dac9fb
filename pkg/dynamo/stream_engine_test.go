//go:build engines

package dynamo_test

import (
	"errors"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

func TestStreamOnDynamoDBLocal(t *testing.T) {
	chattest.Stream(t, func(t *testing.T) chattest.StreamUnderTest {
		cfg := engine(t)
		tables := newTables()
		store := dynamo.New(cfg, tables)
		if err := store.CreateTables(t.Context()); err != nil {
			t.Fatalf("create tables: %v", err)
		}
		return chattest.StreamUnderTest{Store: store, Stream: dynamo.NewStream(cfg, tables)}
	})
}

// TestReadBatch reads changes again by their place in the stream, as a letter
// of Lambda names them.
func TestReadBatch(t *testing.T) {
	cfg := engine(t)
	tables := newTables()
	store := newStoreOn(t, cfg, tables)
	id := chat.ChatID{AppToken: token, Number: 1}
	for n := range int64(5) {
		m := chat.Message{AppToken: token, ChatNumber: 1, Number: n + 1, Body: "hello", Version: 1, CreatedAt: at, UpdatedAt: at}
		if err := store.StoreMessages(t.Context(), id, []chat.Message{m}); err != nil {
			t.Fatal(err)
		}
	}
	stream, shard, sequences := readSequences(t, cfg, tables.Messages, 5)
	reader := dynamo.NewStream(cfg, tables)
	for _, tt := range []struct {
		name        string
		batch       chat.StreamBatch
		first, want int64 // number of the first message, and how many
	}{
		{"all", chat.StreamBatch{Stream: stream, Shard: shard, First: sequences[0], Last: sequences[4]}, 1, 5},
		{"some", chat.StreamBatch{Stream: stream, Shard: shard, First: sequences[1], Last: sequences[3]}, 2, 3},
		{"one", chat.StreamBatch{Stream: stream, Shard: shard, First: sequences[4], Last: sequences[4]}, 5, 1},
	} {
		changes, err := reader.ReadBatch(t.Context(), tt.batch)
		if err != nil || int64(len(changes)) != tt.want {
			t.Errorf("%s: %d changes, error %v, want %d", tt.name, len(changes), err, tt.want)
			continue
		}
		for i, c := range changes {
			if c.New == nil || c.New.Number != tt.first+int64(i) {
				t.Errorf("%s: change %d is %+v", tt.name, i, c)
			}
		}
	}
	_, err := reader.ReadBatch(t.Context(), chat.StreamBatch{Stream: stream, Shard: shard + "0", First: sequences[0], Last: sequences[0]})
	if !errors.Is(err, chat.ErrChangesGone) {
		t.Errorf("a shard that is gone: error %v, want %v", err, chat.ErrChangesGone)
	}
}

// readSequences returns a table's stream, its one shard and the sequence
// numbers of its first records.
func readSequences(t *testing.T, cfg aws.Config, table string, n int) (stream, shard string, sequences []string) {
	t.Helper()
	described, err := dynamodb.NewFromConfig(cfg).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	client, arn := dynamodbstreams.NewFromConfig(cfg), described.Table.LatestStreamArn
	shards, err := client.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	id := shards.StreamDescription.Shards[0].ShardId
	start, err := client.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{
		StreamArn: arn, ShardId: id, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon,
	})
	if err != nil {
		t.Fatal(err)
	}
	for iterator, end := start.ShardIterator, time.Now().Add(time.Minute); len(sequences) < n; {
		out, err := client.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: iterator})
		if err != nil || time.Now().After(end) {
			t.Fatalf("%d records, error %v, want %d", len(sequences), err, n)
		}
		for _, r := range out.Records {
			sequences = append(sequences, *r.Dynamodb.SequenceNumber)
		}
		iterator = out.NextShardIterator
	}
	return *arn, *id, sequences
}
