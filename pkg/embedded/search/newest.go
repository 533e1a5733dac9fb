package search

import (
	"container/heap"
	"context"
	"encoding/binary"
	"iter"
	"math"

	"chatapi/pkg/chat"

	"github.com/RoaringBitmap/roaring/v2"
	segment "github.com/blevesearch/scorch_segment_api/v2"
)

// filter is what a search lets through by the place of a message.
type filter struct {
	from, to      int64 // milliseconds since 1970; to is not in it
	after, before int64 // numbers; neither is in it
}

func newFilter(s chat.Search) filter {
	f := filter{from: math.MinInt64, to: math.MaxInt64, after: s.After, before: math.MaxInt64}
	if !s.From.IsZero() {
		f.from = chat.CeilMilli(s.From)
	}
	if !s.To.IsZero() {
		f.to = chat.CeilMilli(s.To)
	}
	if s.Before != 0 {
		f.before = s.Before
	}
	return f
}

func (f filter) lets(p place) bool {
	return f.from <= p.created && p.created < f.to && f.after < p.number && p.number < f.before
}

// buckets are what the messages of a chat are put into by their numbers, and
// those of an app by their creation times, so that a search can read the newest
// first. Each is a term, and the terms are in the order of hits.
type buckets struct {
	prefix string
	bits   int // of the numbers or milliseconds that are in one bucket
}

const (
	numberBits = 9  // 512 numbers
	timeBits   = 12 // some 4 seconds
)

// bucketsOf returns the buckets of a chat or, with number 0, of an app.
func bucketsOf(id chat.ChatID) buckets {
	prefix := prefixOf(scopeOf(id))
	if id.Number == 0 {
		return buckets{prefix: prefix, bits: timeBits}
	}
	return buckets{prefix: prefix, bits: numberBits}
}

// term returns the bucket of a number or a time.
func (b buckets) term(n int64) string {
	return string(binary.BigEndian.AppendUint64([]byte(b.prefix), uint64(math.MaxInt64-(n>>b.bits))))
}

// candidate is a message that may be a hit.
type candidate struct {
	position chat.Position
	at       place
	part     int
	document uint32
}

// candidates is a heap with the first of them on top: mostly few are wanted of
// many.
type candidates []candidate

func (c candidates) Len() int           { return len(c) }
func (c candidates) Less(i, j int) bool { return c[i].position.Compare(c[j].position) < 0 }
func (c candidates) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }
func (c *candidates) Push(any)          { panic("candidates are appended before they are a heap") }
func (c *candidates) Pop() any          { *c = (*c)[:len(*c)-1]; return nil } // it was yielded

// yield yields the candidates in the order of hits.
func (c candidates) yield(yield func(candidate, error) bool) bool {
	heap.Init(&c)
	for len(c) > 0 {
		if !yield(c[0], nil) {
			return false
		}
		heap.Pop(&c)
	}
	return true
}

// newest yields the documents of the sets, one set for each segment, that come
// after last, in the order of hits of one rank.
func (f *finder) newest(ctx context.Context, sets []*roaring.Bitmap, last chat.Position) iter.Seq2[candidate, error] {
	matches := uint64(0)
	for _, set := range sets {
		matches += set.GetCardinality()
	}
	most := f.costs.ofChat
	if f.search.Chat.Number == 0 {
		most = f.costs.ofApp
	}
	return func(yield func(candidate, error) bool) {
		if matches > most {
			f.byBucket(ctx, sets, last, yield)
			return
		}
		var found candidates
		for i, set := range sets {
			var err error
			if found, err = f.read(ctx, found, i, set, last); err != nil {
				yield(candidate{}, err)
				return
			}
		}
		found.yield(yield)
	}
}

// read appends the documents of a segment that the filter lets through and that
// come after last.
func (f *finder) read(ctx context.Context, found candidates, in int, set *roaring.Bitmap, last chat.Position) (candidates, error) {
	documents := set.Iterator()
	for n := 1; documents.HasNext(); n++ {
		document := documents.Next()
		at, err := f.parts[in].place(document)
		if err != nil {
			return nil, err
		}
		if p := f.position(at, last.Rank); f.filter.lets(at) && last.Compare(p) < 0 {
			found = append(found, candidate{position: p, at: at, part: in, document: document})
		}
		if n%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return found, nil
}

// byBucket yields what newest does, and reads only the buckets that it needs.
func (f *finder) byBucket(ctx context.Context, sets []*roaring.Bitmap, last chat.Position, yield func(candidate, error) bool) {
	cursors, err := f.cursors(sets, last)
	if err != nil {
		yield(candidate{}, err)
		return
	}
	var found candidates
	for {
		bucket := first(cursors)
		if bucket == "" {
			return
		}
		found = found[:0]
		for i, c := range cursors {
			if c.bucket != bucket {
				continue
			}
			set, err := f.parts[i].having(bucketField, []byte(bucket))
			if err == nil {
				found, err = f.read(ctx, found, i, roaring.And(set, sets[i]), last)
			}
			if err == nil {
				err = c.next()
			}
			if err != nil {
				yield(candidate{}, err)
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(candidate{}, err)
			return
		}
		if !found.yield(yield) {
			return
		}
	}
}

// cursor goes over the buckets of a segment.
type cursor struct {
	entries segment.DictionaryIterator
	bucket  string // "" after the last
}

func (c *cursor) next() error {
	entry, err := c.entries.Next()
	if err != nil {
		return err
	}
	c.bucket = ""
	if entry != nil {
		c.bucket = entry.Term
	}
	return nil
}

// first returns the first bucket of all cursors, "" after the last.
func first(cursors []*cursor) (bucket string) {
	for _, c := range cursors {
		if c.bucket != "" && (bucket == "" || c.bucket < bucket) {
			bucket = c.bucket
		}
	}
	return bucket
}

// cursors returns a cursor for each segment, at the first bucket that may have
// documents after last. Those of segments without any are at their end.
func (f *finder) cursors(sets []*roaring.Bitmap, last chat.Position) ([]*cursor, error) {
	all, high, low := bucketsOf(f.search.Chat), min(f.filter.before-1, last.Number), f.filter.after+1
	if f.search.Chat.Number == 0 {
		high, low = min(f.filter.to-1, last.Created), f.filter.from
	}
	from, through := []byte(all.term(high)), []byte(all.term(low)+"\x00")
	cursors := make([]*cursor, len(sets))
	for i, set := range sets {
		cursors[i] = &cursor{}
		if set.IsEmpty() {
			continue
		}
		terms, err := f.parts[i].terms(bucketField)
		if err != nil {
			return nil, err
		}
		cursors[i].entries = terms.AutomatonIterator(nil, from, through)
		if err := cursors[i].next(); err != nil {
			return nil, err
		}
	}
	return cursors, nil
}

// start returns the position before all hits of a rank.
func (f *finder) start(rank chat.Rank) chat.Position {
	return f.position(place{chat: math.MaxInt64, number: math.MaxInt64, created: math.MaxInt64}, rank)
}

func (f *finder) position(at place, rank chat.Rank) chat.Position {
	if f.search.Chat.Number != 0 {
		return chat.Position{Rank: rank, Number: at.number}
	}
	return chat.Position{Rank: rank, Created: at.created, Chat: at.chat, Number: at.number}
}
