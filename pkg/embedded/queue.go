package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"sync"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/createlog"
	"chatapi/pkg/embedded/disk"

	"go.etcd.io/bbolt"
)

// MaxReceives is how often a create is delivered before it becomes a dead
// letter. It is lower than on AWS, because nothing is throttled here: only a
// create that ends the process, or one that cannot be decoded, is delivered so
// often.
const MaxReceives = 5

// Queue implements chat.Queue and chat.Receiver on the log of creates and bbolt.
//
// A create is in the log until it is deleted, or until its first delivery is
// over: then it moves to the bucket of creates, with the same sequence number,
// where its deliveries are counted. What is left in the log after a crash may
// have been delivered, so it moves to the bucket before it is delivered. So a
// first delivery costs no write, and a create that ends the process at each
// delivery is a dead letter after MaxReceives of them. Which creates are hidden
// is not durable: after a restart all are delivered again.
type Queue struct {
	db         *bbolt.DB
	disk       *disk.Disk
	commit     commit
	numbers    *numbers
	log        *createlog.Log
	logger     *slog.Logger
	visibility time.Duration
	sent       *signal
	replays    uint64 // entries of the log with a lower number are of an earlier process

	mu     sync.Mutex
	hidden map[uint64]delivery // delivered and not deleted, by sequence number
	moved  map[uint64]struct{} // left the log before a crash, and not read there again yet
}

var (
	_ chat.Queue    = (*Queue)(nil)
	_ chat.Receiver = (*Queue)(nil)
)

// delivery is the state of a create that was delivered.
type delivery struct {
	until    time.Time // hidden until then
	receives int
	data     []byte // the entry, if it is only in the log
}

// Send implements chat.Queue. It makes the create's number durable as well.
func (q *Queue) Send(ctx context.Context, create chat.Create) error {
	body, err := chat.EncodeCreate(create)
	if err != nil {
		return fmt.Errorf("send create: %w", err)
	}
	if err := q.append(ctx, string(body)); err != nil {
		return wrap(err, "send create")
	}
	q.numbers.enqueued(create.Parent(), create.Number())
	return nil
}

func (q *Queue) append(ctx context.Context, body string) error {
	e := entry{sentAt: time.Now(), body: body}
	err := q.log.Append(ctx, e.appendTo(createlog.NewRecord(entryHead+len(body))))
	if err == nil {
		q.sent.send()
	}
	return err
}

// Receive implements chat.Receiver. It waits up to waitForWork for a create.
func (q *Queue) Receive(ctx context.Context, limit int) ([]chat.Delivery, error) {
	sent := q.sent.next()
	found, err := q.receive(ctx, limit)
	if err == nil && len(found) == 0 {
		wait(ctx, sent, q.untilVisible())
		found, err = q.receive(ctx, limit)
	}
	return found, wrap(err, "receive creates")
}

func (q *Queue) receive(ctx context.Context, limit int) ([]chat.Delivery, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	for {
		replayed, err := q.replay(limit)
		if err != nil {
			return nil, err
		}
		again, err := q.redeliver(ctx, limit)
		if len(again) > 0 || err != nil {
			return again, err
		}
		if !replayed {
			return q.deliver(limit)
		}
	}
}

// replay makes up to limit entries due that an earlier process may have
// delivered, and reports whether there are any. Those that have left the log are
// due already.
func (q *Queue) replay(limit int) (replayed bool, err error) {
	entries, err := q.read(limit, q.replays)
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range entries {
		if _, moved := q.moved[l.Sequence]; moved {
			delete(q.moved, l.Sequence)
			q.log.Consume(l.Sequence)
			continue
		}
		q.hidden[l.Sequence] = delivery{receives: 1, data: l.Entry}
	}
	return len(entries) > 0, err
}

// deliver returns entries that were not delivered before, and hides them.
func (q *Queue) deliver(limit int) (found []chat.Delivery, err error) {
	entries, err := q.read(limit, math.MaxUint64)
	q.mu.Lock()
	defer q.mu.Unlock()
	until := time.Now().Add(q.visibility)
	for _, l := range entries {
		e, err := decodeEntry(l.Entry)
		if err != nil {
			return nil, err
		}
		q.hidden[l.Sequence] = delivery{until: until, receives: 1, data: l.Entry}
		found = append(found, e.delivery(l.Sequence, 1))
	}
	return found, err
}

// read reads from the log. It sets aside what is damaged there, so that nothing
// waits for it.
func (q *Queue) read(limit int, below uint64) ([]createlog.Logged, error) {
	for {
		entries, err := q.log.Read(limit, below)
		if !errors.Is(err, createlog.ErrDamaged) {
			return entries, err
		}
		if err := q.log.SetAside(); err != nil {
			return nil, err
		}
		q.sent.send() // what follows the damage is due
	}
}

// untilVisible returns how long to wait before a hidden create can become
// visible, from 1 ms to waitForWork.
func (q *Queue) untilVisible() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	soonest := waitForWork
	for _, d := range q.hidden {
		soonest = min(soonest, time.Until(d.until))
	}
	return max(soonest, time.Millisecond)
}

// Delete implements chat.Receiver. Creates that were delivered once cost no
// write.
func (q *Queue) Delete(ctx context.Context, deliveries []chat.Delivery) error {
	if err := alive(ctx); err != nil {
		return wrap(err, "delete creates")
	}
	ids := make([]uint64, len(deliveries))
	for i, d := range deliveries {
		id, err := strconv.ParseUint(d.ID, 10, 64)
		if err != nil {
			return fmt.Errorf("delete creates: invalid ID %q: want that of a delivery: %w", d.ID, err)
		}
		ids[i] = id
	}
	stored := q.deleteLogged(ids)
	if len(stored) == 0 {
		return nil
	}
	err := q.commit(ctx, func(tx *bbolt.Tx) error {
		rows := tx.Bucket(bucketCreates)
		for _, id := range stored {
			if err := rows.Delete(sequenceKey(id)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return wrap(err, "delete creates")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range stored {
		delete(q.hidden, id)
	}
	return nil
}

// deleteLogged deletes those of the entries that are only in the log, and
// returns the others.
func (q *Queue) deleteLogged(ids []uint64) (others []uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range ids {
		if q.hidden[id].data == nil {
			others = append(others, id)
			continue
		}
		delete(q.hidden, id)
		q.log.Consume(id)
	}
	return others
}

// Ping implements chat.Queue: it returns an error if the disk failed.
func (q *Queue) Ping(ctx context.Context) error {
	if err := alive(ctx); err != nil {
		return wrap(err, "ping queue")
	}
	return wrap(checkDisk(q.disk), "ping queue")
}
