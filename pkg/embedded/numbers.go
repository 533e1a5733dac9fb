package embedded

import (
	"encoding/binary"
	"hash/maphash"
	"sync"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// numbers allocates numbers from memory. A number becomes durable together with
// the create that carries it. One that no create carries is allocated again
// after a restart; no client has seen it, because last does not return it.
type numbers struct {
	db     *bbolt.DB
	seed   maphash.Seed
	shards [64]shard
}

// counter is the counter of one parent.
type counter struct {
	value   int64 // the highest number allocated
	durable int64 // the highest number in the log of creates or in rows.db
	stored  int64 // the highest number in rows.db
}

type shard struct {
	mu       sync.Mutex
	counters map[chat.Parent]*counter
	sweepAt  int // at this size, counters that can be read again are dropped
}

// firstSweep bounds the memory of counters that are not in use.
const firstSweep = 1024

func newNumbers(db *bbolt.DB) *numbers {
	n := &numbers{db: db, seed: maphash.MakeSeed()}
	for i := range n.shards {
		n.shards[i] = shard{counters: map[chat.Parent]*counter{}, sweepAt: firstSweep}
	}
	return n
}

// allocate returns the next number of a counter, or 0 if it does not exist.
func (n *numbers) allocate(parent chat.Parent) (int64, error) {
	s := n.shard(parent)
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := n.load(s, parent)
	if c == nil || err != nil {
		return 0, err
	}
	c.value++
	return c.value, nil
}

// last returns the highest durable number, and whether the counter exists. After
// a restart it is never lower.
func (n *numbers) last(parent chat.Parent) (durable int64, exists bool, err error) {
	s := n.shard(parent)
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := n.load(s, parent)
	if c == nil || err != nil {
		return 0, false, err
	}
	return c.durable, true, nil
}

// exists reports whether a counter exists.
func (n *numbers) exists(parent chat.Parent) (bool, error) {
	_, exists, err := n.last(parent)
	return exists, err
}

// enqueued notes that a create with this number is in the log.
func (n *numbers) enqueued(parent chat.Parent, number int64) {
	s := n.shard(parent)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.counters[parent]; c != nil {
		c.durable = max(c.durable, number)
		c.value = max(c.value, number)
	}
}

// stored notes that a number is in rows.db.
func (n *numbers) stored(parent chat.Parent, number int64) {
	s := n.shard(parent)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.counters[parent]; c != nil {
		c.stored = max(c.stored, number)
		c.durable = max(c.durable, number)
		c.value = max(c.value, number)
	}
}

func (n *numbers) shard(parent chat.Parent) *shard {
	return &n.shards[maphash.Comparable(n.seed, parent)%uint64(len(n.shards))]
}

// load returns a counter, or nil if it does not exist. The shard is locked.
func (n *numbers) load(s *shard, parent chat.Parent) (*counter, error) {
	if c := s.counters[parent]; c != nil {
		return c, nil
	}
	var c *counter
	err := n.db.View(func(tx *bbolt.Tx) error {
		if value, exists := counterIn(tx, parent); exists {
			c = &counter{value: value, durable: value, stored: value}
		}
		return nil
	})
	if c == nil || err != nil {
		return nil, err
	}
	s.sweep()
	s.counters[parent] = c
	return c, nil
}

// sweep drops counters that can be read from rows.db again, if there are many.
func (s *shard) sweep() {
	if len(s.counters) < s.sweepAt {
		return
	}
	for id, c := range s.counters {
		if c.value == c.stored {
			delete(s.counters, id)
		}
	}
	s.sweepAt = max(firstSweep, 2*len(s.counters))
}

func counterKey(parent chat.Parent) []byte {
	if parent.IsApp() {
		return []byte(parent.AppToken)
	}
	return chatKey(parent.ChatID())
}

func counterIn(tx *bbolt.Tx, parent chat.Parent) (value int64, exists bool) {
	data := tx.Bucket(bucketCounters).Get(counterKey(parent))
	if data == nil {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(data)), true
}

// raise makes a counter durable at this number or above; raising to 0 creates it.
func raise(tx *bbolt.Tx, parent chat.Parent, number int64) error {
	value, exists := counterIn(tx, parent)
	if exists && value >= number {
		return nil
	}
	return tx.Bucket(bucketCounters).Put(counterKey(parent), sequenceKey(uint64(number)))
}
