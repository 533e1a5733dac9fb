package eventsource

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"chatapi/pkg/chat"

	"github.com/aws/aws-lambda-go/events"
)

// Write stores the creates of deliveries. It returns one error per delivery.
type Write func(ctx context.Context, deliveries []chat.Delivery) []error

// QueueHandler is the signature of a Lambda handler for SQS.
type QueueHandler func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error)

// Queue returns a Lambda handler that passes the records of an SQS event to
// write. The response names the records that SQS shall deliver again. A create
// that can never be stored, or that makes write panic even if it is alone, becomes
// a dead letter at once and is not named. The error is always nil, because an error would repeat the whole batch.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func Queue(write Write, deadLetters DeadLetters, log *slog.Logger) QueueHandler {
	c := consumer{deadLetters, log}
	return func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		failures := []events.SQSBatchItemFailure{} // never nil: some emulators retry all records after null
		for i, err := range consumeAll(ctx, log, deliveries(event.Records), write) {
			if err == nil {
				continue
			}
			record := event.Records[i]
			item := failed{
				err: err, permanent: errors.Is(err, chat.ErrUnstorable) || errors.Is(err, errPanicked),
				body: func() ([]byte, error) { return []byte(record.Body), nil },
				name: slog.Group("create", "message_id", record.MessageId, "receives", record.Attributes[receiveCount]),
			}
			if !c.settle(ctx, item) {
				failures = append(failures, events.SQSBatchItemFailure{ItemIdentifier: record.MessageId})
			}
		}
		return events.SQSEventResponse{BatchItemFailures: failures}, nil
	}
}

const receiveCount, sentTimestamp = "ApproximateReceiveCount", "SentTimestamp"

func deliveries(records []events.SQSMessage) []chat.Delivery {
	all := make([]chat.Delivery, len(records))
	for i, r := range records {
		receives, _ := strconv.Atoi(r.Attributes[receiveCount]) // 0 if an emulator leaves it out
		all[i] = chat.Delivery{
			ID: r.MessageId, Receipt: r.ReceiptHandle, Body: r.Body, Receives: receives, SentAt: sentAt(r),
		}
	}
	return all
}

// sentAt returns when SQS received a message, zero if an emulator leaves it out.
func sentAt(r events.SQSMessage) time.Time {
	milliseconds, err := strconv.ParseInt(r.Attributes[sentTimestamp], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(milliseconds).UTC()
}
