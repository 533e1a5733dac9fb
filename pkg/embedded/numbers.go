package embedded

import (
	"encoding/binary"
	"hash/maphash"
	"sync"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// numbers gives out numbers from memory. A number becomes durable together
// with the create that carries it; one that no create carries is given out
// again after a restart, and nobody has seen it.
type numbers struct {
	db     *bbolt.DB
	seed   maphash.Seed
	shards [64]shard
}

// counter is one counter. Its key is a chat, or an app with chat number 0.
type counter struct {
	value  int64 // the highest number given out
	stored int64 // the highest number that is durable
}

type shard struct {
	mu       sync.Mutex
	counters map[chat.ChatID]*counter
	sweepAt  int // at this size, counters that can be read again are dropped
}

// firstSweep bounds the memory of counters that are not in use.
const firstSweep = 1024

func newNumbers(db *bbolt.DB) *numbers {
	n := &numbers{db: db, seed: maphash.MakeSeed()}
	for i := range n.shards {
		n.shards[i] = shard{counters: map[chat.ChatID]*counter{}, sweepAt: firstSweep}
	}
	return n
}

// take returns the next number of a counter, or 0 where it does not exist.
func (n *numbers) take(id chat.ChatID) (int64, error) {
	s := n.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := n.load(s, id)
	if c == nil || err != nil {
		return 0, err
	}
	c.value++
	return c.value, nil
}

// last returns the highest number given out and whether the counter exists.
func (n *numbers) last(id chat.ChatID) (value int64, exists bool, err error) {
	s := n.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := n.load(s, id)
	if c == nil || err != nil {
		return 0, false, err
	}
	return c.value, true, nil
}

// settle notes that a number is durable.
func (n *numbers) settle(id chat.ChatID, number int64) {
	s := n.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.counters[id]; c != nil {
		c.stored = max(c.stored, number)
		c.value = max(c.value, number)
	}
}

func (n *numbers) shard(id chat.ChatID) *shard {
	return &n.shards[maphash.Comparable(n.seed, id)%uint64(len(n.shards))]
}

// load returns a counter, or nil where it does not exist. The shard is locked.
func (n *numbers) load(s *shard, id chat.ChatID) (*counter, error) {
	if c := s.counters[id]; c != nil {
		return c, nil
	}
	var c *counter
	err := n.db.View(func(tx *bbolt.Tx) error {
		if value, exists := counterIn(tx, id); exists {
			c = &counter{value: value, stored: value}
		}
		return nil
	})
	if c == nil || err != nil {
		return nil, err
	}
	s.sweep()
	s.counters[id] = c
	return c, nil
}

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

func counterKey(id chat.ChatID) []byte {
	if id.Number == 0 {
		return []byte(id.AppToken)
	}
	return chatKey(id)
}

func counterIn(tx *bbolt.Tx, id chat.ChatID) (value int64, exists bool) {
	text := tx.Bucket(bucketCounters).Get(counterKey(id))
	if text == nil {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(text)), true
}

// raise makes a counter durable at this number or above; raising to 0 opens it.
func raise(tx *bbolt.Tx, id chat.ChatID, number int64) error {
	value, exists := counterIn(tx, id)
	if exists && value >= number {
		return nil
	}
	return tx.Bucket(bucketCounters).Put(counterKey(id), sequenceKey(uint64(number)))
}
