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

// Queue is the port to the queue of creates, both ends. A create is in the log
// until it is dealt with, or until its first delivery is over: then it moves
// to the file, under the same sequence number, which counts its deliveries. So
// after a crash what is left in the log is delivered as for the first time.
// Which entries are hidden is not durable: after a restart all are delivered
// again.
type Queue struct {
	db         *bbolt.DB
	commit     commit
	log        *createLog
	visibility time.Duration
	sent       *signal

	mu     sync.Mutex
	hidden map[uint64]delivery // delivered and not deleted, by sequence number
}

var (
	_ chat.Queue    = (*Queue)(nil)
	_ chat.Receiver = (*Queue)(nil)
)

type delivery struct {
	until    time.Time // hidden until then
	receives int
	text     []byte // of an entry that is in the log and nowhere else
}

// entry is a create as it stands in the log and in its bucket: when it was
// sent, how often it was delivered, and its body as it came.
type entry struct {
	sentAt   time.Time
	receives int // but for the first delivery, which costs no write
	body     string
}

const entryHead = 9 // bytes

func (e entry) encode() []byte { return e.appendTo(make([]byte, 0, entryHead+len(e.body))) }

func (e entry) appendTo(text []byte) []byte {
	text = binary.BigEndian.AppendUint64(text, uint64(e.sentAt.UnixMilli()))
	return append(append(text, byte(e.receives)), e.body...)
}

func decodeEntry(text []byte) (entry, error) {
	if len(text) < entryHead {
		return entry{}, errors.New("decode create: it is cut off")
	}
	sentAt := time.UnixMilli(int64(binary.BigEndian.Uint64(text))).UTC()
	return entry{sentAt: sentAt, receives: int(text[8]), body: string(text[entryHead:])}, nil
}

// openQueue opens the queue with its log in a folder. The numbers that creates
// in the log carry are durable there alone until they are stored, so it raises
// the counters to them before any number is given out.
func openQueue(dir string, db *bbolt.DB, commit commit, visibility time.Duration) (*Queue, error) {
	q := &Queue{db: db, commit: commit, visibility: visibility, sent: newSignal(), hidden: map[uint64]delivery{}}
	last, err := q.loadDelivered()
	if err != nil {
		return nil, err
	}
	carried := carriedNumbers{}
	if q.log, err = openLog(dir, last, carried.add); err != nil {
		return nil, err
	}
	if err := db.Update(carried.raise); err != nil {
		return nil, errors.Join(err, q.log.close())
	}
	return q, nil
}

// loadDelivered hides the entries of the bucket for no time at all, which makes
// them due, and returns the last sequence number of the bucket.
func (q *Queue) loadDelivered() (last uint64, err error) {
	err = q.db.View(func(tx *bbolt.Tx) error {
		rows := tx.Bucket(bucketCreates)
		last = rows.Sequence()
		return rows.ForEach(func(key, text []byte) error {
			e, err := decodeEntry(text)
			last = max(last, keySequence(key))
			q.hidden[keySequence(key)] = delivery{receives: e.receives + 1} // the one that it was in the file for
			return err
		})
	})
	return last, err
}

// carriedNumbers holds the highest number of each counter that creates in the
// log carry.
type carriedNumbers map[chat.ChatID]int64

func (c carriedNumbers) add(_ uint64, text []byte) error {
	e, err := decodeEntry(text)
	if err != nil {
		return err
	}
	create, err := chat.DecodeCreate([]byte(e.body))
	if err != nil {
		return nil // not a create: the writer will say so
	}
	parent, number := numberOf(create)
	c[parent] = max(c[parent], number)
	if create.Chat != nil {
		c[create.Chat.ID()] = max(c[create.Chat.ID()], 0)
	}
	return nil
}

func (c carriedNumbers) raise(tx *bbolt.Tx) error {
	for parent, number := range c {
		if err := raise(tx, parent, number); err != nil {
			return err
		}
	}
	return nil
}

// Send appends a create to the log, which makes its number durable as well.
func (q *Queue) Send(ctx context.Context, create chat.Create) error {
	body, err := chat.EncodeCreate(create)
	if err != nil {
		return fmt.Errorf("send create: %w", err)
	}
	return wrap(q.append(ctx, string(body)), "send create")
}

func (q *Queue) append(ctx context.Context, body string) error {
	e := entry{sentAt: time.Now(), body: body}
	err := q.log.append(ctx, seal(e.appendTo(newRecord(entryHead+len(body)))))
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
	entries, err := q.log.read(most)
	if err != nil {
		return nil, err
	}
	until := time.Now().Add(q.visibility)
	for _, l := range entries {
		if _, moved := q.hidden[l.sequence]; moved { // before a crash
			q.log.consume(l.sequence)
			continue
		}
		e, err := decodeEntry(l.entry)
		if err != nil {
			return nil, err
		}
		q.hidden[l.sequence] = delivery{until: until, receives: 1, text: l.entry}
		found = append(found, e.delivery(l.sequence, 1))
	}
	return found, nil
}

func (e entry) delivery(sequence uint64, receives int) chat.Delivery {
	name := strconv.FormatUint(sequence, 10)
	return chat.Delivery{
		ID: name, Receipt: name + "." + strconv.Itoa(receives),
		Body: e.body, Receives: receives, SentAt: e.sentAt,
	}
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
	q.leaveLog(due)
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
			e, err := decodeEntry(text)
			if err != nil {
				return err
			}
			q.hidden[id] = delivery{until: until, receives: e.receives + 1}
			found = append(found, e.delivery(id, e.receives+1))
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

// leaveLog notes that entries are in the file now. Those that come back to
// hidden do so without their text.
func (q *Queue) leaveLog(due map[uint64]delivery) {
	for id, d := range due {
		if d.text != nil {
			q.log.consume(id)
			d.text = nil
			due[id] = d
		}
	}
}

// countReceives makes the deliveries of entries durable, so that an entry that
// brings the process down is not delivered for ever. The numbers of entries
// that leave the log for it become durable as well.
func countReceives(tx *bbolt.Tx, due map[uint64]delivery) error {
	carried := carriedNumbers{}
	for id, d := range due {
		if d.text != nil {
			if err := carried.add(id, d.text); err != nil {
				return err
			}
		}
		if err := countReceive(tx, sequenceKey(id), d); err != nil {
			return err
		}
	}
	return carried.raise(tx)
}

func countReceive(tx *bbolt.Tx, key []byte, d delivery) error {
	rows, text := tx.Bucket(bucketCreates), d.text
	if text == nil {
		text = rows.Get(key)
	}
	if text == nil { // deleted late
		return nil
	}
	e, err := decodeEntry(text)
	if err != nil {
		return err
	}
	e.receives = d.receives
	if d.receives < chat.MaxReceives {
		return rows.Put(key, e.encode())
	}
	reason := fmt.Sprintf("delivered %d times and never stored", e.receives)
	if err := bury(tx, DeadLetter{Source: SourceCreates, Reason: reason, Body: e.body, At: time.Now().UTC()}); err != nil {
		return err
	}
	return rows.Delete(key)
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

// Delete removes entries that are dealt with. Those that were delivered once
// cost no write.
func (q *Queue) Delete(ctx context.Context, deliveries []chat.Delivery) error {
	if err := alive(ctx); err != nil {
		return wrap(err, "delete creates")
	}
	ids := make([]uint64, len(deliveries))
	for i, d := range deliveries {
		id, err := strconv.ParseUint(d.ID, 10, 64)
		if err != nil {
			return fmt.Errorf("delete creates: id %q was not given out: %w", d.ID, err)
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

// deleteLogged deletes those of the entries that are in the log alone and
// returns the others.
func (q *Queue) deleteLogged(ids []uint64) (others []uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range ids {
		if q.hidden[id].text == nil {
			others = append(others, id)
			continue
		}
		delete(q.hidden, id)
		q.log.consume(id)
	}
	return others
}

// Ping returns an error where the file cannot be read.
func (q *Queue) Ping(ctx context.Context) error {
	if err := alive(ctx); err != nil {
		return wrap(err, "ping queue")
	}
	return wrap(q.db.View(func(*bbolt.Tx) error { return nil }), "ping queue")
}
