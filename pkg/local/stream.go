package local

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/indexer"
)

const (
	// streamBatch is how many changes the indexer gets at a time.
	streamBatch = 4000
	// streamWindow is how long a batch fills under load; see queueWindow.
	streamWindow = 300 * time.Millisecond
	// retryPeriod is how long a change is retried, as MaximumRecordAgeInSeconds
	// of the stream's mapping on AWS, but since its first failure.
	retryPeriod = 12 * time.Hour
)

// streamPoller passes changes from the stream to the indexer, in order.
type streamPoller struct {
	stream      chat.Stream
	indexer     *indexer.Indexer
	deadLetters chat.DeadLetters
	log         *slog.Logger
	reading     *outage
	indexing    *outage
	blocked     *blocked
}

func newStreamPoller(p chat.Ports, log *slog.Logger) streamPoller {
	return streamPoller{
		stream: p.Stream, indexer: indexer.New(p.Index), deadLetters: p.ChangeDeadLetters, log: log,
		reading: newOutage(log, "read changes"), indexing: newOutage(log, "index changes"), blocked: &blocked{},
	}
}

func (p streamPoller) run(ctx context.Context) {
	var retry backoff
	for ctx.Err() == nil {
		size, err := p.poll(ctx)
		if err != nil {
			retry.wait(ctx)
			continue
		}
		retry.reset()
		fill(ctx, size, streamBatch, streamWindow)
	}
}

// poll indexes one batch and returns its size. After an error the next batch
// begins with what failed.
func (p streamPoller) poll(ctx context.Context) (size int, err error) {
	begun := time.Now()
	changes, err := p.stream.Read(ctx, streamBatch)
	if err != nil {
		if ctx.Err() == nil {
			p.reading.failed(ctx, err)
		}
		return 0, err
	}
	p.reading.over(ctx, begun)
	if len(changes) == 0 {
		return 0, nil
	}
	ctx, cancel := finishing(ctx)
	defer cancel()
	if err := p.index(ctx, changes); err != nil {
		p.indexing.failed(ctx, err)
		return len(changes), err
	}
	p.indexing.over(ctx, begun)
	return len(changes), nil
}

// index indexes changes and moves the checkpoint past those that are done. It
// returns an error of the first that failed.
func (p streamPoller) index(ctx context.Context, changes []chat.Change) error {
	var failed error
	done := 0
	for i, err := range p.indexer.Index(ctx, changes) {
		if failed = p.settle(ctx, changes[i], err); failed != nil {
			break
		}
		done++
	}
	if done > 0 {
		failed = errors.Join(failed, p.stream.Checkpoint(ctx, changes[done-1].Sequence))
	}
	return failed
}

// settle returns nil if a change is done: it is indexed, or it is a dead letter
// because its error is permanent or has lasted for retryPeriod.
func (p streamPoller) settle(ctx context.Context, c chat.Change, err error) error {
	if err == nil || chat.Retryable(err) && p.blocked.by(c.Sequence) <= retryPeriod {
		return err
	}
	p.log.ErrorContext(ctx, "change cannot be indexed; it is a dead letter", "sequence", c.Sequence, "error", err)
	body, encodeErr := chat.EncodeChange(c)
	if encodeErr != nil {
		return encodeErr
	}
	return p.deadLetters.Send(ctx, err.Error(), body)
}

// blocked is the change that blocks the stream, and since when. The change's own
// time would not do: it includes the time during which the process was down, and
// depends on clocks.
type blocked struct {
	sequence uint64
	since    time.Time
}

// by returns for how long a change has blocked the stream.
func (b *blocked) by(sequence uint64) time.Duration {
	if b.since.IsZero() || b.sequence != sequence {
		b.sequence, b.since = sequence, time.Now()
	}
	return time.Since(b.since)
}
