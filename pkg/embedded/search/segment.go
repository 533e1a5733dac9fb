package search

import (
	"errors"
	"fmt"
	"time"

	"chatapi/pkg/chat"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	index "github.com/blevesearch/bleve_index_api"
	segment "github.com/blevesearch/scorch_segment_api/v2"
)

// checkEvery is the number of steps of a loop after which a search checks whether
// its context has ended.
const checkEvery = 1024

// segmentReader reads one segment of a snapshot for one search. What it returns may
// be memory of the segment's file: it is valid while the snapshot is open and must
// not be changed.
type segmentReader struct {
	*scorch.SegmentSnapshot
	fields map[string]segment.TermDictionary
}

func newSegmentReader(s *scorch.SegmentSnapshot) *segmentReader {
	return &segmentReader{SegmentSnapshot: s, fields: make(map[string]segment.TermDictionary)}
}

// terms returns the dictionary of a field.
func (s *segmentReader) terms(field string) (segment.TermDictionary, error) {
	if d, ok := s.fields[field]; ok {
		return d, nil
	}
	d, err := s.Segment().Dictionary(field)
	if err == nil {
		s.fields[field] = d
	}
	return d, err
}

// having returns the documents that have a term, also deleted ones.
func (s *segmentReader) having(field string, term []byte) (*roaring.Bitmap, error) {
	terms, err := s.terms(field)
	if err != nil {
		return nil, err
	}
	list, err := terms.PostingsList(term, nil, nil)
	if err != nil {
		return nil, err
	}
	postings, ok := list.Iterator(false, false, false, nil).(segment.OptimizablePostingsIterator)
	if !ok {
		return nil, fmt.Errorf("the segment format has no bitmaps: %T", list)
	}
	if document, ok := postings.DocNum1Hit(); ok {
		return roaring.BitmapOf(uint32(document)), nil
	}
	if found := postings.ActualBitmap(); found != nil {
		return found, nil
	}
	return roaring.New(), nil
}

// place reads the place of a document.
func (s *segmentReader) place(document uint32) (place, error) {
	name, err := s.DocID(uint64(document))
	if err != nil {
		return place{}, err
	}
	return decodeName(name)
}

// message reads the message of an app in a document, whose place is known.
func (s *segmentReader) message(document uint32, at place, app string) (chat.Message, error) {
	m := chat.Message{AppToken: app, ChatNumber: at.chat, Number: at.number}
	m.CreatedAt = time.UnixMilli(at.created).UTC()
	decodeErr := errCutOff
	err := s.VisitDocument(uint64(document), func(field string, _ byte, value []byte, _ []uint64) bool {
		if field == messageField {
			decodeErr = decodeStored(value, &m)
		}
		return true
	})
	if err := errors.Join(err, decodeErr); err != nil {
		return m, fmt.Errorf("read message %d of chat %d: %w", at.number, at.chat, err)
	}
	return m, nil
}

// snapshot is the type of scorch's readers.
type snapshot interface {
	index.IndexReader
	Segments() []*scorch.SegmentSnapshot
}
