package eventsource

import (
	"context"
	"encoding/json"
	"log/slog"

	"chatapi/pkg/chat"

	"github.com/aws/aws-lambda-go/events"
)

// Index indexes changes. It returns one error per change.
type Index func(ctx context.Context, changes []chat.Change) []error

// StreamHandler is the signature of a Lambda handler for DynamoDB streams.
type StreamHandler func(ctx context.Context, event events.DynamoDBEvent) (events.DynamoDBEventResponse, error)

// Stream returns a Lambda handler that passes the records of a DynamoDB stream's
// event to index. The response names the first record that has to be retried;
// Lambda repeats the batch from there, which changes nothing in the index for
// the records that succeeded. A record before it that can never be indexed
// becomes a dead letter, so that it does not block the stream; one after it will
// be delivered again. The error is always nil, because an error would repeat the
// whole batch.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
func Stream(index Index, deadLetters DeadLetters, log *slog.Logger) StreamHandler {
	c := consumer{deadLetters, log}
	return func(ctx context.Context, event events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
		failures := []events.DynamoDBBatchItemFailure{} // never nil: some emulators retry all records after null
		for i, err := range indexRecords(ctx, log, index, event.Records) {
			if err == nil {
				continue
			}
			record := event.Records[i]
			sequence := record.Change.SequenceNumber
			item := failed{
				err: err, permanent: !chat.Retryable(err),
				body: func() ([]byte, error) { return json.Marshal(record) },
				name: slog.String("sequence_number", sequence),
			}
			if !c.settle(ctx, item) {
				failures = append(failures, events.DynamoDBBatchItemFailure{ItemIdentifier: sequence})
				break
			}
		}
		return events.DynamoDBEventResponse{BatchItemFailures: failures}, nil
	}
}

// indexRecords indexes the records that can be decoded, and returns one error
// per record.
func indexRecords(
	ctx context.Context, log *slog.Logger, index Index, records []events.DynamoDBEventRecord,
) []error {
	errs := make([]error, len(records))
	var changes []chat.Change
	var places []int // of the changes among the records
	for i, r := range records {
		change, err := DecodeRecord(r)
		if err != nil {
			errs[i] = err
			continue
		}
		changes, places = append(changes, change), append(places, i)
	}
	for i, err := range consumeAll(ctx, log, changes, index) {
		errs[places[i]] = err
	}
	return errs
}
