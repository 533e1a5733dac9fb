package search

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"chatapi/pkg/chat"

	"github.com/blevesearch/bleve/v2/index/scorch"
)

// Search implements chat.Index. It reads a snapshot of the index, so a concurrent
// Apply does not change what it finds.
func (x *Index) Search(ctx context.Context, search chat.Search) (chat.SearchResult, error) {
	x.open.RLock()
	defer x.open.RUnlock()
	if x.closed {
		return chat.SearchResult{}, errClosed
	}
	reader, err := x.engine.Reader()
	if err != nil {
		return chat.SearchResult{}, fmt.Errorf("%w: read the search index: %w", chat.ErrUnavailable, err)
	}
	defer reader.Close()
	f := &finder{
		reader: reader.(snapshot), search: search, filter: newFilter(search),
		prefix: prefixOf(search.Within.AppToken), buckets: bucketsOf(search.Within), costs: x.costs,
		vocabularies: x.vocabularies, newestBuckets: x.newestBuckets,
	}
	found, err := f.page(ctx)
	if err != nil {
		terms := len(search.Query.Terms)
		return chat.SearchResult{}, fmt.Errorf("%w: search %d terms: %w", chat.ErrUnavailable, terms, err)
	}
	return found, nil
}

// finder finds the hits of one search in one snapshot of the index.
type finder struct {
	reader  snapshot
	search  chat.Search
	filter  filter
	prefix  string // of the app's terms
	buckets buckets
	costs   costs

	vocabularies  *vocabularies
	newestBuckets *newestBuckets

	parts []part
}

// present reports whether the snapshot has a segment.
func (f *finder) present(segment uint64) bool {
	return slices.ContainsFunc(f.reader.Segments(), func(s *scorch.SegmentSnapshot) bool { return s.Id() == segment })
}

func (f *finder) page(ctx context.Context) (found chat.SearchResult, err error) {
	if err := ctx.Err(); err != nil {
		return found, err
	}
	if found.IndexedThrough, err = indexedThrough(f.reader); err != nil {
		return found, err
	}
	if len(f.search.Query.Terms) == 0 {
		return found, nil
	}
	if found.Hits, err = f.find(ctx); err != nil {
		return found, err
	}
	if found.More = len(found.Hits) > f.search.Limit; found.More {
		found.Hits = found.Hits[:f.search.Limit]
	}
	return found, nil
}

// find returns the hits of the page, and one more if there are more.
func (f *finder) find(ctx context.Context) (hits []chat.Hit, err error) {
	for _, s := range f.reader.Segments() {
		p, err := f.newPart(newSegmentReader(s))
		if err != nil {
			return nil, err
		}
		if !p.left.IsEmpty() {
			f.parts = append(f.parts, p)
		}
	}
	limit := f.search.Limit + 1
	for _, rank := range chat.Ranks() {
		found, err := f.findRank(ctx, rank, limit-len(hits))
		if errors.Is(err, errMisses) {
			f.costs.check, f.costs.few = lookUpAll, 0
			found, err = f.findRank(ctx, rank, limit-len(hits))
		}
		if err != nil {
			return nil, err
		}
		if hits = append(hits, found...); len(hits) == limit {
			break
		}
	}
	return hits, nil
}

// findRank returns up to limit hits of a rank, in order. It returns errMisses if
// very many messages that it checks do not match.
func (f *finder) findRank(ctx context.Context, rank chat.Rank, limit int) ([]chat.Hit, error) {
	last := f.search.Last
	switch {
	case last.Rank != 0 && last.Rank < rank:
		return nil, nil // all of them are on earlier pages
	case last.Rank != rank:
		last = f.start(rank)
	}
	hits, missed := make([]chat.Hit, 0, limit), 0
	for c, err := range f.newest(ctx, rank, last) {
		if err != nil {
			return nil, err
		}
		h, err := f.check(ctx, c, rank)
		switch {
		case err != nil:
			return nil, err
		case h.Rank == rank:
			hits = append(hits, h)
		case f.parts[c.part].guessed && f.costs.check != lookUpAll:
			missed++
		}
		if missed > f.costs.misses {
			return nil, errMisses
		}
		if len(hits) == limit {
			break
		}
	}
	return hits, nil
}

// errMisses is returned by findRank if it is better to look up all words.
var errMisses = errors.New("too few of the messages that were checked match")

// check reads a candidate for a rank and returns it with its real rank.
func (f *finder) check(ctx context.Context, c candidate, rank chat.Rank) (h chat.Hit, err error) {
	if err := ctx.Err(); err != nil {
		return h, err
	}
	p := &f.parts[c.part]
	if h.Message, err = p.message(c.document, c.at, f.search.Within.AppToken); err != nil {
		return h, err
	}
	h.Rank = rank
	if !f.certain(p) {
		h.Rank = f.search.Query.Rank(chat.Fold(h.Message.Body))
	}
	return h, nil
}
