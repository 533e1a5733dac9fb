package chat

import (
	"cmp"
	"html"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
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

// Highlight is a part of a message's body that a query matched. Start and End
// count characters (Unicode code points) of the body.
type Highlight struct {
	Start int    `json:"start"` // the first matching character, counted from 0
	End   int    `json:"end"`   // the character after the last matching one
	Text  string `json:"text"`  // the matching text
}

// Match returns the Rank of the folded text, and the matching parts of the text
// in order. They do not touch each other.
func (q Query) Match(text string) (Rank, []Highlight) {
	f := folded{placed: true, places: make([]span, 0, len(text)+2)}
	f.text.Grow(len(text) + 2)
	f.fold(text)
	found := f.text.String()
	rank := q.Rank(found)
	if rank == 0 {
		return 0, nil
	}
	var spans []span
	for _, t := range q.Terms {
		length := len(t.String())
		for at := range t.in(found) {
			spans = append(spans, span{f.places[at].start, f.places[at+length-1].end})
		}
	}
	return rank, highlights(text, spans)
}

// highlights joins spans that touch and converts them to characters.
func highlights(text string, spans []span) []Highlight {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var found []Highlight
	bytes, characters := 0, 0 // up to the last highlight
	for i := 0; i < len(spans); {
		s := spans[i]
		for i++; i < len(spans) && spans[i].start <= s.end; i++ {
			s.end = max(s.end, spans[i].end)
		}
		start := characters + utf8.RuneCountInString(text[bytes:s.start])
		bytes, characters = s.end, start+utf8.RuneCountInString(text[s.start:s.end])
		found = append(found, Highlight{Start: start, End: characters, Text: text[s.start:s.end]})
	}
	return found
}

// Mark returns a text as HTML with <mark> around the highlights that Match
// returned for it. The text is escaped, so that the result is safe in a page.
func Mark(text string, found []Highlight) string {
	var marked strings.Builder
	at := 0 // in characters
	for _, h := range found {
		before := byteOf(text, h.Start-at)
		marked.WriteString(html.EscapeString(text[:before]))
		marked.WriteString("<mark>" + html.EscapeString(h.Text) + "</mark>")
		text, at = text[before+len(h.Text):], h.End
	}
	marked.WriteString(html.EscapeString(text))
	return marked.String()
}

// byteOf returns the offset in bytes of the character after the first n.
func byteOf(text string, n int) int {
	for i := range text {
		if n == 0 {
			return i
		}
		n--
	}
	return len(text)
}
