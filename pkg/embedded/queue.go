package embedded

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// MaxReceives is how often a create is delivered before it goes to the dead
// letters. It is small because only a create that ends the process, or one that
// cannot be decoded, is delivered so often: what is throttled on AWS is not here.
const MaxReceives = 5

// Queue is the port to the queue of creates, both ends. A create is in the log
// until it is dealt with, or until its first delivery is over: then it moves
// to the file, under the same sequence number, which counts its deliveries.
// What is left in the log after a crash may have been delivered, and counts as
// such: it moves to the file as well before it is delivered. So a create that
// ends the process at each delivery is a dead letter after MaxReceives of them,
// and a first delivery costs no write. Which entries are hidden is not durable:
// after a restart all are delivered again.
type Queue struct {
	db         *bbolt.DB
	commit     commit
	log        *createLog
	logger     *slog.Logger
	visibility time.Duration
	sent       *signal
	replays    uint64 // entries of the log below it are of an earlier process

	mu     sync.Mutex
	hidden map[uint64]delivery // delivered and not deleted, by sequence number
	moved  map[uint64]struct{} // left the log before a crash, and not read there again yet
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
func openQueue(dir string, db *bbolt.DB, commit commit, options Options) (*Queue, error) {
	q := &Queue{db: db, commit: commit, logger: options.Log, visibility: options.Visibility, sent: newSignal(), hidden: map[uint64]delivery{}, moved: map[uint64]struct{}{}}
	last, err := q.loadDelivered()
	if err != nil {
		return nil, err
	}
	carried := carriedNumbers{}
	if q.log, err = openLog(dir, last, carried.add, q.keep); err != nil {
		return nil, err
	}
	q.replays = q.log.next
	err = db.Update(func(tx *bbolt.Tx) error { return errors.Join(carried.raise(tx), q.forgetMarks(tx)) })
	if err != nil {
		return nil, errors.Join(err, q.log.close())
	}
	return q, nil
}

// loadDelivered hides the entries of the bucket for no time at all, which makes
// them due, and returns the last sequence number that the log has given out. An
// entry that cannot be decoded becomes a dead letter.
func (q *Queue) loadDelivered() (last uint64, err error) {
	var damaged []uint64
	err = q.db.View(func(tx *bbolt.Tx) error {
		rows := tx.Bucket(bucketCreates)
		last = rows.Sequence()
		note := func(key, _ []byte) error {
			if sequence := keySequence(key); sequence < salvagedKey {
				last = max(last, sequence)
				q.moved[sequence] = struct{}{}
			}
			return nil
		}
		if err := errors.Join(tx.Bucket(bucketBuried).ForEach(note), rows.ForEach(note)); err != nil {
			return err
		}
		return rows.ForEach(func(key, text []byte) error {
			sequence := keySequence(key)
			e, err := decodeEntry(text)
			if err != nil {
				damaged = append(damaged, sequence)
				return nil
			}
			q.hidden[sequence] = delivery{receives: e.receives + 1} // the one that it was in the file for
			return nil
		})
	})
	if err == nil && len(damaged) > 0 {
		err = q.db.Update(func(tx *bbolt.Tx) error { return q.buryDamaged(tx, damaged) })
	}
	return last, err
}

// buryDamaged moves entries of the bucket that cannot be decoded to the dead
// letters.
func (q *Queue) buryDamaged(tx *bbolt.Tx, damaged []uint64) error {
	rows := tx.Bucket(bucketCreates)
	for _, sequence := range damaged {
		key := sequenceKey(sequence)
		q.logger.Error("a create is damaged: it is a dead letter now", "sequence", sequence)
		err := putDamaged(tx, sourceCreates, "the entry of the create is cut off", rows.Get(key))
		if err := errors.Join(err, markBuried(tx, sequence), rows.Delete(key)); err != nil {
			return err
		}
	}
	return nil
}

// markBuried notes that an entry of the log is a dead letter, because after a
// crash it is read there again.
func markBuried(tx *bbolt.Tx, sequence uint64) error {
	if sequence >= salvagedKey {
		return nil // it is not in the log
	}
	return tx.Bucket(bucketBuried).Put(sequenceKey(sequence), nil)
}

// forgetMarks forgets what is known of entries and places that are not in the
// log any more.
func (q *Queue) forgetMarks(tx *bbolt.Tx) error {
	marks := tx.Bucket(bucketBuried)
	var gone [][]byte
	err := marks.ForEach(func(key, _ []byte) error {
		if !q.log.holds(keySequence(key)) {
			gone = append(gone, key)
		}
		return nil
	})
	for _, key := range gone {
		err = errors.Join(err, marks.Delete(key))
	}
	if err != nil {
		return err
	}
	if err := tx.DeleteBucket(bucketSalvaged); err != nil {
		return err
	}
	_, err = tx.CreateBucket(bucketSalvaged)
	return err
}

// carriedNumbers holds the highest number of each counter that creates in the
// log carry.
type carriedNumbers map[chat.Parent]int64

func (c carriedNumbers) add(_ uint64, text []byte) error {
	e, err := decodeEntry(text)
	if err != nil {
		return err
	}
	create, err := chat.DecodeCreate([]byte(e.body))
	if err != nil {
		return nil // not a create: the writer will say so
	}
	c[create.Parent()] = max(c[create.Parent()], create.Number())
	if create.Chat != nil {
		messages := create.Chat.ID().Parent()
		c[messages] = max(c[messages], 0)
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
	for {
		replayed, err := q.replay(most)
		if err != nil {
			return nil, err
		}
		again, err := q.redeliver(ctx, most)
		if len(again) > 0 || err != nil {
			return again, err
		}
		if !replayed {
			return q.deliver(most)
		}
	}
}

// replay makes up to most entries due that an earlier process may have
// delivered, and reports whether there are such. Those that have left the log
// are due already.
func (q *Queue) replay(most int) (replayed bool, err error) {
	entries, err := q.read(most, q.replays)
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range entries {
		if _, moved := q.moved[l.sequence]; moved {
			delete(q.moved, l.sequence)
			q.log.consume(l.sequence)
			continue
		}
		q.hidden[l.sequence] = delivery{receives: 1, text: l.entry}
	}
	return len(entries) > 0, err
}

// deliver returns entries that were not delivered before, and hides them.
func (q *Queue) deliver(most int) (found []chat.Delivery, err error) {
	entries, err := q.read(most, math.MaxUint64)
	q.mu.Lock()
	defer q.mu.Unlock()
	until := time.Now().Add(q.visibility)
	for _, l := range entries {
		e, err := decodeEntry(l.entry)
		if err != nil {
			return nil, err
		}
		q.hidden[l.sequence] = delivery{until: until, receives: 1, text: l.entry}
		found = append(found, e.delivery(l.sequence, 1))
	}
	return found, err
}

// read reads from the log. What is damaged there is set aside, and holds up
// nothing.
func (q *Queue) read(most int, below uint64) ([]logged, error) {
	for {
		entries, err := q.log.read(most, below)
		if !errors.Is(err, errDamaged) {
			return entries, err
		}
		if err := q.log.setAside(); err != nil {
			return nil, err
		}
		q.sent.send() // what was behind it is due
	}
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
		for _, id := range slices.Sorted(maps.Keys(due)) {
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
// hidden ones, and no more than are to be delivered together. Those that were
// delivered least often come first, then the oldest: what may have ended the
// process holds up no other, and an innocent one among them is seldom delivered
// right after the start of a process that is killed again.
func (q *Queue) takeDue(most int) map[uint64]delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	var ids []uint64
	for id, d := range q.hidden {
		if now.After(d.until) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uint64) int {
		return cmp.Or(cmp.Compare(q.hidden[a].receives, q.hidden[b].receives), cmp.Compare(a, b))
	})
	due := map[uint64]delivery{}
	for _, id := range ids {
		d := q.hidden[id]
		most = min(most, together(d.receives))
		if len(due) >= most {
			break
		}
		due[id] = d
		delete(q.hidden, id)
	}
	return due
}

// together is how many entries that were delivered so often are delivered
// together: one that ends the process takes few others with it to the dead
// letters, in the end none.
func together(receives int) int {
	switch receives {
	case 0, 1:
		return math.MaxInt
	case 2:
		return 32
	case 3:
		return 4
	default:
		return 1
	}
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
		if err := countReceive(tx, id, d); err != nil {
			return err
		}
	}
	return carried.raise(tx)
}

func countReceive(tx *bbolt.Tx, sequence uint64, d delivery) error {
	rows, key, text := tx.Bucket(bucketCreates), sequenceKey(sequence), d.text
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
	if d.receives < MaxReceives {
		return rows.Put(key, e.encode())
	}
	reason := fmt.Sprintf("delivered %d times and never stored", e.receives)
	err = putDeadLetter(tx, deadLetter{Source: sourceCreates, Reason: reason, Body: e.body, At: time.Now().UTC()})
	return errors.Join(err, markBuried(tx, sequence), rows.Delete(key))
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
