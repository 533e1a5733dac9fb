package chat

import (
	"iter"
	"slices"
	"strings"
)

// Rank says how well a message matches a query: as well as the query's term
// that matches worst.
type Rank int

// The ranks, worst first.
const (
	Part   Rank = 1 // every term matches at least a part of a word
	Prefix Rank = 2 // every term matches at least the prefix of a word
	Whole  Rank = 3 // every term matches whole words
)

// Ranks lists the ranks, best first.
func Ranks() []Rank { return []Rank{Whole, Prefix, Part} }

// Query is what a client searches for: terms that must all match.
type Query struct {
	Terms []Term
}

// Term is what a client wrote without a space, or in quotes: folded words that
// must follow each other.
type Term struct {
	Words  []string
	Phrase bool // written in quotes: matches whole words only
}

// String returns the term's words with single spaces between them. A folded
// text that contains it matches.
func (t Term) String() string { return strings.Join(t.Words, " ") }

// ParseQuery reads a client's query. Its terms are separated by spaces; a
// phrase in double quotes is one term. There are no operators: every character
// that belongs to no word separates words, so that a.b@example.com is one term
// of four words, which must follow each other.
//
// It returns an *InvalidError if the text is blank, longer than MaxQuery or has
// more than MaxTerms terms. A query without any word, such as "?!", has no
// terms and finds nothing.
func ParseQuery(text string) (Query, error) {
	var bad fields
	bad.check(validText(text, 1, MaxQuery), "query", "must have 1 to %d characters and not be blank", MaxQuery)
	if err := bad.err(); err != nil {
		return Query{}, err
	}
	var q Query
	pieces := strings.Split(quotes.Replace(text), `"`)
	for i, piece := range pieces {
		closed := i < len(pieces)-1
		if inQuotes := i%2 == 1; inQuotes && closed {
			q.add(Term{Words: strings.Fields(Fold(piece)), Phrase: true})
			continue
		}
		for _, run := range strings.Fields(piece) {
			q.add(Term{Words: strings.Fields(Fold(run))})
		}
	}
	bad.check(len(q.Terms) <= MaxTerms, "query", "must have at most %d words and phrases", MaxTerms)
	return q, bad.err()
}

// quotes replaces the quotation marks that keyboards and phones write by ".
var quotes = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`)

func (q *Query) add(t Term) {
	same := func(o Term) bool { return o.Phrase == t.Phrase && slices.Equal(o.Words, t.Words) }
	if len(t.Words) > 0 && !slices.ContainsFunc(q.Terms, same) {
		q.Terms = append(q.Terms, t)
	}
}

// Rank reports how well a folded text matches the query. 0 means that it does
// not match. Every Index finds exactly what matches, with this rank.
func (q Query) Rank(folded string) Rank {
	if len(q.Terms) == 0 {
		return 0
	}
	rank := Whole
	for _, t := range q.Terms {
		rank = min(rank, t.rank(folded))
	}
	return rank
}

func (t Term) rank(folded string) (best Rank) {
	for _, r := range t.in(folded) {
		if best = max(best, r); best == Whole {
			break
		}
	}
	return best
}

// in returns each place at which the term matches in a folded text, and its
// rank.
func (t Term) in(folded string) iter.Seq2[int, Rank] {
	return func(yield func(int, Rank) bool) {
		sought := t.String()
		for from := 0; ; {
			next := strings.Index(folded[from:], sought)
			if next < 0 {
				return
			}
			at := from + next // never 0: a folded text begins with a space, and ends with one
			rank := Part
			if folded[at-1] == ' ' {
				rank = Prefix
				if folded[at+len(sought)] == ' ' {
					rank = Whole
				}
			}
			if (rank == Whole || !t.Phrase) && !yield(at, rank) {
				return
			}
			from = at + 1
		}
	}
}
