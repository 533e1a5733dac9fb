package search

import (
	"container/heap"
	"context"
	"math"
	"slices"

	"chatapi/pkg/chat"

	blevesearch "github.com/blevesearch/bleve/v2/search"
	index "github.com/blevesearch/bleve_index_api"
)

// checkEvery is after how many entries a walk looks whether it is still wanted.
const checkEvery = 1024

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

// candidate is a message that may be a hit.
type candidate struct {
	position chat.Position
	id       index.IndexInternalID
}

// first keeps the first of the candidates that it is given, with the last of
// them on top of a heap.
type first []candidate

func (f first) Len() int           { return len(f) }
func (f first) Less(i, j int) bool { return f[i].position.Compare(f[j].position) > 0 }
func (f first) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *first) Push(c any)        { *f = append(*f, c.(candidate)) }
func (f *first) Pop() any          { panic("first only grows") }

func (f *first) offer(p chat.Position, id index.IndexInternalID, most int) {
	switch {
	case len(*f) < most:
		heap.Push(f, candidate{position: p, id: slices.Clone(id)})
	case p.Compare((*f)[0].position) < 0:
		(*f)[0] = candidate{position: p, id: append((*f)[0].id[:0], id...)}
		heap.Fix(f, 0)
	}
}

// collect returns the first candidates after last, up to most, in the order of
// hits of one rank.
func (f *finder) collect(ctx context.Context, matching func(context.Context) (blevesearch.Searcher, error), last chat.Position, most int) ([]candidate, error) {
	matches, err := matching(ctx)
	if err != nil {
		return nil, err
	}
	defer matches.Close()
	values, err := f.reader.DocValueReader([]string{placeField})
	if err != nil {
		return nil, err
	}
	walk := &blevesearch.SearchContext{
		DocumentMatchPool: blevesearch.NewDocumentMatchPool(matches.DocumentMatchPoolSize()+1, 0), IndexReader: f.reader,
	}
	var found first
	for n := 1; ; n++ {
		d, err := matches.Next(walk)
		if err != nil {
			return nil, err
		}
		if d == nil {
			slices.SortFunc(found, func(a, b candidate) int { return a.position.Compare(b.position) })
			return found, nil
		}
		at, err := readPlace(values, d.IndexInternalID)
		if err != nil {
			return nil, err
		}
		if p := f.position(at, last.Rank); f.filter.lets(at) && last.Compare(p) < 0 {
			found.offer(p, d.IndexInternalID, most)
		}
		walk.DocumentMatchPool.Put(d)
		if n%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// start returns the position before all hits of a rank.
func (f *finder) start(rank chat.Rank) chat.Position {
	return f.position(place{created: math.MaxInt64, number: math.MaxInt64}, rank)
}

func (f *finder) position(at place, rank chat.Rank) chat.Position {
	if f.search.Chat.Number != 0 {
		return chat.Position{Rank: rank, Number: at.number}
	}
	return chat.Position{Rank: rank, Created: at.created, Chat: at.chat, Number: at.number}
}
