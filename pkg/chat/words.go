package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWord is where a run of letters is cut into two words, in folded
// characters. It keeps every term far below the 32,766 bytes that Lucene takes.
const maxWord = 256

// Fold returns the words of a text as the index keeps them, each between two
// single spaces, with one space before the first and after the last; "" where
// the text has no word. Two texts that differ only in case, accents, Arabic
// letter forms, punctuation or spacing fold to the same.
//
// A word is a run of letters, digits and marks; a symbol such as an emoji is a
// word of its own. Both engines index this very text, so what a search finds
// depends on these rules and not on an engine's analyzers.
func Fold(text string) string {
	var out strings.Builder
	out.Grow(len(text) + 2)
	length := 0 // of the word under way
	finish := func() {
		if length > 0 {
			out.WriteByte(' ')
			length = 0
		}
	}
	fold(text, func(r rune, _, _ int) {
		if length == maxWord {
			finish()
		}
		if out.Len() == 0 {
			out.WriteByte(' ')
		}
		out.WriteRune(r)
		length++
	}, finish)
	return out.String()
}

// word is one folded word with the place of each of its characters.
type word struct {
	folded     []rune
	start, end []int // bytes of the text that folded[i] came from
}

func (w word) text() string { return string(w.folded) }

// words returns the words of a text in the same folding and the same cuts as
// Fold.
func words(text string) []word {
	var all []word
	var w word
	finish := func() {
		if len(w.folded) > 0 {
			all = append(all, w)
			w = word{}
		}
	}
	fold(text, func(r rune, start, end int) {
		if len(w.folded) == maxWord {
			finish()
		}
		w.folded = append(w.folded, r)
		w.start = append(w.start, start)
		w.end = append(w.end, end)
	}, finish)
	return all
}

// fold calls char with each folded character of a word and the bytes it came
// from, and finish after each word; finish may come more than once, and comes
// at the end.
func fold(text string, char func(r rune, start, end int), finish func()) {
	var iter norm.Iter
	iter.InitString(norm.NFKC, text)
	for !iter.Done() {
		start := iter.Pos()
		segment := iter.Next()
		end := iter.Pos()
		for len(segment) > 0 {
			r, size := utf8.DecodeRune(segment)
			segment = segment[size:]
			switch {
			case r < utf8.RuneSelf:
				foldASCII(r, start, end, char, finish)
			case unicode.Is(unicode.So, r):
				finish()
				char(r, start, end)
				finish()
			case ignored(r):
			case unicode.In(r, unicode.L, unicode.M, unicode.N):
				foldLetter(r, func(f rune) { char(f, start, end) })
			default:
				finish()
			}
		}
	}
	finish()
}

func foldASCII(r rune, start, end int, char func(r rune, start, end int), finish func()) {
	switch {
	case 'A' <= r && r <= 'Z':
		char(r+'a'-'A', start, end)
	case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
		char(r, start, end)
	default:
		finish()
	}
}

// foldLetter calls emit with what a letter, digit or mark folds to.
func foldLetter(r rune, emit func(rune)) {
	if s, ok := foldsTo[r]; ok {
		for _, f := range s {
			emit(f)
		}
		return
	}
	if base, ok := withoutAccents(r); ok {
		r = base
	}
	r = unicode.ToLower(r)
	if s, ok := foldsTo[r]; ok {
		for _, f := range s {
			emit(f)
		}
		return
	}
	emit(r)
}

// withoutAccents returns the letter that an accented letter is built on. A
// letter that is built with other marks, such as が, has none: there the mark
// makes another letter.
func withoutAccents(r rune) (rune, bool) {
	var buf [32]byte
	parts := norm.NFD.AppendString(buf[:0], string(r))
	base, size := utf8.DecodeRune(parts)
	if size == len(parts) {
		return r, false
	}
	for _, mark := range string(parts[size:]) {
		if !unicode.Is(accents, mark) {
			return r, false
		}
	}
	return base, true
}

// ignored reports whether a character is as good as not there: accents and
// vowel points, the tatweel that stretches Arabic words, invisible format
// characters (joiners, soft hyphen) and the modifiers of emoji.
func ignored(r rune) bool {
	const tatweel = 'ـ'
	return r == tatweel || unicode.Is(accents, r) || unicode.Is(unicode.Cf, r) ||
		unicode.Is(unicode.Variation_Selector, r)
}

// accents are the marks that searchers leave out: of Latin, Greek and Cyrillic
// letters, Hebrew points and Arabic vowels. Marks of other scripts, such as the
// vowel signs of Devanagari, are as good as letters.
var accents = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x0300, Hi: 0x036F, Stride: 1},
	{Lo: 0x0591, Hi: 0x05C7, Stride: 1},
	{Lo: 0x0610, Hi: 0x061A, Stride: 1},
	{Lo: 0x064B, Hi: 0x065F, Stride: 1},
	{Lo: 0x0670, Hi: 0x0670, Stride: 1},
	{Lo: 0x06D6, Hi: 0x06ED, Stride: 1},
}}

// foldsTo holds the letters that people write for one another and that neither
// case nor accents explain.
var foldsTo = map[rune]string{
	'ß': "ss", 'ı': "i", 'ς': "σ", 'æ': "ae", 'œ': "oe", 'ø': "o", 'ł': "l", 'đ': "d", 'ħ': "h",
	'ة': "ه", 'ى': "ي", 'ی': "ي", 'ک': "ك", 'ٱ': "ا",
	'٠': "0", '١': "1", '٢': "2", '٣': "3", '٤': "4", '٥': "5", '٦': "6", '٧': "7", '٨': "8", '٩': "9",
	'۰': "0", '۱': "1", '۲': "2", '۳': "3", '۴': "4", '۵': "5", '۶': "6", '۷': "7", '۸': "8", '۹': "9",
}
