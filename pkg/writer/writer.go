// Package writer is the consumer of the Creates queue: it stores the creates
// of an SQS batch as rows. It knows no engine.
package writer

import (
	"context"
	"log/slog"

	"chatapi/pkg/chat"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/errgroup"
)

// sideBySide is how many groups of a batch are stored at the same time. A store
// that commits together what waits for it takes them all in few commits.
const sideBySide = 512

// Writer stores creates.
type Writer struct {
	store chat.Store
	log   *slog.Logger
}

// New returns a writer to a store. It logs each record that is not stored,
// with the reason.
func New(store chat.Store, log *slog.Logger) *Writer {
	return &Writer{store: store, log: log}
}

// Handle stores the creates of a batch: the chats of one app together, the
// messages of one chat together, and such groups side by side. The answer
// names the records that were not stored; SQS delivers these again and, after
// chat.MaxReceives deliveries, moves them to the dead letters. A record that
// cannot be decoded takes the same way and holds up no other. The error is
// always nil, because an error would repeat the whole batch.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func (w *Writer) Handle(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
	batch := decode(event.Records)
	var storing errgroup.Group
	storing.SetLimit(sideBySide)
	for _, g := range batch.groups {
		storing.Go(func() error {
			g.err = g.store(ctx, w.store)
			return nil
		})
	}
	_ = storing.Wait() // the errors are in the groups
	return w.answer(ctx, batch), nil
}

// answer lists the records that failed; the list is empty and never nil,
// because some emulators take null for a failure of all.
func (w *Writer) answer(ctx context.Context, b batch) events.SQSEventResponse {
	failures := []events.SQSBatchItemFailure{}
	fail := func(r events.SQSMessage, err error) {
		failures = append(failures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
		w.log.ErrorContext(ctx, "create not stored", "message_id", r.MessageId,
			"receives", r.Attributes["ApproximateReceiveCount"], "error", err)
	}
	for _, bad := range b.undecodable {
		fail(bad.record, bad.err)
	}
	for _, g := range b.groups {
		if g.err == nil {
			continue
		}
		for _, r := range g.records {
			fail(r, g.err)
		}
	}
	return events.SQSEventResponse{BatchItemFailures: failures}
}
