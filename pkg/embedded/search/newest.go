package search

import (
	"container/heap"
	"context"
	"iter"
	"math"

	"chatapi/pkg/chat"

	"github.com/RoaringBitmap/roaring/v2"
	segment "github.com/blevesearch/scorch_segment_api/v2"
)

// filter selects messages by their places.
type filter struct {
	from, to      int64 // milliseconds since 1970, without to
	after, before int64 // numbers, without both
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

func (f filter) selects(p place) bool {
	return f.from <= p.created && p.created < f.to && f.after < p.number && p.number < f.before
}

// candidate is a message that may be a hit.
type candidate struct {
	bucket   uint64
	position chat.Position
	at       place
	part     int
	document uint32
}

// candidates is a heap with the first candidate on top: usually few of many are
// read.
type candidates []candidate

func (c candidates) Len() int           { return len(c) }
func (c candidates) Less(i, j int) bool { return c[i].position.Compare(c[j].position) < 0 }
func (c candidates) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }
func (c *candidates) Push(x any)        { *c = append(*c, x.(candidate)) }
func (c *candidates) Pop() any          { *c = (*c)[:len(*c)-1]; return nil } // which was yielded before

// heapify makes a heap of candidates of which the first n are a heap.
func (c candidates) heapify(n int) {
	if len(c) > 2*n {
		heap.Init(&c)
		return
	}
	for ; n < len(c); n++ {
		more := c[:n+1]
		heap.Fix(&more, n)
	}
}

// source yields the candidates of a part. Nothing is looked up in the part before
// the search reaches its newest messages.
type source struct {
	part    int
	next    uint64                     // bucket of its next candidates, or one before that
	set     *roaring.Bitmap            // of matches, nil before they are looked up
	buckets segment.DictionaryIterator // if the set is large
}

// newest yields the candidates for a rank that come after last, in the order of
// hits.
func (f *finder) newest(ctx context.Context, rank chat.Rank, last chat.Position) iter.Seq2[candidate, error] {
	return func(yield func(candidate, error) bool) {
		var found candidates
		sources := f.sources(last)
		for {
			bucket := soonest(sources)
			for len(found) > 0 && found[0].bucket < bucket {
				if !yield(found[0], nil) {
					return
				}
				heap.Pop(&found)
			}
			if bucket == none {
				return
			}
			heaped := len(found)
			for i := range sources {
				if sources[i].next != bucket {
					continue
				}
				var err error
				if found, err = f.advance(ctx, &sources[i], rank, last, found); err != nil {
					yield(candidate{}, err)
					return
				}
			}
			found.heapify(heaped)
		}
	}
}

func (f *finder) sources(last chat.Position) []source {
	newest := f.buckets.key(f.high(last))
	sources := make([]source, len(f.parts))
	for i, p := range f.parts {
		sources[i] = source{part: i, next: max(newest, p.newest)}
	}
	return sources
}

// soonest returns the first bucket that any source has candidates in, or none.
func soonest(sources []source) uint64 {
	bucket := uint64(none)
	for _, s := range sources {
		bucket = min(bucket, s.next)
	}
	return bucket
}

// advance appends the candidates of a source's next bucket, or all of them if
// there are few.
func (f *finder) advance(
	ctx context.Context, s *source, rank chat.Rank, last chat.Position, found candidates,
) (candidates, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &f.parts[s.part]
	if s.set == nil {
		set, err := f.matching(ctx, p, rank)
		if err != nil {
			return nil, err
		}
		s.set = set
		if !f.manyFor(p.segmentReader, set.GetCardinality()) {
			s.next = none
			return f.read(ctx, found, s.part, set, last)
		}
		if s.buckets, err = p.buckets(f.buckets, f.high(last), f.low()); err != nil {
			return nil, err
		}
		return found, s.step()
	}
	in, err := p.having(bucketField, []byte(f.buckets.term(s.next)))
	if err == nil {
		found, err = f.read(ctx, found, s.part, roaring.And(in, s.set), last)
	}
	if err == nil {
		err = s.step()
	}
	return found, err
}

// step moves to the next bucket of the part.
func (s *source) step() error {
	entry, err := s.buckets.Next()
	if err != nil {
		return err
	}
	s.next = none
	if entry != nil {
		s.next = keyOf(entry.Term)
	}
	return nil
}

// read appends the documents of a set that the filter selects and that come after
// last.
func (f *finder) read(
	ctx context.Context, found candidates, in int, set *roaring.Bitmap, last chat.Position,
) (candidates, error) {
	documents := set.Iterator()
	for n := 1; documents.HasNext(); n++ {
		document := documents.Next()
		at, err := f.parts[in].place(document)
		if err != nil {
			return nil, err
		}
		if p := f.position(at, last.Rank); f.filter.selects(at) && last.Compare(p) < 0 {
			bucket := f.buckets.key(f.order(at))
			found = append(found, candidate{bucket: bucket, position: p, at: at, part: in, document: document})
		}
		if n%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return found, nil
}

// high returns the highest number or time that can come after last.
func (f *finder) high(last chat.Position) int64 {
	if f.search.Within.IsApp() {
		return min(f.filter.to-1, last.Created)
	}
	return min(f.filter.before-1, last.Number)
}

// low returns the lowest number or time that the filter selects.
func (f *finder) low() int64 {
	if f.search.Within.IsApp() {
		return f.filter.from
	}
	return f.filter.after + 1
}

// order returns the number or time by which a message is in a bucket.
func (f *finder) order(at place) int64 {
	if f.search.Within.IsApp() {
		return at.created
	}
	return at.number
}

// start returns the position before all hits of a rank.
func (f *finder) start(rank chat.Rank) chat.Position {
	return f.position(place{chat: math.MaxInt64, number: math.MaxInt64, created: math.MaxInt64}, rank)
}

func (f *finder) position(at place, rank chat.Rank) chat.Position {
	if !f.search.Within.IsApp() {
		return chat.Position{Rank: rank, Number: at.number}
	}
	return chat.Position{Rank: rank, Created: at.created, Chat: at.chat, Number: at.number}
}
