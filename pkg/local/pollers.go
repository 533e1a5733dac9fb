package local

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/indexer"

	"github.com/aws/aws-lambda-go/events"
)

const (
	// queueBatch and streamBatch are how many records a batch has at most; SQS
	// and DynamoDB Streams batches on AWS are set in template.yaml.
	queueBatch  = 1000
	streamBatch = 4000
	// queueWindow and streamWindow are how long a batch gathers under load, as
	// the batching windows of the mappings on AWS: every batch costs disk
	// writes of its own, which creates would wait for. A first record is dealt
	// with at once.
	queueWindow  = 20 * time.Millisecond
	streamWindow = 300 * time.Millisecond
	// batchTimeout is the time that a batch may take, as the timeout of the
	// functions on AWS.
	batchTimeout = 30 * time.Second
	// tryFor is how long a change is tried again, as MaximumRecordAgeInSeconds
	// of the stream mapping on AWS, but counted from its first failure here.
	tryFor = 12 * time.Hour
	// firstRetry and lastRetry bound the wait between tries, which doubles.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// queuePoller hands creates to the writer. There is one, so that messages which
// were created one after the other reach the stream in that order.
type queuePoller struct {
	receiver  chat.Receiver
	handle    func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)
	ping      func(context.Context) error // asks the store that the writer writes to
	receiving *outage
	storing   *outage
}

func (p queuePoller) run(ctx context.Context) {
	var retry backoff
	for ctx.Err() == nil {
		size, err := p.poll(ctx)
		switch {
		case err == nil:
			retry.reset()
			gather(ctx, size, queueBatch, queueWindow)
		case errors.Is(err, errIncomplete):
			p.awaitStore(ctx)
		default:
			retry.wait(ctx)
		}
	}
}

// errIncomplete: not all records of a batch were dealt with, for a reason that
// the consumer has logged.
var errIncomplete = errors.New("a record of a batch failed")

// poll deals with one batch and returns its size. What the writer did not
// store stays hidden until its visibility timeout and comes again.
func (p queuePoller) poll(ctx context.Context) (size int, err error) {
	begun := time.Now()
	deliveries, err := p.receiver.Receive(ctx, queueBatch)
	if err != nil {
		return 0, p.notReceived(ctx, err)
	}
	p.receiving.over(ctx, begun)
	if len(deliveries) == 0 {
		return 0, nil
	}
	size, begun = len(deliveries), time.Now()
	ctx, cancel := finishing(ctx)
	defer cancel()
	answer, err := p.handle(ctx, sqsEvent(deliveries))
	if err != nil {
		p.storing.failed(ctx, err)
		return size, errIncomplete
	}
	stored := storedOf(deliveries, answer)
	if err := p.delete(ctx, stored); err != nil {
		return size, err
	}
	if len(stored) < size {
		return size, errIncomplete
	}
	p.storing.over(ctx, begun)
	return size, nil
}

func (p queuePoller) delete(ctx context.Context, stored []chat.Delivery) error {
	if len(stored) == 0 {
		return nil
	}
	if err := p.receiver.Delete(ctx, stored); err != nil {
		return p.notReceived(ctx, err)
	}
	return nil
}

// notReceived notes an error of the queue, but for that of the polling's end.
func (p queuePoller) notReceived(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		p.receiving.failed(ctx, err)
	}
	return err
}

// awaitStore waits until the store answers, so that an outage does not use up
// the deliveries of the creates and send them to the dead letters.
func (p queuePoller) awaitStore(ctx context.Context) {
	var retry backoff
	for ctx.Err() == nil && p.ping(ctx) != nil {
		retry.wait(ctx)
	}
}

// storedOf returns the deliveries that an answer does not name as failed.
func storedOf(deliveries []chat.Delivery, answer events.SQSEventResponse) []chat.Delivery {
	failed := map[string]bool{}
	for _, f := range answer.BatchItemFailures {
		failed[f.ItemIdentifier] = true
	}
	return slices.DeleteFunc(deliveries, func(d chat.Delivery) bool { return failed[d.ID] })
}

// streamPoller hands changes to the indexer, in order.
type streamPoller struct {
	stream      chat.Stream
	handle      func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error)
	deadLetters indexer.DeadLetters
	reading     *outage
	indexing    *outage
	stuck       *stuck
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
		gather(ctx, size, streamBatch, streamWindow)
	}
}

// poll deals with one batch and returns its size. On an error the next batch
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

// index hands changes to the indexer and checkpoints those that are dealt
// with. It returns nil where that is all of them.
func (p streamPoller) index(ctx context.Context, changes []chat.Change) error {
	event := streamEvent(changes)
	answer, err := p.handle(ctx, event)
	if err != nil {
		return err
	}
	done := firstFailed(event, answer)
	if done < len(changes) && p.stuck.at(changes[done].Sequence) > tryFor {
		if err := p.giveUp(ctx, event.Records[done]); err != nil {
			return err
		}
		done++
	}
	if done > 0 {
		err = p.stream.Checkpoint(ctx, changes[done-1].Sequence)
	}
	if done < len(changes) {
		err = errors.Join(err, errIncomplete)
	}
	return err
}

// firstFailed returns the index of the first record that failed, or the number
// of records.
func firstFailed(event events.DynamoDBEvent, answer events.DynamoDBEventResponse) int {
	failed := map[string]bool{}
	for _, f := range answer.BatchItemFailures {
		failed[f.ItemIdentifier] = true
	}
	i := slices.IndexFunc(event.Records, func(r events.DynamoDBEventRecord) bool {
		return failed[r.Change.SequenceNumber]
	})
	if i < 0 {
		return len(event.Records)
	}
	return i
}

// stuck is the change that holds up the others, and since when. The change's
// own time would not do: it counts how long the process was down, and believes
// clocks that jump.
type stuck struct {
	sequence uint64
	since    time.Time
}

// at returns for how long the stream has been stuck at a change.
func (s *stuck) at(sequence uint64) time.Duration {
	if s.since.IsZero() || s.sequence != sequence {
		s.sequence, s.since = sequence, time.Now()
	}
	return time.Since(s.since)
}

// giveUp moves a change that failed for too long to the dead letters.
func (p streamPoller) giveUp(ctx context.Context, record events.DynamoDBEventRecord) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return p.deadLetters.Send(ctx, "not indexed for "+tryFor.String(), text)
}

// finishing returns a context for a batch at hand: it outlives the end of
// polling, so that the batch is finished, but not for ever.
func finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), batchTimeout)
}

// gather waits for the next batch to fill, unless there is more already or so
// little that nothing comes of waiting.
func gather(ctx context.Context, size, batch int, window time.Duration) {
	if size > 1 && size < batch {
		sleep(ctx, window)
	}
}

// backoff is the wait between tries.
type backoff struct{ next time.Duration }

func (b *backoff) reset() { b.next = 0 }

func (b *backoff) wait(ctx context.Context) {
	b.next = min(max(firstRetry, 2*b.next), lastRetry)
	sleep(ctx, b.next)
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
