package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"chatapi/pkg/chat"

	"github.com/blevesearch/bleve/v2/document"
	index "github.com/blevesearch/bleve_index_api"
)

// The fields of a document.
const (
	wordsField   = "words"
	pairsField   = "pairs"
	senderField  = "sender"
	scopeField   = "scope"
	placeField   = "place"
	messageField = "message"
)

// scopeOf returns the term that all messages of a chat have or, with number 0,
// of an app.
func scopeOf(id chat.ChatID) string {
	if id.Number == 0 {
		return id.AppToken
	}
	return id.String()
}

// prefixOf returns what stands in front of each other term of an app. No token
// has a space in it, so an app's terms are one range of the dictionary.
func prefixOf(appToken string) string { return appToken + " " }

// newDocument returns a message's document; a deleted message's has nothing
// but its place.
func newDocument(id string, m chat.Message) (*document.Document, error) {
	doc := document.NewDocument(id)
	doc.AddField(document.NewTextFieldWithIndexingOptions(placeField, nil, placeOf(m).encode(),
		index.IndexField|index.SkipFreqNorm|index.DocValues))
	if m.Deleted() {
		return doc, nil
	}
	stored, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode message %s: %w", id, err)
	}
	app, words := prefixOf(m.AppToken), strings.Fields(chat.Fold(m.Body))
	doc.AddField(document.NewTextFieldWithIndexingOptions(messageField, nil, stored, index.StoreField))
	doc.AddField(newTerms(scopeField, "", m.AppToken, m.ChatID().String()))
	doc.AddField(newTerms(wordsField, app, words...))
	if found := pairs(words); len(found) > 0 {
		doc.AddField(newTerms(pairsField, app, found...))
	}
	if m.Sender != "" {
		doc.AddField(newTerms(senderField, app, m.Sender))
	}
	return doc, nil
}

// pairs returns each two neighbours of a script without spaces. There a word is
// one character, and a search for the characters alone would have to look at
// nearly every message to find those where they stand side by side.
func pairs(words []string) []string {
	var found []string
	for i := 1; i < len(words); i++ {
		if chat.IsUnspaced(words[i-1]) && chat.IsUnspaced(words[i]) {
			found = append(found, pair(words[i-1], words[i]))
		}
	}
	return found
}

func pair(first, second string) string { return first + " " + second }

// terms is a field of ready-made terms. It stands in for bleve's text field
// and analyzer, which would allocate each term several times.
type terms struct {
	name  string
	found index.TokenFrequencies
	bytes int
}

func newTerms(name, prefix string, texts ...string) *terms {
	t := &terms{name: name, found: make(index.TokenFrequencies, len(texts))}
	for _, text := range texts {
		term := prefix + text
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
	chat    int64
	number  int64
	created int64 // milliseconds since 1970
	version int64
}

func placeOf(m chat.Message) place {
	return place{chat: m.ChatNumber, number: m.Number, created: m.CreatedAt.UnixMilli(), version: m.Version}
}

const (
	placeDigits = 8       // of one value, each with 7 bits
	placeBias   = 1 << 55 // makes every value of a message positive
)

// encode writes each value in digits of 7 bits, because the byte 0xFF
// separates values in scorch.
func (p place) encode() []byte {
	key := make([]byte, 0, 4*placeDigits)
	for _, n := range [...]int64{p.chat, p.number, p.created, p.version} {
		u := uint64(n + placeBias)
		for shift := 7 * (placeDigits - 1); shift >= 0; shift -= 7 {
			key = append(key, byte(u>>shift)&0x7F)
		}
	}
	return key
}

func decodePlace(key []byte) (place, error) {
	var n [4]int64
	if len(key) != len(n)*placeDigits {
		return place{}, fmt.Errorf("place %x does not have %d digits", key, len(n)*placeDigits)
	}
	for i := range n {
		var u uint64
		for _, digit := range key[i*placeDigits : (i+1)*placeDigits] {
			u = u<<7 | uint64(digit)
		}
		n[i] = int64(u) - placeBias
	}
	return place{chat: n[0], number: n[1], created: n[2], version: n[3]}, nil
}

var errNoPlace = errors.New("a message has no place")

func readPlace(values index.DocValueReader, id index.IndexInternalID) (place, error) {
	var p place
	decodeErr := errNoPlace
	err := values.VisitDocValues(id, func(_ string, key []byte) { p, decodeErr = decodePlace(key) })
	return p, errors.Join(err, decodeErr)
}
