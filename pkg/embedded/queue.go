package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// Queue is the port to the queue of creates, both ends. Entries are durable;
// which of them are hidden is not, so after a restart all are delivered again.
type Queue struct {
	db         *bbolt.DB
	commit     commit
	numbers    *numbers
	visibility time.Duration
	sent       *signal

	mu     sync.Mutex
	fresh  uint64              // entries above this one have not been delivered since the start
	hidden map[uint64]delivery // delivered and not deleted
}

var (
	_ chat.Queue    = (*Queue)(nil)
	_ chat.Receiver = (*Queue)(nil)
)

type delivery struct {
	until    time.Time // hidden until then
	receives int
}

// entry is a create as it stands in its bucket: when it was sent, how often it
// was delivered, and its body as it came.
type entry struct {
	sentAt   time.Time
	receives int // but for the first delivery, which costs no write
	body     string
}

func (e entry) encode() []byte {
	text := make([]byte, 0, 9+len(e.body))
	text = binary.BigEndian.AppendUint64(text, uint64(e.sentAt.UnixMilli()))
	return append(append(text, byte(e.receives)), e.body...)
}

func decodeEntry(text []byte) (entry, error) {
	if len(text) < 9 {
		return entry{}, errors.New("decode create: it is cut off")
	}
	sentAt := time.UnixMilli(int64(binary.BigEndian.Uint64(text))).UTC()
	return entry{sentAt: sentAt, receives: int(text[8]), body: string(text[9:])}, nil
}

func newQueue(db *bbolt.DB, commit commit, numbers *numbers, visibility time.Duration) *Queue {
	return &Queue{
		db: db, commit: commit, numbers: numbers, visibility: visibility,
		sent: newSignal(), hidden: map[uint64]delivery{},
	}
}

// Send stores a create and makes its number durable, in one transaction.
func (q *Queue) Send(ctx context.Context, create chat.Create) error {
	body, err := chat.EncodeCreate(create)
	if err != nil {
		return fmt.Errorf("send create: %w", err)
	}
	parent, number := numberOf(create)
	err = q.append(ctx, string(body), func(tx *bbolt.Tx) error {
		if create.Chat != nil {
			return openChat(tx, create.Chat.ID())
		}
		return raise(tx, parent, number)
	})
	if err == nil {
		q.numbers.settle(parent, number)
	}
	return wrap(err, "send create")
}

func (q *Queue) append(ctx context.Context, body string, with func(*bbolt.Tx) error) error {
	text := entry{sentAt: time.Now(), body: body}.encode()
	err := q.commit(ctx, func(tx *bbolt.Tx) error {
		if err := with(tx); err != nil {
			return err
		}
		return appendTo(tx.Bucket(bucketCreates), text)
	})
	if err == nil {
		q.sent.send()
	}
	return err
}

// numberOf returns the counter that a create's number came from, and the number.
func numberOf(c chat.Create) (chat.ChatID, int64) {
	if c.Chat != nil {
		return chat.ChatID{AppToken: c.Chat.AppToken}, c.Chat.Number
	}
	return c.Message.ChatID(), c.Message.Number
}

// Receive returns up to most entries that are not hidden. Where there are none
// it waits for a second at most.
func (q *Queue) Receive(ctx context.Context, most int) ([]chat.Delivery, error) {
	sent := q.sent.next()
	found, err := q.receive(ctx, most)
	if err == nil && len(found) == 0 {
		wait(ctx, sent, q.untilVisible())
		found, err = q.receive(ctx, most)
	}
	return found, wrap(err, "receive creates")
}

func (q *Queue) receive(ctx context.Context, most int) ([]chat.Delivery, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	again, err := q.redeliver(ctx, most)
	if err != nil {
		return nil, err
	}
	fresh, err := q.deliver(most - len(again))
	return append(again, fresh...), err
}

// deliver returns entries that were not delivered before, and hides them.
func (q *Queue) deliver(most int) (found []chat.Delivery, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	until := time.Now().Add(q.visibility)
	err = q.db.View(func(tx *bbolt.Tx) error {
		rows := tx.Bucket(bucketCreates).Cursor()
		for key, text := rows.Seek(sequenceKey(q.fresh + 1)); key != nil && len(found) < most; key, text = rows.Next() {
			d, err := q.hide(key, text, until)
			if err != nil {
				return err
			}
			q.fresh = keySequence(key)
			found = append(found, d)
		}
		return nil
	})
	return found, err
}

// hide notes a delivery of an entry and returns it. The queue is locked.
func (q *Queue) hide(key, text []byte, until time.Time) (chat.Delivery, error) {
	e, err := decodeEntry(text)
	if err != nil {
		return chat.Delivery{}, err
	}
	id := keySequence(key)
	receives := e.receives + 1
	q.hidden[id] = delivery{until: until, receives: receives}
	name := strconv.FormatUint(id, 10)
	return chat.Delivery{
		ID: name, Receipt: name + "." + strconv.Itoa(receives),
		Body: e.body, Receives: receives, SentAt: e.sentAt,
	}, nil
}

// redeliver returns entries whose time of hiding is over, and moves those that
// were delivered too often to the dead letters.
func (q *Queue) redeliver(ctx context.Context, most int) (found []chat.Delivery, err error) {
	due := q.takeDue(most)
	if len(due) == 0 {
		return nil, nil
	}
	if err := q.commit(ctx, func(tx *bbolt.Tx) error { return countReceives(tx, due) }); err != nil {
		q.putBack(due)
		return nil, err
	}
	found, err = q.deliverAgain(due)
	if err != nil {
		q.putBack(due)
	}
	return found, err
}

// deliverAgain returns those of the entries that are still there, and hides
// them.
func (q *Queue) deliverAgain(due map[uint64]delivery) (found []chat.Delivery, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	until := time.Now().Add(q.visibility)
	err = q.db.View(func(tx *bbolt.Tx) error {
		for id := range due {
			key := sequenceKey(id)
			text := tx.Bucket(bucketCreates).Get(key)
			if text == nil { // deleted late, or a dead letter now
				continue
			}
			d, err := q.hide(key, text, until)
			if err != nil {
				return err
			}
			found = append(found, d)
		}
		return nil
	})
	return found, err
}

// takeDue removes up to most entries whose time of hiding is over from the
// hidden ones.
func (q *Queue) takeDue(most int) map[uint64]delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	due := map[uint64]delivery{}
	for id, d := range q.hidden {
		if len(due) < most && now.After(d.until) {
			due[id] = d
			delete(q.hidden, id)
		}
	}
	return due
}

func (q *Queue) putBack(due map[uint64]delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id, d := range due {
		q.hidden[id] = d
	}
}

// countReceives makes the deliveries of entries durable, so that an entry that
// brings the process down is not delivered for ever.
func countReceives(tx *bbolt.Tx, due map[uint64]delivery) error {
	rows := tx.Bucket(bucketCreates)
	for id, d := range due {
		key := sequenceKey(id)
		text := rows.Get(key)
		if text == nil { // deleted late
			continue
		}
		e, err := decodeEntry(text)
		if err != nil {
			return err
		}
		e.receives = d.receives
		if d.receives < chat.MaxReceives {
			err = rows.Put(key, e.encode())
		} else {
			err = moveToDeadLetters(tx, key, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func moveToDeadLetters(tx *bbolt.Tx, key []byte, e entry) error {
	reason := fmt.Sprintf("delivered %d times and never stored", e.receives)
	if err := bury(tx, DeadLetter{Source: SourceCreates, Reason: reason, Body: e.body, At: time.Now().UTC()}); err != nil {
		return err
	}
	return tx.Bucket(bucketCreates).Delete(key)
}

// untilVisible is how long to wait before an entry can become visible again.
func (q *Queue) untilVisible() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	soonest := waitForWork
	for _, d := range q.hidden {
		soonest = min(soonest, time.Until(d.until))
	}
	return max(soonest, time.Millisecond)
}

// Delete removes entries that are dealt with.
func (q *Queue) Delete(ctx context.Context, deliveries []chat.Delivery) error {
	ids := make([]uint64, len(deliveries))
	for i, d := range deliveries {
		id, err := strconv.ParseUint(d.ID, 10, 64)
		if err != nil {
			return fmt.Errorf("delete creates: id %q was not given out: %w", d.ID, err)
		}
		ids[i] = id
	}
	err := q.commit(ctx, func(tx *bbolt.Tx) error {
		rows := tx.Bucket(bucketCreates)
		for _, id := range ids {
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
	for _, id := range ids {
		delete(q.hidden, id)
	}
	return nil
}

// Ping returns an error where the file cannot be read.
func (q *Queue) Ping(ctx context.Context) error {
	if err := alive(ctx); err != nil {
		return wrap(err, "ping queue")
	}
	return wrap(q.db.View(func(*bbolt.Tx) error { return nil }), "ping queue")
}
