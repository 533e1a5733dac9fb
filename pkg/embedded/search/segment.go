package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chatapi/pkg/chat"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	index "github.com/blevesearch/bleve_index_api"
	segment "github.com/blevesearch/scorch_segment_api/v2"
)

// checkEvery is after how many steps of a loop a search looks whether it is
// still wanted.
const checkEvery = 1024

// segmentReader reads one segment of a snapshot for one search. What it returns
// may lie in the segment's file: it is valid while the snapshot is open, and is
// not to be changed.
type segmentReader struct {
	*scorch.SegmentSnapshot
	fields map[string]segment.TermDictionary
	values segment.DocVisitState // of the place that was read last
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

// having returns the documents that have a term, deleted ones among them.
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
func (s *segmentReader) place(document uint32) (p place, err error) {
	values, ok := s.Segment().(segment.DocValueVisitable)
	if !ok {
		return p, errNoPlace
	}
	decodeErr := errNoPlace
	s.values, err = values.VisitDocValues(uint64(document), placeFields, func(_ string, key []byte) { p, decodeErr = decodePlace(key) }, s.values)
	return p, errors.Join(err, decodeErr)
}

var placeFields = []string{placeField}

// message reads the message of an app in a document, whose place is known.
func (s *segmentReader) message(document uint32, at place, app string) (chat.Message, error) {
	m := chat.Message{
		AppToken: app, ChatNumber: at.chat, Number: at.number, Version: at.version,
		CreatedAt: time.UnixMilli(at.created).UTC(), UpdatedAt: time.UnixMilli(at.updated).UTC(),
	}
	decodeErr := errNoMessage
	err := s.VisitDocument(uint64(document), func(field string, _ byte, value []byte, _ []uint64) bool {
		switch field {
		case bodyField:
			m.Body, decodeErr = string(value), nil
		case byField:
			m.Sender = string(value)
		case metadataField:
			decodeErr = json.Unmarshal(value, &m.Metadata)
		}
		return true
	})
	if err := errors.Join(err, decodeErr); err != nil {
		return m, fmt.Errorf("read message %d of chat %d: %w", at.number, at.chat, err)
	}
	return m, nil
}

var errNoMessage = errors.New("the index does not hold its text")

// snapshot is what scorch's readers are.
type snapshot interface {
	index.IndexReader
	Segments() []*scorch.SegmentSnapshot
}
