package local

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/writer"
)

const (
	// queueBatch is how many creates the writer gets at a time.
	queueBatch = 1000
	// queueWindow is how long a batch fills under load: every batch costs disk
	// writes, for which creates wait. The first create is stored at once.
	queueWindow = 20 * time.Millisecond
	// batchTimeout is how long a batch may take, as the functions' timeout on
	// AWS.
	batchTimeout = 30 * time.Second
)

// queuePoller passes creates from the queue to the writer. There is one, so
// that messages which were created in order reach the stream in that order.
type queuePoller struct {
	receiver    chat.Receiver
	writer      *writer.Writer
	deadLetters chat.DeadLetters
	log         *slog.Logger
	receiving   *outage
	storing     *outage
}

func newQueuePoller(p chat.Ports, log *slog.Logger) queuePoller {
	return queuePoller{
		receiver: p.Receiver, writer: writer.New(p.Store), deadLetters: p.CreateDeadLetters, log: log,
		receiving: newOutage(log, "receive creates"), storing: newOutage(log, "store creates"),
	}
}

func (p queuePoller) run(ctx context.Context) {
	var retry backoff
	var pending []chat.Delivery
	for ctx.Err() == nil {
		if len(pending) == 0 {
			var err error
			if pending, err = p.receive(ctx); err != nil {
				retry.wait(ctx)
				continue
			}
		}
		size := len(pending)
		pending = p.store(ctx, pending)
		if len(pending) > 0 && len(pending) == size {
			// The store accepts no writes. Another receive would only bring the
			// creates closer to the dead letters.
			retry.wait(ctx)
			continue
		}
		pending = nil // what failed is delivered again after its visibility timeout
		retry.reset()
		fill(ctx, size, queueBatch, queueWindow)
	}
}

func (p queuePoller) receive(ctx context.Context) ([]chat.Delivery, error) {
	begun := time.Now()
	deliveries, err := p.receiver.Receive(ctx, queueBatch)
	if err != nil {
		if ctx.Err() == nil {
			p.receiving.failed(ctx, err)
		}
		return nil, err
	}
	p.receiving.over(ctx, begun)
	return deliveries, nil
}

// store stores deliveries and deletes those that are done from the queue. It
// returns the deliveries that have to be retried.
func (p queuePoller) store(ctx context.Context, deliveries []chat.Delivery) []chat.Delivery {
	if len(deliveries) == 0 {
		return nil
	}
	begun := time.Now()
	ctx, cancel := finishing(ctx)
	defer cancel()
	done, failed, err := p.write(ctx, deliveries)
	if err != nil {
		p.storing.failed(ctx, err)
	} else {
		p.storing.over(ctx, begun)
	}
	if len(done) > 0 {
		if err := p.receiver.Delete(ctx, done); err != nil { // they are delivered again, which changes nothing
			p.receiving.failed(ctx, err)
		}
	}
	return failed
}

// write stores deliveries. It returns those that are done, because they are
// stored or can never be and are now dead letters, and the others with an error
// of one of them.
func (p queuePoller) write(
	ctx context.Context, deliveries []chat.Delivery,
) (done, failed []chat.Delivery, failure error) {
	for i, err := range p.writer.Write(ctx, deliveries) {
		if errors.Is(err, chat.ErrUnstorable) {
			err = p.discard(ctx, deliveries[i], err)
		}
		if err != nil {
			failed, failure = append(failed, deliveries[i]), err
			continue
		}
		done = append(done, deliveries[i])
	}
	return done, failed, failure
}

// discard makes a create that can never be stored a dead letter.
func (p queuePoller) discard(ctx context.Context, d chat.Delivery, reason error) error {
	p.log.ErrorContext(ctx, "create can never be stored; it is a dead letter", "id", d.ID, "error", reason)
	return p.deadLetters.Send(ctx, reason.Error(), []byte(d.Body))
}

// finishing returns a context for the current batch. It outlives the end of
// polling, so that the batch is finished, but ends after batchTimeout.
func finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), batchTimeout)
}
