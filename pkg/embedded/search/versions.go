package search

import (
	"context"
	"fmt"

	"chatapi/pkg/chat"

	"github.com/RoaringBitmap/roaring/v2"
)

var _ chat.VersionIndex = (*Index)(nil)

// Versions implements chat.VersionIndex. It reads the buckets of the numbers.
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

func (x *Index) versions(ctx context.Context, id chat.ChatID, first, last int64) (map[int64]chat.Indexed, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	reader, err := x.engine.Reader()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	held := map[int64]chat.Indexed{}
	for _, s := range reader.(snapshot).Segments() {
		if err := newSegmentReader(s).versions(id, first, last, held); err != nil {
			return nil, err
		}
	}
	return held, nil
}

// versions adds the messages of a chat in a segment to held.
func (s *segmentReader) versions(id chat.ChatID, first, last int64, held map[int64]chat.Indexed) error {
	live, err := s.having(scopeField, []byte(id.String()))
	if err != nil {
		return err
	}
	documents, err := s.numbered(id, first, last)
	if err != nil {
		return err
	}
	for it := documents.Iterator(); it.HasNext(); {
		document := it.Next()
		at, err := s.place(document)
		if err != nil {
			return err
		}
		if at.chat != id.Number || at.number < first || at.number > last {
			continue
		}
		m, err := s.message(document, at, id.AppToken)
		if err != nil {
			return err
		}
		held[at.number] = chat.Indexed{Version: m.Version, CreatedAt: m.CreatedAt, Deleted: !live.Contains(document)}
	}
	return nil
}

// numbered returns the documents of a chat in the buckets of these numbers.
func (s *segmentReader) numbered(id chat.ChatID, first, last int64) (*roaring.Bitmap, error) {
	all, found := bucketsOf(id.Parent()), roaring.New()
	for bucket := all.key(last); bucket <= all.key(first); bucket++ {
		in, err := s.having(bucketField, []byte(all.term(bucket)))
		if err != nil {
			return nil, err
		}
		found.Or(in)
	}
	if deleted := s.Deleted(); deleted != nil {
		found.AndNot(deleted)
	}
	return found, nil
}
