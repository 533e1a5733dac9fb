package search

import (
	"encoding/binary"
	"math"
	"sync"

	"chatapi/pkg/chat"

	segment "github.com/blevesearch/scorch_segment_api/v2"
)

// buckets divide the messages of a chat by their numbers, and those of an app by
// their creation times, so that a search can read the newest first. Each bucket is
// a term, and the terms are in the order of hits.
type buckets struct {
	prefix string
	bits   int // of the numbers or milliseconds that are in one bucket
}

const (
	numberBits = 9 // 512 numbers
	timeBits   = 8 // 256 milliseconds
)

// bucketsOf returns the buckets of a chat or an app.
func bucketsOf(parent chat.Parent) buckets {
	prefix := prefixOf(parent.String())
	if parent.IsApp() {
		return buckets{prefix: prefix, bits: timeBits}
	}
	return buckets{prefix: prefix, bits: numberBits}
}

// key returns the bucket of a number or a time. Newer ones have lower keys.
func (b buckets) key(n int64) uint64 { return uint64(math.MaxInt64 - (n >> b.bits)) }

// term returns the term of a bucket.
func (b buckets) term(key uint64) string {
	return string(binary.BigEndian.AppendUint64([]byte(b.prefix), key))
}

// termOf returns the term of the bucket of a number or a time.
func (b buckets) termOf(n int64) string { return b.term(b.key(n)) }

// keyOf returns the bucket of a term.
func keyOf(term string) uint64 { return binary.BigEndian.Uint64([]byte(term[len(term)-8:])) }

// none is after all buckets.
const none = math.MaxUint64

// newestBuckets remembers the newest bucket of a chat or an app in a segment. A
// segment never changes, and to find the bucket in the dictionary would take a
// seventh of the time of a search.
type newestBuckets struct {
	mu   sync.Mutex
	held map[newestKey]uint64
}

type newestKey struct {
	segment uint64
	prefix  string // of the buckets
}

// maxNewest bounds what is remembered to some megabytes.
const maxNewest = 1 << 16

func newNewestBuckets() *newestBuckets { return &newestBuckets{held: make(map[newestKey]uint64)} }

// of returns the newest bucket of a segment, or none.
func (n *newestBuckets) of(s *segmentReader, all buckets) (uint64, error) {
	key := newestKey{s.Id(), all.prefix}
	n.mu.Lock()
	bucket, known := n.held[key]
	n.mu.Unlock()
	if known {
		return bucket, nil
	}
	entries, err := s.buckets(all, math.MaxInt64, math.MinInt64)
	if err != nil {
		return none, err
	}
	newest := source{buckets: entries}
	if err := newest.step(); err != nil {
		return none, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.held) == maxNewest {
		clear(n.held) // most of them are of segments that do not exist any more
	}
	n.held[key] = newest.next
	return newest.next, nil
}

// buckets goes over the buckets of a segment from that of the number or time
// high to that of low.
func (s *segmentReader) buckets(all buckets, high, low int64) (segment.DictionaryIterator, error) {
	terms, err := s.terms(bucketField)
	if err != nil {
		return nil, err
	}
	return terms.AutomatonIterator(nil, []byte(all.termOf(high)), []byte(all.termOf(low)+"\x00")), nil
}
