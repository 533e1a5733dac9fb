package chat

import (
	"cmp"
	"html"
	"slices"
	"strings"
	"unicode/utf8"
)

// Highlight is a part of a message's body that a query matched. Start and End
// count characters (Unicode code points) of the body.
type Highlight struct {
	Start int    `json:"start"` // the first matching character, counted from 0
	End   int    `json:"end"`   // the character after the last matching one
	Text  string `json:"text"`  // the matching text
}

// Match returns the Rank of the folded text, and the matching parts of the text
// in order: the first MaxHighlights of them. They do not touch each other.
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
		length, first := len(t.String()), len(spans)
		for at := range t.in(found) {
			s := span{f.places[at].start, f.places[at+length-1].end}
			if last := len(spans) - 1; last >= first && s.start <= spans[last].end {
				spans[last].end = max(spans[last].end, s.end)
				continue
			}
			spans = append(spans, s)
		}
	}
	return rank, highlights(text, spans)
}

// highlights joins spans that touch and converts them to characters.
func highlights(text string, spans []span) []Highlight {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var found []Highlight
	bytes, characters := 0, 0 // up to the last highlight
	for i := 0; i < len(spans) && len(found) < MaxHighlights; {
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
// Of a text longer than MaxWholeBody it returns only fragments: the highlights
// with some characters around each, or the beginning if there are none.
func Mark(text string, found []Highlight) string {
	marks := spansOf(text, found)
	var marked strings.Builder
	for i, fragment := range fragments(text, marks) {
		if i > 0 {
			marked.WriteString(" … ")
		}
		at := fragment.start
		for ; len(marks) > 0 && marks[0].end <= fragment.end; marks = marks[1:] {
			marked.WriteString(html.EscapeString(text[at:marks[0].start]))
			marked.WriteString("<mark>" + html.EscapeString(text[marks[0].start:marks[0].end]) + "</mark>")
			at = marks[0].end
		}
		marked.WriteString(html.EscapeString(text[at:fragment.end]))
	}
	return marked.String()
}

// spansOf converts highlights of a text to bytes.
func spansOf(text string, found []Highlight) []span {
	spans := make([]span, len(found))
	bytes, characters := 0, 0 // up to the last highlight
	for i, h := range found {
		start := bytes + byteOf(text[bytes:], h.Start-characters)
		bytes, characters = start+len(h.Text), h.End
		spans[i] = span{start, bytes}
	}
	return spans
}

// around is how many characters a fragment has before and after a highlight.
const around = 80

// fragments returns the parts of a text that Mark shows. Each mark is in one.
func fragments(text string, marks []span) []span {
	if len(text) <= MaxWholeBody {
		return []span{{0, len(text)}}
	}
	if len(marks) == 0 {
		marks = []span{{0, 0}}
	}
	var parts []span
	for _, m := range marks {
		part := span{fragmentStart(text, m.start), fragmentEnd(text, m.end)}
		if last := len(parts) - 1; last >= 0 && part.start <= parts[last].end {
			parts[last].end = part.end
			continue
		}
		parts = append(parts, part)
	}
	return parts
}

// fragmentStart returns where a fragment begins whose highlight begins at a
// byte: after a space if there is one, so that no word is cut.
func fragmentStart(text string, at int) int {
	start := at
	for range around {
		_, size := utf8.DecodeLastRuneInString(text[:start])
		start -= size
	}
	if start > 0 {
		start += strings.IndexByte(text[start:at], ' ') + 1
	}
	return start
}

// fragmentEnd returns where a fragment ends whose highlight ends at a byte:
// before a space if there is one.
func fragmentEnd(text string, at int) int {
	end := at
	for range around {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	if space := strings.LastIndexByte(text[at:end], ' '); end < len(text) && space >= 0 {
		end = at + space
	}
	return end
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
