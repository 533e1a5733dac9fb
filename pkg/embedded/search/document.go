package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"

	"chatapi/pkg/chat"

	"github.com/blevesearch/bleve/v2/document"
	index "github.com/blevesearch/bleve_index_api"
)

// The fields of a document that are searched.
const (
	wordsField  = "words"
	pairsField  = "pairs"
	senderField = "sender"
	scopeField  = "scope"
	bucketField = "bucket"
	placeField  = "place"
)

// The fields of a document that are stored only.
const (
	bodyField     = "body"
	byField       = "by" // the sender
	metadataField = "metadata"
)

// scopeOf returns the term that all messages of a chat have or, with number 0,
// of an app.
func scopeOf(id chat.ChatID) string {
	if id.Number == 0 {
		return id.AppToken
	}
	return id.String()
}

// prefixOf returns what stands in front of the other terms of an app or a chat:
// a hash, because a token of 36 characters would make each term several times
// as long. Two may have the same, so what is found by such terms is always met
// with what has the scope.
func prefixOf(scope string) string {
	hash := fnv.New64a()
	hash.Write([]byte(scope)) // never fails
	return string(hash.Sum(nil))
}

// newDocument returns a message's document; a deleted message's has nothing
// but its place.
func newDocument(id string, m chat.Message) (*document.Document, error) {
	doc, at := document.NewDocument(id), placeOf(m)
	doc.AddField(document.NewTextFieldWithIndexingOptions(placeField, nil, at.encode(), placeOptions))
	if m.Deleted() {
		return doc, nil
	}
	if err := store(doc, m); err != nil {
		return nil, err
	}
	app, words := prefixOf(m.AppToken), strings.Fields(chat.Fold(m.Body))
	doc.AddField(newTerms(scopeField, "", m.AppToken, m.ChatID().String()))
	doc.AddField(newTerms(bucketField, "",
		bucketsOf(chat.ChatID{AppToken: m.AppToken}).term(at.created), bucketsOf(m.ChatID()).term(at.number)))
	doc.AddField(newTerms(wordsField, app, words...))
	if found := pairs(words); len(found) > 0 {
		doc.AddField(newTerms(pairsField, app, found...))
	}
	if m.Sender != "" {
		doc.AddField(newTerms(senderField, app, m.Sender))
	}
	return doc, nil
}

// store adds what a hit shows besides its place.
func store(doc *document.Document, m chat.Message) error {
	add := func(field string, value []byte) {
		doc.AddField(document.NewTextFieldWithIndexingOptions(field, nil, value, index.StoreField))
	}
	add(bodyField, []byte(m.Body))
	if m.Sender != "" {
		add(byField, []byte(m.Sender))
	}
	if len(m.Metadata) == 0 {
		return nil
	}
	metadata, err := json.Marshal(m.Metadata)
	if err != nil {
		return fmt.Errorf("encode metadata of message %d: %w", m.Number, err)
	}
	add(metadataField, metadata)
	return nil
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
	updated int64 // milliseconds since 1970
	version int64
}

// placeOptions keep each place by itself, so that reading one does not unpack
// those of a thousand neighbours.
const placeOptions = index.IndexField | index.SkipFreqNorm | index.DocValues | index.SkipDVCompression | index.SkipDVChunking

func placeOf(m chat.Message) place {
	return place{
		chat: m.ChatNumber, number: m.Number,
		created: m.CreatedAt.UnixMilli(), updated: m.UpdatedAt.UnixMilli(), version: m.Version,
	}
}

// encode writes each value in digits of 6 bits, the lowest first, with 0x40 on
// all but its last: the byte 0xFF separates values in scorch. What differs
// little between messages comes last, for the dictionary shares endings.
func (p place) encode() []byte {
	key := make([]byte, 0, 24)
	for _, n := range [...]int64{p.chat, p.number, p.created, p.updated - p.created, p.version} {
		u := uint64(n<<1) ^ uint64(n>>63) // small where n is, on either side of 0
		for ; u >= 0x40; u >>= 6 {
			key = append(key, byte(u&0x3F|0x40))
		}
		key = append(key, byte(u))
	}
	return key
}

func decodePlace(key []byte) (place, error) {
	var n [5]int64
	rest := key
	for i := range n {
		var u uint64
		for shift := 0; ; shift += 6 {
			if len(rest) == 0 {
				return place{}, fmt.Errorf("place %x is cut off", key)
			}
			digit := rest[0]
			rest = rest[1:]
			u |= uint64(digit&0x3F) << shift
			if digit < 0x40 {
				break
			}
		}
		n[i] = int64(u>>1) ^ -int64(u&1)
	}
	return place{chat: n[0], number: n[1], created: n[2], updated: n[2] + n[3], version: n[4]}, nil
}

var errNoPlace = errors.New("a message has no place")

func readPlace(values index.DocValueReader, id index.IndexInternalID) (place, error) {
	var p place
	decodeErr := errNoPlace
	err := values.VisitDocValues(id, func(_ string, key []byte) { p, decodeErr = decodePlace(key) })
	return p, errors.Join(err, decodeErr)
}
