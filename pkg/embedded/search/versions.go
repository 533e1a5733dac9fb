package search

import (
	"context"
	"fmt"
	"slices"

	"chatapi/pkg/chat"

	index "github.com/blevesearch/bleve_index_api"
)

var _ chat.VersionIndex = (*Index)(nil)

// Versions implements chat.VersionIndex with a look-up of each number.
func (x *Index) Versions(ctx context.Context, id chat.ChatID, first, last int64) (map[int64]chat.Indexed, error) {
	x.open.RLock()
	defer x.open.RUnlock()
	if x.closed {
		return nil, errClosed
	}
	held, err := x.versions(ctx, id, first, last)
	if err != nil {
		return nil, fmt.Errorf("%w: read versions: %w", chat.ErrUnavailable, err)
	}
	return held, nil
}

// indexed is a document of the index and its message's number and version.
type indexed struct {
	document index.IndexInternalID
	number   int64
	version  int64
}

func (x *Index) versions(ctx context.Context, id chat.ChatID, first, last int64) (map[int64]chat.Indexed, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	reader, err := x.engine.Reader()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	found, err := indexedNumbers(reader, id, first, last)
	if err != nil {
		return nil, err
	}
	live, err := reader.TermFieldReader(ctx, []byte(scopeOf(id)), scopeField, false, false, false)
	if err != nil {
		return nil, err
	}
	defer live.Close()
	held := make(map[int64]chat.Indexed, len(found))
	for _, f := range found {
		next, err := live.Advance(f.document, nil)
		if err != nil {
			return nil, err
		}
		held[f.number] = chat.Indexed{Version: f.version, Deleted: next == nil || !next.ID.Equals(f.document)}
	}
	return held, nil
}

// indexedNumbers returns the documents of messages, in the order of the index.
func indexedNumbers(reader index.IndexReader, id chat.ChatID, first, last int64) ([]indexed, error) {
	values, err := reader.DocValueReader([]string{placeField})
	if err != nil {
		return nil, err
	}
	var found []indexed
	for n := first; n <= last; n++ {
		m := chat.Message{AppToken: id.AppToken, ChatNumber: id.Number, Number: n}
		document, err := reader.InternalID(m.DocumentID())
		if err != nil {
			return nil, err
		}
		if document == nil {
			continue
		}
		p, err := readPlace(values, document)
		if err != nil {
			return nil, err
		}
		found = append(found, indexed{document: document, number: n, version: p.version})
	}
	slices.SortFunc(found, func(a, b indexed) int { return a.document.Compare(b.document) })
	return found, nil
}
