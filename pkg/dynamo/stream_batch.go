package dynamo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

var _ chat.BatchStream = (*Stream)(nil)

// emptyReads is how many reads without a record ReadBatch makes: a shard can have
// stretches without any.
const emptyReads = 50

// ReadBatch implements chat.BatchStream with one call for the place in the shard
// and, in most cases, one for the records. DynamoDB keeps records for 24 hours.
func (s *Stream) ReadBatch(ctx context.Context, batch chat.StreamBatch) ([]chat.Change, error) {
	changes, err := s.readBatch(ctx, batch)
	var trimmed *types.TrimmedDataAccessException
	var gone *types.ResourceNotFoundException
	switch {
	case errors.As(err, &trimmed), errors.As(err, &gone):
		return nil, fmt.Errorf("read batch of stream: %w", chat.ErrChangesGone)
	case err != nil:
		return nil, failure("read batch of stream", err)
	default:
		return changes, nil
	}
}

func (s *Stream) readBatch(ctx context.Context, batch chat.StreamBatch) (changes []chat.Change, err error) {
	at, err := s.client.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{
		StreamArn: &batch.Stream, ShardId: &batch.Shard,
		ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, SequenceNumber: &batch.First,
	})
	if err != nil {
		return nil, err
	}
	empty := 0
	for iterator := at.ShardIterator; iterator != nil && empty < emptyReads; {
		out, err := s.client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{
			ShardIterator: iterator, Limit: aws.Int32(maxRecords),
		})
		if err != nil {
			return nil, err
		}
		some, more := upTo(out.Records, batch.Last)
		for _, record := range some {
			changes = append(changes, changeOf(uint64(len(changes)+1), record.Dynamodb))
		}
		if !more {
			break
		}
		if iterator = out.NextShardIterator; len(out.Records) == 0 {
			empty++
		}
	}
	return changes, nil
}

// upTo returns the records with sequence numbers up to last, and whether more of
// them may follow.
func upTo(records []types.Record, last string) ([]types.Record, bool) {
	end := slices.IndexFunc(records, func(r types.Record) bool {
		return compareSequences(aws.ToString(r.Dynamodb.SequenceNumber), last) >= 0
	})
	if end < 0 {
		return records, true
	}
	if aws.ToString(records[end].Dynamodb.SequenceNumber) == last {
		end++
	}
	return records[:end], false
}

// compareSequences compares sequence numbers, which have up to 40 digits.
func compareSequences(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}
