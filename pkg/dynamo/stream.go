package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	smithytime "github.com/aws/smithy-go/time"
)

const (
	// readFor is how long a Read waits for a first change.
	readFor = time.Second
	// readEvery is the delay between two reads of a shard that has nothing new, as
	// Lambda's; DynamoDB allows five reads a second.
	//
	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.Lambda.html
	readEvery = 250 * time.Millisecond
	// listEvery is how often the shards are listed, to find new ones.
	listEvery = 10 * time.Second
	// maxRecords is how many records DynamoDB returns in one call.
	//
	// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html
	maxRecords = 1000
)

// Stream implements chat.Stream on the DynamoDB stream of the Messages table. It
// is for one consumer, which calls one method at a time.
//
// The checkpoint is in memory only. After a restart Read returns everything that
// the stream still has, the changes of the last 24 hours, once more; versions make
// that harmless. A change's sequence is a number of this Stream's own, because
// DynamoDB's have up to 40 digits.
//
// On AWS, Lambda's event source mapping reads the stream; this is for a consumer
// in a process of its own.
type Stream struct {
	tables  *dynamodb.Client
	client  *dynamodbstreams.Client
	table   string
	arn     string // of the table's stream, when the shards were listed
	shards  shards
	listed  time.Time     // zero if the shards have to be listed
	pending []chat.Change // read and not checkpointed
	last    uint64        // sequence of the change that was read last
}

var _ chat.Stream = (*Stream)(nil)

// NewStream returns the stream of the Messages table. It calls nothing.
func NewStream(cfg aws.Config, tables Tables) *Stream {
	return &Stream{
		tables: dynamodb.NewFromConfig(cfg),
		client: dynamodbstreams.NewFromConfig(cfg),
		table:  tables.Messages,
	}
}

// Read implements chat.Stream. Changes of one message, and of one chat, are in
// order; those of different chats may be in another. It waits for at most a
// second.
//
// A deleted row is a change without New. A row that is not a message is one with
// its key and version 0, which no message has, so that the consumer is told of it
// and not blocked.
func (s *Stream) Read(ctx context.Context, limit int) ([]chat.Change, error) {
	for end := time.Now().Add(readFor); ; {
		err := s.fill(ctx, limit)
		if err == nil && len(s.pending) == 0 && time.Now().Before(end) {
			err = smithytime.SleepWithContext(ctx, readEvery)
			if err == nil {
				continue
			}
		}
		// A shard that cannot be read does not delay changes of the others.
		if err != nil && (len(s.pending) == 0 || ctx.Err() != nil) {
			return nil, failure("read stream of "+s.table, err)
		}
		return slices.Clone(s.pending[:min(limit, len(s.pending))]), nil
	}
}

// Checkpoint implements chat.Stream, in memory.
func (s *Stream) Checkpoint(_ context.Context, sequence uint64) error {
	done := 0
	for done < len(s.pending) && s.pending[done].Sequence <= sequence {
		done++
	}
	s.pending = slices.Clone(s.pending[done:])
	return nil
}

// Ping returns an error if the table or its stream does not exist or cannot be
// reached.
func (s *Stream) Ping(ctx context.Context) error {
	arn, err := s.lookUp(ctx)
	if err != nil {
		return failure("ping stream of "+s.table, err)
	}
	_, err = s.client.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: &arn, Limit: aws.Int32(1)})
	if err != nil {
		return failure("ping stream of "+s.table, err)
	}
	return nil
}

// fill reads each readable shard once, until enough changes are pending.
func (s *Stream) fill(ctx context.Context, limit int) error {
	if err := s.list(ctx); err != nil {
		return err
	}
	for _, sh := range s.shards.readable() {
		if len(s.pending) >= limit {
			break
		}
		if err := s.readShard(ctx, sh); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// list lists the shards if that is due: at the start, when one has ended, whose
// children are read next, and every listEvery. A table that was created again has
// another stream, with other shards.
func (s *Stream) list(ctx context.Context) error {
	if time.Since(s.listed) < listEvery {
		return nil
	}
	arn, err := s.lookUp(ctx)
	if err != nil {
		return err
	}
	listed, err := s.describe(ctx, arn)
	if err != nil {
		return err
	}
	if arn != s.arn {
		s.arn, s.shards = arn, nil
	}
	s.shards, s.listed = s.shards.update(listed), time.Now()
	return nil
}

// describe returns all shards of a stream.
func (s *Stream) describe(ctx context.Context, arn string) ([]types.Shard, error) {
	var all []types.Shard
	for input := (&dynamodbstreams.DescribeStreamInput{StreamArn: &arn}); ; {
		out, err := s.client.DescribeStream(ctx, input)
		if err != nil {
			return nil, fmt.Errorf("describe stream: %w", err)
		}
		all = append(all, out.StreamDescription.Shards...)
		input.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId
		if input.ExclusiveStartShardId == nil {
			return all, nil
		}
	}
}

// errNoStream is returned when the Messages table has no stream.
var errNoStream = errors.New("the table has no stream")

// lookUp returns the ARN of the table's stream.
func (s *Stream) lookUp(ctx context.Context) (string, error) {
	out, err := s.tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &s.table})
	if err != nil {
		return "", fmt.Errorf("describe table: %w", err)
	}
	if out.Table.LatestStreamArn == nil {
		return "", errNoStream
	}
	return *out.Table.LatestStreamArn, nil
}

// readShard reads once from a shard.
func (s *Stream) readShard(ctx context.Context, sh *shard) error {
	sh.read = time.Now()
	if sh.iterator == nil {
		if err := s.startShard(ctx, sh); err != nil || sh.iterator == nil {
			return err
		}
	}
	out, err := s.client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{
		ShardIterator: sh.iterator, Limit: aws.Int32(maxRecords),
	})
	if err != nil {
		return s.recoverShard(sh, err)
	}
	for _, record := range out.Records {
		s.add(record)
		sh.last = record.Dynamodb.SequenceNumber
	}
	if sh.iterator = out.NextShardIterator; sh.iterator == nil {
		s.end(sh)
	}
	return nil
}

// startShard gets an iterator for what was not read of the shard yet.
func (s *Stream) startShard(ctx context.Context, sh *shard) error {
	input := &dynamodbstreams.GetShardIteratorInput{
		StreamArn: &s.arn, ShardId: &sh.id, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	}
	if sh.last != nil {
		input.ShardIteratorType, input.SequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, sh.last
	}
	out, err := s.client.GetShardIterator(ctx, input)
	if err != nil {
		return s.recoverShard(sh, err)
	}
	sh.iterator = out.ShardIterator
	return nil
}

// end records that a shard is closed and read to its end: its children are next.
func (s *Stream) end(sh *shard) {
	sh.done, s.listed = true, time.Time{}
}

// recoverShard handles the errors that a new iterator solves at the next read, and
// returns the others.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html#API_streams_GetRecords_Errors
func (s *Stream) recoverShard(sh *shard, err error) error {
	var expired *types.ExpiredIteratorException // after 15 minutes
	var trimmed *types.TrimmedDataAccessException
	var gone *types.ResourceNotFoundException
	switch {
	case errors.As(err, &expired):
		sh.iterator = nil
	case errors.As(err, &trimmed): // older than 24 hours: on with the oldest that is left
		sh.iterator, sh.last = nil, nil
	case errors.As(err, &gone): // all of the shard is that old, or the table is gone
		s.end(sh)
	default:
		return fmt.Errorf("read shard %s: %w", sh.id, err)
	}
	return nil
}

// add appends the change in a record.
func (s *Stream) add(record types.Record) {
	s.last++
	s.pending = append(s.pending, changeOf(s.last, record.Dynamodb))
}
