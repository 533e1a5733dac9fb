package search

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"chatapi/pkg/chat"

	"github.com/blevesearch/bleve/v2/index/scorch"
	blevesearch "github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/searcher"
	index "github.com/blevesearch/bleve_index_api"
)

// noScores lets scorch answer a search with set operations alone: the order
// comes from rank and place.
var noScores = blevesearch.SearcherOptions{Score: "none"}

// Search implements chat.Index. It sees the index at one moment, whatever
// Apply does meanwhile.
func (x *Index) Search(ctx context.Context, search chat.Search) (chat.Found, error) {
	x.open.RLock()
	defer x.open.RUnlock()
	if x.closed {
		return chat.Found{}, errClosed
	}
	rebuilding := x.rebuilding.Load() // before the reader: what ends later may be missing there
	reader, err := x.engine.Reader()
	if err != nil {
		return chat.Found{}, fmt.Errorf("%w: read the search index: %w", chat.ErrUnavailable, err)
	}
	defer reader.Close()
	found, err := newFinder(reader.(snapshot), search, x.limits).page(ctx)
	if err != nil {
		return chat.Found{}, fmt.Errorf("%w: search %d terms: %w", chat.ErrUnavailable, len(search.Query.Terms), err)
	}
	if rebuilding {
		found.IndexedThrough = time.Time{}
	}
	return found, nil
}

// snapshot is what scorch's readers are.
type snapshot interface {
	index.IndexReader
	Segments() []*scorch.SegmentSnapshot
}

// finder answers one search from one snapshot of the index.
type finder struct {
	reader snapshot
	search chat.Search
	filter filter
	words  *dictionary
}

func newFinder(reader snapshot, search chat.Search, most limits) *finder {
	return &finder{reader: reader, search: search, filter: newFilter(search), words: newDictionary(reader, search, most)}
}

func (f *finder) page(ctx context.Context) (found chat.Found, err error) {
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

// find returns the hits of the page and, where there are more, one of those.
// Whole words are few look-ups. Only where they do not fill the page the rest
// is looked for.
func (f *finder) find(ctx context.Context) (hits []chat.Hit, err error) {
	most := f.search.Limit + 1
	if last := f.search.Last.Rank; last == 0 || last == chat.Whole {
		if hits, err = f.findRank(ctx, chat.Whole, most); err != nil || len(hits) == most {
			return hits, err
		}
	}
	messages, err := f.count(ctx)
	if err != nil {
		return nil, err
	}
	f.words.messages = messages
	if f.search.Chat.Number != 0 && messages <= f.words.most.ofChat {
		rest, err := f.readAll(ctx, most-len(hits))
		return append(hits, rest...), err
	}
	for _, rank := range []chat.Rank{chat.Beginning, chat.Part} {
		if last := f.search.Last.Rank; last != 0 && rank > last {
			continue
		}
		found, err := f.findRank(ctx, rank, most-len(hits))
		if err != nil {
			return nil, err
		}
		if hits = append(hits, found...); len(hits) == most {
			break
		}
	}
	return hits, nil
}

// count returns how many messages there are in what is searched.
func (f *finder) count(ctx context.Context) (int, error) {
	messages, err := f.all(ctx)
	if err != nil {
		return 0, err
	}
	defer messages.Close()
	return int(messages.Count()), nil
}

// all returns a searcher of all messages of what is searched.
func (f *finder) all(ctx context.Context) (blevesearch.Searcher, error) {
	return f.anyOf(ctx, f.scope())
}

func (f *finder) scope() lookup { return lookup{scopeField, []string{scopeOf(f.search.Chat)}} }

// readAll returns up to most hits of the chat that do not match as whole
// words. It reads every message of the chat.
func (f *finder) readAll(ctx context.Context, most int) ([]chat.Hit, error) {
	candidates, err := f.collect(ctx, f.all, f.start(chat.Part), f.words.most.ofChat)
	if err != nil {
		return nil, err
	}
	var hits []chat.Hit
	for _, c := range candidates {
		m, err := f.message(ctx, c)
		if err != nil {
			return nil, err
		}
		h := chat.Hit{Message: m, Rank: f.search.Query.Rank(chat.Fold(m.Body))}
		after := f.search.Last == chat.Position{} || f.search.Last.Compare(f.search.Position(h)) < 0
		sender := f.search.Sender == "" || f.search.Sender == m.Sender
		if h.Rank != 0 && h.Rank < chat.Whole && after && sender {
			hits = append(hits, h)
		}
	}
	slices.SortFunc(hits, func(a, b chat.Hit) int { return f.search.Position(a).Compare(f.search.Position(b)) })
	return hits[:min(len(hits), most)], nil
}

// moreEachRound is how many times more candidates a round takes than the one
// before it.
const moreEachRound = 8

// findRank returns up to most hits of a rank, in their order. Candidates may
// hold the words of a term apart from each other and be no hits, so it may
// take several rounds.
func (f *finder) findRank(ctx context.Context, rank chat.Rank, most int) ([]chat.Hit, error) {
	last := f.start(rank)
	if f.search.Last.Rank == rank {
		last = f.search.Last
	}
	matches := func(ctx context.Context) (blevesearch.Searcher, error) { return f.matches(ctx, rank) }
	var hits []chat.Hit
	size := most
	if rank < chat.Whole {
		size *= moreEachRound // words may not be looked up
	}
	for ; ; size *= moreEachRound {
		candidates, err := f.collect(ctx, matches, last, size)
		if err != nil {
			return nil, err
		}
		for _, c := range candidates {
			m, err := f.message(ctx, c)
			if err != nil {
				return nil, err
			}
			if f.search.Query.Rank(chat.Fold(m.Body)) != rank {
				continue
			}
			if hits = append(hits, chat.Hit{Message: m, Rank: rank}); len(hits) == most {
				return hits, nil
			}
		}
		if len(candidates) < size {
			return hits, nil
		}
		last = candidates[size-1].position
	}
}

// matches returns a searcher of the messages that may match with this rank.
func (f *finder) matches(ctx context.Context, rank chat.Rank) (blevesearch.Searcher, error) {
	needed, _, err := f.words.needed(ctx, rank)
	if err != nil {
		return nil, err
	}
	if f.search.Chat.Number != 0 || len(needed) == 0 {
		needed = append(needed, f.scope())
	}
	if f.search.Sender != "" {
		needed = append(needed, lookup{senderField, []string{prefixOf(f.search.Chat.AppToken) + f.search.Sender}})
	}
	if rank == chat.Whole {
		return f.allOf(ctx, needed)
	}
	added, err := f.words.added(ctx, rank)
	if err != nil {
		return nil, err
	}
	if len(added) == 0 {
		return searcher.NewMatchNoneSearcher(f.reader)
	}
	better, complete, err := f.words.needed(ctx, rank+1)
	switch {
	case err != nil:
		return nil, err
	case complete && f.words.exact:
		return f.allBut(ctx, needed, better)
	case len(added) <= f.words.most.ofTerm:
		needed = append(needed, lookup{wordsField, added})
	}
	return f.allOf(ctx, needed)
}

// allBut leaves out what is found by all of the second look-ups.
func (f *finder) allBut(ctx context.Context, needed, better []lookup) (blevesearch.Searcher, error) {
	found, err := f.allOf(ctx, needed)
	if err != nil {
		return nil, err
	}
	without, err := f.allOf(ctx, better)
	if err != nil {
		return nil, err
	}
	return searcher.NewBooleanSearcher(ctx, f.reader, found, nil, without, noScores)
}

func (f *finder) allOf(ctx context.Context, needed []lookup) (blevesearch.Searcher, error) {
	all := make([]blevesearch.Searcher, len(needed))
	for i, l := range needed {
		s, err := f.anyOf(ctx, l)
		if err != nil {
			return nil, err
		}
		all[i] = s
	}
	return searcher.NewConjunctionSearcher(ctx, f.reader, all, noScores)
}

func (f *finder) anyOf(ctx context.Context, l lookup) (blevesearch.Searcher, error) {
	switch len(l.terms) {
	case 0:
		return searcher.NewMatchNoneSearcher(f.reader)
	case 1:
		return searcher.NewTermSearcher(ctx, f.reader, l.terms[0], l.field, 1, noScores)
	default:
		return searcher.NewMultiTermSearcher(ctx, f.reader, l.terms, l.field, 1, noScores, false)
	}
}

// message reads a message from its place in its segment. A look-up by its name
// would search all segments for that.
func (f *finder) message(ctx context.Context, c candidate) (m chat.Message, err error) {
	if err := ctx.Err(); err != nil {
		return m, err
	}
	number := c.id.Value()
	for _, s := range f.reader.Segments() {
		if size := uint64(s.FullSize()); number >= size {
			number -= size
			continue
		}
		err = errNoMessage
		readErr := s.VisitDocument(number, func(field string, _ byte, value []byte, _ []uint64) bool {
			if field == messageField {
				err = json.Unmarshal(value, &m)
			}
			return field != messageField
		})
		if err = errors.Join(readErr, err); err != nil {
			return m, fmt.Errorf("read a message: %w", err)
		}
		return m, nil
	}
	return m, fmt.Errorf("read a message: %w", errNoMessage)
}

var errNoMessage = errors.New("the index does not hold its text")
