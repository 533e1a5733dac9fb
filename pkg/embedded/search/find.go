package search

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"chatapi/pkg/chat"

	blevesearch "github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/collector"
	"github.com/blevesearch/bleve/v2/search/searcher"
	index "github.com/blevesearch/bleve_index_api"
)

// noScores lets scorch answer a search with set operations alone: the order
// comes from rank and number.
var noScores = blevesearch.SearcherOptions{Score: "none"}

// Search implements chat.Index. It sees the index at one moment, whatever
// Apply does meanwhile.
func (x *Index) Search(ctx context.Context, search chat.Search) ([]chat.Hit, bool, error) {
	if len(search.Query.Terms) == 0 {
		return nil, false, nil
	}
	x.open.RLock()
	defer x.open.RUnlock()
	if x.closed {
		return nil, false, errClosed
	}
	reader, err := x.engine.Reader()
	if err != nil {
		return nil, false, fmt.Errorf("%w: read the search index: %w", chat.ErrUnavailable, err)
	}
	defer reader.Close()
	hits, err := newFinder(reader, search).find(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("%w: search %d terms: %w", chat.ErrUnavailable, len(search.Query.Terms), err)
	}
	if len(hits) > search.Limit {
		return hits[:search.Limit], true, nil
	}
	return hits, false, nil
}

// finder answers one search from one snapshot of the index.
type finder struct {
	reader index.IndexReader
	search chat.Search
	scope  string
	words  dictionary
	unread error // why a filter could not read a document
}

func newFinder(reader index.IndexReader, search chat.Search) *finder {
	s := scope(search.Chat)
	return &finder{reader: reader, search: search, scope: s, words: dictionary{reader: reader, scope: s, terms: search.Query.Terms}}
}

// find returns the hits of the page and, where there are more, one of those.
func (f *finder) find(ctx context.Context) ([]chat.Hit, error) {
	var hits []chat.Hit
	for _, rank := range chat.Ranks() {
		after := f.search.After
		if after.Rank != 0 && rank > after.Rank {
			continue
		}
		var below int64 // a number, or 0 for all
		if rank == after.Rank {
			below = after.Number
		}
		found, err := f.findRank(ctx, rank, below, f.search.Limit+1-len(hits))
		if err != nil {
			return nil, err
		}
		hits = append(hits, found...)
		if len(hits) > f.search.Limit {
			break
		}
	}
	return hits, nil
}

// findRank returns up to most hits of a rank, highest number first. Candidates
// that hold the words of a phrase apart from each other are no hits, so it may
// take several rounds; each takes more candidates than the one before.
func (f *finder) findRank(ctx context.Context, rank chat.Rank, below int64, most int) ([]chat.Hit, error) {
	var hits []chat.Hit
	for size := most; ; size *= 2 {
		candidates, err := f.candidates(ctx, rank, below, size)
		if err != nil {
			return nil, err
		}
		for _, c := range candidates {
			m, err := f.message(c.ID)
			if err != nil {
				return nil, err
			}
			below = m.Number
			if r, _ := f.search.Query.Match(m.Body); r != rank {
				continue
			}
			if hits = append(hits, chat.Hit{Message: m, Rank: rank}); len(hits) == most {
				return hits, nil
			}
		}
		if len(candidates) < size {
			return hits, nil
		}
	}
}

// order is by place, which begins with the message's number.
func order() blevesearch.SortOrder {
	return blevesearch.SortOrder{&blevesearch.SortField{Field: placeField, Desc: true, Type: blevesearch.SortFieldAsString}}
}

func (f *finder) candidates(ctx context.Context, rank chat.Rank, below int64, size int) (blevesearch.DocumentMatchCollection, error) {
	matches, err := f.matches(ctx, rank)
	if err != nil {
		return nil, err
	}
	defer matches.Close()
	top := collector.NewTopNCollector(size, 0, order())
	if below > 0 {
		top = collector.NewTopNCollectorAfter(size, order(), []string{numberKey(below)})
	}
	err = top.Collect(ctx, matches, f.reader)
	if err = errors.Join(err, f.unread); err != nil {
		return nil, err
	}
	return top.Results(), nil
}

// matches returns a searcher of the messages that match with this rank and
// pass the filters.
func (f *finder) matches(ctx context.Context, rank chat.Rank) (blevesearch.Searcher, error) {
	all, err := f.termsMatch(ctx, rank)
	if err != nil {
		return nil, err
	}
	if f.search.Sender != "" {
		sender, err := searcher.NewTermSearcher(ctx, f.reader, f.scope+f.search.Sender, senderField, 1, noScores)
		if err != nil {
			return nil, err
		}
		all = append(all, sender)
	}
	found, err := searcher.NewConjunctionSearcher(ctx, f.reader, all, noScores)
	if err != nil {
		return nil, err
	}
	if rank < chat.Whole {
		found, err = f.without(ctx, found, rank+1)
		if err != nil {
			return nil, err
		}
	}
	return f.within(ctx, found, periodOf(f.search))
}

// without leaves out what matches with a rank or a better one.
func (f *finder) without(ctx context.Context, found blevesearch.Searcher, rank chat.Rank) (blevesearch.Searcher, error) {
	all, err := f.termsMatch(ctx, rank)
	if err != nil {
		return nil, err
	}
	better, err := searcher.NewConjunctionSearcher(ctx, f.reader, all, noScores)
	if err != nil {
		return nil, err
	}
	return searcher.NewBooleanSearcher(ctx, f.reader, found, nil, better, noScores)
}

// within leaves out what was created outside of the period.
func (f *finder) within(ctx context.Context, found blevesearch.Searcher, p period) (blevesearch.Searcher, error) {
	if p.all() {
		return found, nil
	}
	values, err := f.reader.DocValueReader([]string{placeField})
	if err != nil {
		return nil, err
	}
	return searcher.NewFilteringSearcher(ctx, found, func(_ *blevesearch.SearchContext, d *blevesearch.DocumentMatch) bool {
		at, err := readPlace(values, d.IndexInternalID)
		if err != nil {
			f.unread = err
		}
		return err == nil && p.holds(at.created)
	}), nil
}

// termsMatch returns one searcher per word of the query, or one for each word
// of a phrase, of the messages where it matches with this rank or a better one.
func (f *finder) termsMatch(ctx context.Context, rank chat.Rank) ([]blevesearch.Searcher, error) {
	var all []blevesearch.Searcher
	for i, term := range f.search.Query.Terms {
		if term.Phrase {
			for _, w := range term.Words {
				s, err := f.anyOf(ctx, []string{f.scope + w})
				if err != nil {
					return nil, err
				}
				all = append(all, s)
			}
			continue
		}
		words, err := f.words.matching(ctx, i, rank)
		if err != nil {
			return nil, err
		}
		s, err := f.anyOf(ctx, words)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func (f *finder) anyOf(ctx context.Context, terms []string) (blevesearch.Searcher, error) {
	if len(terms) == 0 {
		return searcher.NewMatchNoneSearcher(f.reader)
	}
	return searcher.NewMultiTermSearcher(ctx, f.reader, terms, wordsField, 1, noScores, false)
}

func (f *finder) message(id string) (m chat.Message, err error) {
	doc, err := f.reader.Document(id)
	if err != nil {
		return m, fmt.Errorf("read message %s: %w", id, err)
	}
	if doc == nil {
		return m, fmt.Errorf("read message %s: the index has lost it", id)
	}
	err = errors.New("the index holds no text of it")
	doc.VisitFields(func(field index.Field) {
		if field.Name() == messageField {
			err = json.Unmarshal(field.Value(), &m)
		}
	})
	if err != nil {
		return m, fmt.Errorf("read message %s: %w", id, err)
	}
	return m, nil
}

// dictionary finds the words of one chat that a query's terms match.
type dictionary struct {
	reader index.IndexReader
	scope  string
	terms  []chat.Term
	parts  [][]string // by term, once they are known
}

// matching returns the words that a term matches with this rank or a better
// one, each with the scope in front.
func (d *dictionary) matching(ctx context.Context, term int, rank chat.Rank) ([]string, error) {
	word := d.terms[term].Words[0]
	switch rank {
	case chat.Whole:
		return []string{d.scope + word}, nil
	case chat.Beginning:
		var begin []string
		err := d.walk(ctx, d.scope+word, func(entry string) { begin = append(begin, entry) })
		return begin, err
	}
	if d.parts == nil {
		if err := d.findParts(ctx); err != nil {
			return nil, err
		}
	}
	return d.parts[term], nil
}

// findParts fills parts in one walk over the chat's words.
func (d *dictionary) findParts(ctx context.Context) error {
	d.parts = make([][]string, len(d.terms))
	return d.walk(ctx, d.scope, func(entry string) {
		for i, t := range d.terms {
			if !t.Phrase && strings.Contains(entry[len(d.scope):], t.Words[0]) {
				d.parts[i] = append(d.parts[i], entry)
			}
		}
	})
}

// checkEvery is after how many words a walk looks whether it is still wanted.
const checkEvery = 1024

func (d *dictionary) walk(ctx context.Context, prefix string, visit func(entry string)) error {
	entries, err := d.reader.FieldDictPrefix(wordsField, []byte(prefix))
	if err != nil {
		return err
	}
	defer entries.Close()
	for n := 1; ; n++ {
		entry, err := entries.Next()
		if err != nil || entry == nil {
			return err
		}
		visit(entry.Term)
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
