package search

import (
	"fmt"
	"hash/fnv"
	"strings"

	"chatapi/pkg/chat"

	index "github.com/blevesearch/bleve_index_api"
)

// The fields of a document. The first is the document's name, as scorch wants it.
const (
	nameField    = "_id"
	wordsField   = "words"
	pairsField   = "pairs"
	senderField  = "sender"
	scopeField   = "scope"
	bucketField  = "bucket"
	messageField = "message" // stored only
)

// prefixOf returns what stands in front of the other terms of an app or a chat:
// a hash, because a token of 36 characters would make each term several times
// as long. Two may have the same, so what is found by such terms is always met
// with what has the scope.
func prefixOf(scope string) string {
	hash := fnv.New64a()
	hash.Write([]byte(scope)) // never fails
	return string(hash.Sum(nil))
}

// document is what scorch indexes. It stands in for bleve's document, which has
// more than is needed here and allocates for it.
type document struct {
	name   string
	fields []index.Field
}

var _ index.Document = (*document)(nil)

func (d *document) ID() string { return d.name }

func (d *document) VisitFields(visit index.FieldVisitor) {
	for _, f := range d.fields {
		visit(f)
	}
}

func (d *document) AddIDField() {
	name := newTerms(nameField, "", d.name)
	name.value, name.options = []byte(d.name), name.options|index.StoreField
	d.fields = append(d.fields, name)
}

func (d *document) VisitComposite(index.CompositeFieldVisitor) {}
func (d *document) HasComposite() bool                         { return false }
func (d *document) Indexed() bool                              { return true }
func (d *document) StoredFieldsBytes() uint64                  { return 0 } // it is for statistics
func (d *document) NumPlainTextBytes() uint64                  { return 0 }
func (d *document) Size() int                                  { return 0 }

// newDocument returns a message's document; a deleted message's can be found by
// its number and by nothing else.
func newDocument(m chat.Message) (*document, error) {
	stored, err := encodeStored(m)
	if err != nil {
		return nil, fmt.Errorf("encode message %d: %w", m.Number, err)
	}
	d := &document{name: nameOf(m), fields: make([]index.Field, 0, 7)}
	d.fields = append(d.fields, newStored(messageField, stored))
	numbers := bucketsOf(m.ChatID().Parent()).termOf(m.Number)
	if m.Deleted() {
		d.fields = append(d.fields, newTerms(bucketField, "", numbers))
		return d, nil
	}
	app, words := prefixOf(m.AppToken), strings.Fields(chat.Fold(m.Body))
	times := bucketsOf(chat.AppParent(m.AppToken)).termOf(m.CreatedAt.UnixMilli())
	d.fields = append(d.fields,
		newTerms(scopeField, "", m.AppToken, m.ChatID().String()),
		newTerms(bucketField, "", times, numbers),
		newTerms(wordsField, app, words...))
	if found := pairs(words); len(found) > 0 {
		d.fields = append(d.fields, newTerms(pairsField, app, found...))
	}
	if m.Sender != "" {
		d.fields = append(d.fields, newTerms(senderField, app, m.Sender))
	}
	return d, nil
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

// field is a field of ready-made terms, or one that is stored, or both. It stands
// in for bleve's text field and analyzer, which would allocate each term several
// times.
type field struct {
	name    string
	terms   index.TokenFrequencies
	value   []byte // that is stored
	options index.FieldIndexingOptions
}

var _ index.Field = (*field)(nil)

func newTerms(name, prefix string, texts ...string) *field {
	f := &field{name: name, terms: make(index.TokenFrequencies, len(texts)), options: index.IndexField | index.SkipFreqNorm}
	once := &index.TokenFreq{} // of all terms: how often a text has one is of no interest
	for _, text := range texts {
		f.terms[prefix+text] = once
	}
	return f
}

func newStored(name string, value []byte) *field {
	return &field{name: name, value: value, options: index.StoreField}
}

func (f *field) Name() string                                     { return f.name }
func (f *field) Value() []byte                                    { return f.value }
func (f *field) ArrayPositions() []uint64                         { return nil }
func (f *field) EncodedFieldType() byte                           { return 't' }
func (f *field) Analyze()                                         {}
func (f *field) Options() index.FieldIndexingOptions              { return f.options }
func (f *field) AnalyzedLength() int                              { return len(f.terms) }
func (f *field) AnalyzedTokenFrequencies() index.TokenFrequencies { return f.terms }
func (f *field) NumPlainTextBytes() uint64                        { return 0 }
