package search

import (
	"context"
	"slices"
	"strings"

	"chatapi/pkg/chat"

	index "github.com/blevesearch/bleve_index_api"
)

// lookup asks for the messages that have any of the terms in a field.
type lookup struct {
	field string
	terms []string
}

// limits bound how many words a search looks up. What is not looked up is
// checked message by message, newest first, until the page is full.
type limits struct {
	ofChat int // messages of a chat that are all checked, rather than all words of the app
	ofTerm int // words of a term that is looked up whatever they are
	ofRank int // words of all terms together
}

// defaultLimits: to look up a word or to check a message costs some 20 µs.
var defaultLimits = limits{ofChat: 1000, ofTerm: 1000, ofRank: 20_000}

// oneIn is how many messages there are at most to one that has a word of a
// term, by which the page is full soon without a look-up.
const oneIn = 8

// words are those of an app that a term matches.
type words struct {
	terms    []string // with the prefix
	messages int      // of the app that have them, at most
}

func (w *words) add(term string, messages int) {
	w.terms = append(w.terms, term)
	w.messages += messages
}

// dictionary finds the words of an app that a query's terms match.
type dictionary struct {
	reader   index.IndexReader
	prefix   string
	terms    []chat.Term
	exact    bool // whether no term has several words, so that what is needed is also enough
	most     limits
	messages int // in what is searched

	begin []*words // by term: words that begin with its last word; nil until they are known
	parts []*words // by term: words that its first word is a part or the end of; nil until all are known
}

func newDictionary(reader index.IndexReader, search chat.Search, most limits) *dictionary {
	several := func(t chat.Term) bool { return len(t.Words) > 1 && !t.Phrase }
	terms := search.Query.Terms
	return &dictionary{
		reader: reader, prefix: prefixOf(search.Chat.AppToken), terms: terms, most: most,
		exact: !slices.ContainsFunc(terms, several), begin: make([]*words, len(terms)),
	}
}

// needed returns look-ups that all find each message in which every term
// matches with this rank or a better one. Where they are not complete, they
// find others as well.
func (d *dictionary) needed(ctx context.Context, rank chat.Rank) (all []lookup, complete bool, err error) {
	complete, left := true, d.most.ofRank
	need := func(w *words) {
		common := w.messages*oneIn >= d.messages
		if len(w.terms) > d.most.ofTerm && (common || len(w.terms) > left) {
			complete = false
			return
		}
		left -= len(w.terms)
		all = append(all, lookup{wordsField, w.terms})
	}
	for i, t := range d.terms {
		if t.Phrase || rank == chat.Whole {
			all = append(all, d.inOrder(t.Words)...)
			continue
		}
		begin, err := d.beginning(ctx, i)
		if err != nil {
			return nil, false, err
		}
		first := begin
		if rank == chat.Part {
			if first, err = d.part(ctx, i); err != nil {
				return nil, false, err
			}
		}
		last := len(t.Words) - 1
		if last == 0 {
			need(first)
			continue
		}
		if rank == chat.Part {
			need(first)
		} else {
			all = append(all, d.inOrder(t.Words[:1])...)
		}
		all = append(all, d.inOrder(t.Words[1:last])...)
		need(begin)
	}
	return all, complete, nil
}

// inOrder returns the look-ups of whole words that stand one after the other.
func (d *dictionary) inOrder(words []string) []lookup {
	var all []lookup
	paired := false // with the word before
	for i, w := range words {
		if i+1 < len(words) && chat.IsUnspaced(w) && chat.IsUnspaced(words[i+1]) {
			all = append(all, lookup{pairsField, []string{d.prefix + pair(w, words[i+1])}})
			paired = true
			continue
		}
		if !paired {
			all = append(all, lookup{wordsField, []string{d.prefix + w}})
		}
		paired = false
	}
	return all
}

// added returns the words by which a rank finds more than the better one. A
// message that matches with just this rank has one of them.
func (d *dictionary) added(ctx context.Context, rank chat.Rank) ([]string, error) {
	var all []string
	for i, t := range d.terms {
		if t.Phrase {
			continue
		}
		list := d.beginning
		known := func(word string) bool { return word == t.Words[len(t.Words)-1] }
		if rank == chat.Part {
			list = d.part
			known = func(word string) bool {
				return word == t.Words[0] || len(t.Words) == 1 && strings.HasPrefix(word, t.Words[0])
			}
		}
		found, err := list(ctx, i)
		if err != nil {
			return nil, err
		}
		for _, term := range found.terms {
			if !known(term[len(d.prefix):]) {
				all = append(all, term)
			}
		}
	}
	return all, nil
}

// beginning returns the words that begin with the term's last word.
func (d *dictionary) beginning(ctx context.Context, term int) (*words, error) {
	if d.begin[term] == nil {
		of, found := d.terms[term].Words, &words{}
		if err := d.walk(ctx, d.prefix+of[len(of)-1], found.add); err != nil {
			return nil, err
		}
		d.begin[term] = found
	}
	return d.begin[term], nil
}

// part returns the words that contain the term or, where it has several words,
// end with its first.
func (d *dictionary) part(ctx context.Context, term int) (*words, error) {
	if d.parts == nil {
		parts, err := d.findParts(ctx)
		if err != nil {
			return nil, err
		}
		d.parts = parts
	}
	return d.parts[term], nil
}

// findParts returns the parts of all terms from one walk over the app's words,
// or from none where no term can stand within a word.
func (d *dictionary) findParts(ctx context.Context) ([]*words, error) {
	parts := make([]*words, len(d.terms))
	var within []int // terms that may
	for i, t := range d.terms {
		parts[i] = &words{}
		switch {
		case t.Phrase:
		case !chat.IsUnspaced(t.Words[0]):
			within = append(within, i)
		case len(t.Words) > 1:
			parts[i].add(d.prefix+t.Words[0], 0)
		default:
			begin, err := d.beginning(ctx, i)
			if err != nil {
				return nil, err
			}
			parts[i] = begin
		}
	}
	if len(within) == 0 {
		return parts, nil
	}
	err := d.walk(ctx, d.prefix, func(entry string, messages int) {
		word := entry[len(d.prefix):]
		for _, i := range within {
			of := d.terms[i].Words
			if len(of) == 1 && strings.Contains(word, of[0]) || len(of) > 1 && strings.HasSuffix(word, of[0]) {
				parts[i].add(entry, messages)
			}
		}
	})
	return parts, err
}

func (d *dictionary) walk(ctx context.Context, prefix string, visit func(term string, messages int)) error {
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
		visit(entry.Term, int(entry.Count))
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
