package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"chatapi/pkg/chat"

	"github.com/blevesearch/bleve/v2/document"
	index "github.com/blevesearch/bleve_index_api"
)

// The fields of a document.
const (
	wordsField   = "words"
	senderField  = "sender"
	placeField   = "place"
	messageField = "message"
)

// scope stands in front of each term that belongs to a chat. No word and no
// chat's name has a space in it, so a chat's terms are one range of the
// dictionary.
func scope(id chat.ChatID) string { return id.String() + " " }

// newDocument returns a message's document; a deleted message's has nothing
// but its place.
func newDocument(id string, m chat.Message) (*document.Document, error) {
	doc := document.NewDocument(id)
	doc.AddField(document.NewTextFieldWithIndexingOptions(placeField, nil, []byte(placeOf(m).key()),
		index.IndexField|index.SkipFreqNorm|index.DocValues))
	if m.Deleted() {
		return doc, nil
	}
	stored, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode message %s: %w", id, err)
	}
	chatScope := scope(m.ChatID())
	doc.AddField(document.NewTextFieldWithIndexingOptions(messageField, nil, stored, index.StoreField))
	doc.AddField(newTerms(wordsField, chatScope, strings.Fields(chat.Fold(m.Body))))
	if m.Sender != "" {
		doc.AddField(newTerms(senderField, chatScope, []string{m.Sender}))
	}
	return doc, nil
}

// terms is a field of ready-made terms. It stands in for bleve's text field
// and analyzer, which would allocate each term several times.
type terms struct {
	name  string
	found index.TokenFrequencies
	bytes int
}

func newTerms(name, scope string, texts []string) *terms {
	t := &terms{name: name, found: make(index.TokenFrequencies, len(texts))}
	for _, text := range texts {
		term := scope + text
		if _, ok := t.found[term]; ok {
			continue
		}
		t.found[term] = &index.TokenFreq{Term: []byte(term)}
		t.bytes += len(text)
	}
	return t
}

func (t *terms) Name() string                                     { return t.name }
func (t *terms) Value() []byte                                    { return nil }
func (t *terms) ArrayPositions() []uint64                         { return nil }
func (t *terms) EncodedFieldType() byte                           { return 't' }
func (t *terms) Analyze()                                         {}
func (t *terms) Options() index.FieldIndexingOptions              { return index.IndexField | index.SkipFreqNorm }
func (t *terms) AnalyzedLength() int                              { return len(t.found) }
func (t *terms) AnalyzedTokenFrequencies() index.TokenFrequencies { return t.found }
func (t *terms) NumPlainTextBytes() uint64                        { return uint64(t.bytes) }
func (t *terms) Size() int                                        { return t.bytes }

// place is what a search sorts and filters by, without reading the message.
type place struct {
	number  int64
	created int64 // milliseconds since 1970
	version int64
}

func placeOf(m chat.Message) place {
	return place{number: m.Number, created: m.CreatedAt.UnixMilli(), version: m.Version}
}

// key returns the place as text that sorts by number. It has no byte 0xFF,
// which separates values in scorch.
func (p place) key() string {
	return numberKey(p.number) + sortableHex(p.created) + sortableHex(p.version)
}

func numberKey(number int64) string { return sortableHex(number) }

const hexDigits = 16

// sortableHex returns hexadecimal digits that sort as the numbers do, negative
// ones first.
func sortableHex(n int64) string {
	return fmt.Sprintf("%0*x", hexDigits, uint64(n)^(1<<63))
}

func parsePlace(key []byte) (place, error) {
	if len(key) != 3*hexDigits {
		return place{}, fmt.Errorf("place %q does not have %d digits", key, 3*hexDigits)
	}
	var n [3]int64
	for i := range n {
		u, err := strconv.ParseUint(string(key[i*hexDigits:(i+1)*hexDigits]), 16, 64)
		if err != nil {
			return place{}, fmt.Errorf("place %q: %w", key, err)
		}
		n[i] = int64(u ^ (1 << 63))
	}
	return place{number: n[0], created: n[1], version: n[2]}, nil
}

func readPlace(values index.DocValueReader, id index.IndexInternalID) (place, error) {
	var p place
	var parseErr error
	err := values.VisitDocValues(id, func(_ string, key []byte) { p, parseErr = parsePlace(key) })
	return p, errors.Join(err, parseErr)
}

// period is the range of creation times that a search lets through.
type period struct {
	from, to int64 // milliseconds since 1970; to is not in it
}

func periodOf(s chat.Search) period {
	p := period{from: math.MinInt64, to: math.MaxInt64}
	if !s.From.IsZero() {
		p.from = chat.CeilMilli(s.From)
	}
	if !s.To.IsZero() {
		p.to = chat.CeilMilli(s.To)
	}
	return p
}

func (p period) all() bool { return p.from == math.MinInt64 && p.to == math.MaxInt64 }

func (p period) holds(created int64) bool { return p.from <= created && created < p.to }
