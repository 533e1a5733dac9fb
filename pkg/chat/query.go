package chat

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Rank says how well a message matches a query: as well as the worst matching
// term of the query does.
type Rank int

// The ranks, best last.
const (
	Part      Rank = 1 // every term is at least a part of a word
	Beginning Rank = 2 // every term is at least the beginning of a word
	Whole     Rank = 3 // every term is a whole word, or a phrase of whole words
)

// Ranks lists the ranks, best first.
func Ranks() []Rank { return []Rank{Whole, Beginning, Part} }

// Query is what a client searches for: terms that must all match.
type Query struct {
	Terms []Term
}

// Term is one word of a query, or a phrase.
type Term struct {
	Words  []string // folded; more than one only in a phrase
	Phrase bool     // written in quotes: matches only as whole words, one after the other
}

// ParseQuery reads a client's query: words, and phrases in double quotes. It
// is no query language: every other character only separates words. It
// returns an *InvalidError where the text is blank or longer than MaxQuery.
// A query without any word, such as "?!", has no terms and finds nothing.
func ParseQuery(text string) (Query, error) {
	var bad fields
	bad.check(validText(text, 1, MaxQuery), "query", fmt.Sprintf("must have 1 to %d characters and not be blank", MaxQuery))
	if err := bad.err(); err != nil {
		return Query{}, err
	}
	var q Query
	pieces := strings.Split(quotes.Replace(text), `"`)
	for i, piece := range pieces {
		found := strings.Fields(Fold(piece))
		closed := i < len(pieces)-1
		if inQuotes := i%2 == 1; inQuotes && closed {
			q.add(Term{Words: found, Phrase: true})
			continue
		}
		for _, w := range found {
			q.add(Term{Words: []string{w}})
		}
	}
	return q, nil
}

// quotes turns the quotation marks that keyboards and phones write into ".
var quotes = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`)

func (q *Query) add(t Term) {
	same := func(o Term) bool { return o.Phrase == t.Phrase && slices.Equal(o.Words, t.Words) }
	if len(t.Words) > 0 && !slices.ContainsFunc(q.Terms, same) {
		q.Terms = append(q.Terms, t)
	}
}

// Highlight is a part of a message's body that a query matched. Start and End
// count characters (Unicode code points) of the body.
type Highlight struct {
	Start int    `json:"start"` // the first matching character, counted from 0
	End   int    `json:"end"`   // the character after the last matching one
	Text  string `json:"text"`  // the matching text
}

// Match reports how well a text matches the query, and where. A rank of 0
// means that it does not match. Every Index finds exactly what Match finds.
func (q Query) Match(text string) (Rank, []Highlight) {
	if len(q.Terms) == 0 {
		return 0, nil
	}
	rank := Whole
	var spans []span
	all := words(text)
	for _, t := range q.Terms {
		best := Rank(0)
		for i := range all {
			r, s := t.matchAt(all[i:])
			if r > 0 {
				best = max(best, r)
				spans = append(spans, s)
			}
		}
		if best == 0 {
			return 0, nil
		}
		rank = min(rank, best)
	}
	return rank, highlights(text, spans)
}

// span is a range of bytes.
type span struct{ start, end int }

// matchAt reports how the term matches the first of the words, and where.
func (t Term) matchAt(all []word) (Rank, span) {
	if t.Phrase {
		return t.matchPhrase(all)
	}
	w, sought := all[0], []rune(t.Words[0])
	at := indexRunes(w.folded, sought)
	if at < 0 {
		return 0, span{}
	}
	s := span{w.start[at], w.end[at+len(sought)-1]}
	switch {
	case len(sought) == len(w.folded):
		return Whole, s
	case at == 0:
		return Beginning, s
	default:
		return Part, s
	}
}

func (t Term) matchPhrase(all []word) (Rank, span) {
	if len(all) < len(t.Words) {
		return 0, span{}
	}
	for i, sought := range t.Words {
		if all[i].text() != sought {
			return 0, span{}
		}
	}
	last := all[len(t.Words)-1]
	return Whole, span{all[0].start[0], last.end[len(last.end)-1]}
}

func indexRunes(in, sought []rune) int {
	for i := 0; i+len(sought) <= len(in); i++ {
		if slices.Equal(in[i:i+len(sought)], sought) {
			return i
		}
	}
	return -1
}

// highlights joins spans that touch and counts them in characters.
func highlights(text string, spans []span) []Highlight {
	slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
	var found []Highlight
	for i := 0; i < len(spans); {
		s := spans[i]
		for i++; i < len(spans) && spans[i].start <= s.end; i++ {
			s.end = max(s.end, spans[i].end)
		}
		start := utf8.RuneCountInString(text[:s.start])
		found = append(found, Highlight{Start: start, End: start + utf8.RuneCountInString(text[s.start:s.end]), Text: text[s.start:s.end]})
	}
	return found
}
