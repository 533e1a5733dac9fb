package search

import (
	"fmt"
	"hash/fnv"
	"strings"

	"chatapi/pkg/chat"

	index "github.com/blevesearch/bleve_index_api"
)

// The fields of a document. Scorch requires the name of the first one, which is
// the document's name.
const (
	nameField    = "_id"
	wordsField   = "words"
	pairsField   = "pairs"
	senderField  = "sender"
	scopeField   = "scope"
	bucketField  = "bucket"
	messageField = "message" // stored only
)

// prefixOf returns the prefix of the other terms of an app or a chat. It is a
// hash, because a token of 36 characters would make each term several times as
// long. Two scopes can have the same hash, so results by such terms are always
// intersected with those by the scope.
func prefixOf(scope string) string {
	hash := fnv.New64a()
	hash.Write([]byte(scope)) // never fails
	return string(hash.Sum(nil))
}

// document implements index.Document for scorch. Bleve's own document has more
// than is needed here, and allocates for it.
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
func (d *document) StoredFieldsBytes() uint64                  { return 0 } // used only for statistics
func (d *document) NumPlainTextBytes() uint64                  { return 0 }
func (d *document) Size() int                                  { return 0 }

// newDocument returns a message's document. That of a deleted message can only be
// found by its number.
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

// pairs returns all pairs of neighbours of a script without spaces. There a word
// is one character, and a search for single characters would have to read nearly
// every message to find those in which they are neighbours.
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

// field implements index.Field with terms, a stored value, or both. Bleve's own
// text field and analyzer would allocate each term several times.
type field struct {
	name    string
	terms   index.TokenFrequencies
	value   []byte // stored
	options index.FieldIndexingOptions
}

var _ index.Field = (*field)(nil)

func newTerms(name, prefix string, texts ...string) *field {
	f := &field{name: name, options: index.IndexField | index.SkipFreqNorm}
	f.terms = make(index.TokenFrequencies, len(texts))
	once := &index.TokenFreq{} // shared by all terms, because frequencies are not used
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
