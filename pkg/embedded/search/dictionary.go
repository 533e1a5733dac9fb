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

// dictionary finds the words of an app that a query's terms match.
type dictionary struct {
	reader index.IndexReader
	scope  string
	terms  []chat.Term
	exact  bool // whether no term has several words, so that what is needed is also enough

	begin [][]string // by term: words that begin with its last word; once they are known
	parts [][]string // by term: words that its first word is a part or the end of; once they are known
}

func newDictionary(reader index.IndexReader, search chat.Search) *dictionary {
	several := func(t chat.Term) bool { return len(t.Words) > 1 && !t.Phrase }
	return &dictionary{
		reader: reader, scope: scope(search.Chat.AppToken), terms: search.Query.Terms,
		exact: !slices.ContainsFunc(search.Query.Terms, several),
	}
}

// needed returns look-ups that all find each message in which every term
// matches with this rank or a better one.
func (d *dictionary) needed(ctx context.Context, rank chat.Rank) ([]lookup, error) {
	var all []lookup
	for i, t := range d.terms {
		if t.Phrase || rank == chat.Whole {
			all = append(all, d.inOrder(t.Words)...)
			continue
		}
		begin, err := d.beginning(ctx, i)
		if err != nil {
			return nil, err
		}
		first := []string{d.scope + t.Words[0]}
		if rank == chat.Part {
			if first, err = d.part(ctx, i); err != nil {
				return nil, err
			}
		}
		switch last := len(t.Words) - 1; {
		case last > 0:
			all = append(all, lookup{wordsField, first}, lookup{wordsField, begin})
			all = append(all, d.inOrder(t.Words[1:last])...)
		case rank == chat.Part:
			all = append(all, lookup{wordsField, first})
		default:
			all = append(all, lookup{wordsField, begin})
		}
	}
	return all, nil
}

// inOrder returns the look-ups of whole words that stand one after the other.
func (d *dictionary) inOrder(words []string) []lookup {
	var all []lookup
	paired := false // with the word before
	for i, w := range words {
		if i+1 < len(words) && chat.IsUnspaced(w) && chat.IsUnspaced(words[i+1]) {
			all = append(all, lookup{pairsField, []string{d.scope + pair(w, words[i+1])}})
			paired = true
			continue
		}
		if !paired {
			all = append(all, lookup{wordsField, []string{d.scope + w}})
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
		last, begins := t.Words[len(t.Words)-1], chat.Beginning == rank
		words, err := d.beginning(ctx, i)
		if !begins && err == nil {
			words, err = d.part(ctx, i)
		}
		if err != nil {
			return nil, err
		}
		for _, w := range words {
			text := w[len(d.scope):]
			switch {
			case begins && text == last, !begins && len(t.Words) > 1 && text == t.Words[0]:
			case !begins && len(t.Words) == 1 && strings.HasPrefix(text, last):
			default:
				all = append(all, w)
			}
		}
	}
	return all, nil
}

// beginning returns the words that begin with the term's last word.
func (d *dictionary) beginning(ctx context.Context, term int) ([]string, error) {
	if d.begin == nil {
		d.begin = make([][]string, len(d.terms))
	}
	if d.begin[term] == nil {
		words := d.terms[term].Words
		d.begin[term] = []string{} // known, and perhaps none
		err := d.walk(ctx, d.scope+words[len(words)-1], func(entry string) { d.begin[term] = append(d.begin[term], entry) })
		if err != nil {
			return nil, err
		}
	}
	return d.begin[term], nil
}

// part returns the words that contain the term or, where it has several words,
// end with its first.
func (d *dictionary) part(ctx context.Context, term int) ([]string, error) {
	if d.parts == nil {
		if err := d.findParts(ctx); err != nil {
			return nil, err
		}
	}
	return d.parts[term], nil
}

// findParts fills parts in one walk over the app's words.
func (d *dictionary) findParts(ctx context.Context) error {
	d.parts = make([][]string, len(d.terms))
	var within []int // terms that may be within a word
	for i, t := range d.terms {
		switch {
		case t.Phrase:
		case !chat.IsUnspaced(t.Words[0]):
			within = append(within, i)
		case len(t.Words) > 1:
			d.parts[i] = []string{d.scope + t.Words[0]}
		default:
			words, err := d.beginning(ctx, i)
			if err != nil {
				return err
			}
			d.parts[i] = words
		}
	}
	if len(within) == 0 {
		return nil
	}
	return d.walk(ctx, d.scope, func(entry string) {
		word := entry[len(d.scope):]
		for _, i := range within {
			words := d.terms[i].Words
			if len(words) == 1 && strings.Contains(word, words[0]) || len(words) > 1 && strings.HasSuffix(word, words[0]) {
				d.parts[i] = append(d.parts[i], entry)
			}
		}
	})
}

func (d *dictionary) walk(ctx context.Context, prefix string, visit func(entry string)) error {
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
		visit(entry.Term)
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
