// Package indexer is the consumer of the Messages table's stream: it brings
// the changes of a DynamoDB Streams batch into the search index. It knows no
// engine.
package indexer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"chatapi/pkg/chat"

	"github.com/aws/aws-lambda-go/events"
)

// DeadLetters keeps stream records that can never be indexed.
type DeadLetters interface {
	// Send stores a record as it came, in JSON, with the reason why it is here.
	Send(ctx context.Context, reason string, record []byte) error
}

// Indexer brings changed messages into the index.
type Indexer struct {
	index       chat.Index
	deadLetters DeadLetters
	log         *slog.Logger
}

// New returns an indexer. It logs each record that is not indexed, with the
// reason.
func New(index chat.Index, deadLetters DeadLetters, log *slog.Logger) *Indexer {
	return &Indexer{index: index, deadLetters: deadLetters, log: log}
}

// change is one record on its way into the index.
type change struct {
	record  events.DynamoDBEventRecord
	message chat.Message
	err     error
}

// Handle applies the changes of a batch in one call of the index. The answer
// names the records that failed and may succeed later; Lambda repeats the
// batch from the first of them, which changes nothing in the index for those
// that succeeded. A record that can never be indexed goes to the dead letters
// at once, so that it neither blocks the stream nor repeats the others. The
// error is always nil, because an error would repeat the whole batch.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
func (x *Indexer) Handle(ctx context.Context, event events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	changes := decode(event.Records)
	x.apply(ctx, changes)
	failures := []events.DynamoDBBatchItemFailure{} // never nil: some emulators take null for a failure of all
	for _, c := range changes {
		if c.err == nil || x.bury(ctx, c) {
			continue
		}
		failures = append(failures, events.DynamoDBBatchItemFailure{ItemIdentifier: c.record.Change.SequenceNumber})
	}
	return events.DynamoDBEventResponse{BatchItemFailures: failures}, nil
}

func decode(records []events.DynamoDBEventRecord) []*change {
	changes := make([]*change, len(records))
	for i, r := range records {
		message, err := changed(r)
		changes[i] = &change{record: r, message: message, err: err}
	}
	return changes
}

// changed returns the message as the change left it. A row that is gone, which
// only an operator's hand does, is as good as deleted.
func changed(r events.DynamoDBEventRecord) (chat.Message, error) {
	if r.EventName != string(events.DynamoDBOperationTypeRemove) {
		return messageOf(r.Change.NewImage)
	}
	message, err := messageOf(r.Change.OldImage)
	message.Version++
	message.DeletedAt = r.Change.ApproximateCreationDateTime.UTC()
	return message, err
}

// Changed returns the message that a record is about, for a record that could
// not be indexed: as the change left it or, where that cannot be decoded, its
// key alone.
func Changed(r events.DynamoDBEventRecord) (chat.Message, error) {
	if m, err := changed(r); err == nil {
		return m, nil
	}
	return keyOf(r.Change.Keys)
}

func (x *Indexer) apply(ctx context.Context, changes []*change) {
	var messages []chat.Message
	var sent []*change
	for _, c := range changes {
		if c.err == nil {
			messages = append(messages, c.message)
			sent = append(sent, c)
		}
	}
	for i, err := range x.index.Apply(ctx, messages) {
		sent[i].err = err
	}
}

// bury moves a record that can never be indexed to the dead letters and
// reports whether it is dealt with.
func (x *Indexer) bury(ctx context.Context, c *change) bool {
	sequence := c.record.Change.SequenceNumber
	if errors.Is(c.err, chat.ErrUnavailable) || ctx.Err() != nil {
		x.log.WarnContext(ctx, "change not indexed yet", "sequence_number", sequence, "error", c.err)
		return false
	}
	x.log.ErrorContext(ctx, "change cannot be indexed", "sequence_number", sequence, "error", c.err)
	record, err := json.Marshal(c.record)
	if err == nil {
		err = x.deadLetters.Send(ctx, c.err.Error(), record)
	}
	if err != nil {
		x.log.ErrorContext(ctx, "dead letter not sent", "sequence_number", sequence, "error", fmt.Errorf("bury change: %w", err))
	}
	return err == nil
}
