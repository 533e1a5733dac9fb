package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWord is the length, in folded characters, at which a run of letters is cut
// into two words. It keeps every term far below the 32,766 bytes that Lucene
// accepts.
const maxWord = 256

// Fold returns the words of a text as the index keeps them, each between two
// single spaces, with one space before the first and after the last; "" if
// the text has no word. Two texts that differ only in case, accents, Arabic
// letter forms, skin tones, punctuation or spacing fold to the same.
//
// A word is a run of letters, digits and marks. In scripts without
// spaces (Chinese, Japanese, Thai and others) each character with its marks is
// a word, and a run of katakana is one. An emoji is a word with all that is
// joined to it, such as the two letters of a flag.
//
// Both engines index this very text, so what a search finds depends on these
// rules and not on an engine's analyzers.
func Fold(text string) string {
	var f folded
	f.text.Grow(len(text) + 2)
	f.fold(text)
	return f.text.String()
}

// kind is what the last character was, which decides whether the next one
// continues its word.
type kind int

const (
	between  kind = iota // between words
	letters              // a letter, digit or mark
	katakana             // a letter of Japanese words from abroad
	unspaced             // a character that is a word
	emoji                // a symbol
	joined               // a symbol that the next one is joined to
	halfFlag             // the first of the two letters of a flag
)

// folded is a text on its way through Fold.
type folded struct {
	text   strings.Builder
	kind   kind
	length int // of the current word, in characters

	placed bool   // whether places are kept
	places []span // by byte of text: the bytes of the original that it came from
}

// span is a range of bytes.
type span struct{ start, end int }

func (f *folded) fold(text string) {
	if isASCII(text) { // there is nothing to normalize, and most texts are
		for i, r := range text {
			f.addASCII(r, span{i, i + 1})
		}
	} else {
		f.normalize(text)
	}
	if f.text.Len() > 0 {
		f.write(' ', span{len(text), len(text)})
	}
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (f *folded) normalize(text string) {
	var iter norm.Iter
	iter.InitString(norm.NFKC, text)
	for !iter.Done() {
		start := iter.Pos()
		segment := iter.Next()
		from := span{start, iter.Pos()}
		if from.end == start { // a piece of a character such as ⑴, and not its last
			_, size := utf8.DecodeRuneInString(text[start:])
			from.end += size
		}
		for len(segment) > 0 {
			r, size := utf8.DecodeRune(segment)
			segment = segment[size:]
			f.add(r, from)
		}
	}
}

func (f *folded) add(r rune, from span) {
	switch {
	case r < utf8.RuneSelf:
		f.addASCII(r, from)
	case ignored(r):
		f.leaveOut(r, from)
	case isFlagLetter(r):
		f.addFlagLetter(r, from)
	case unicode.Is(unicode.So, r), f.kind == joined && unicode.Is(unicode.S, r):
		if f.kind != joined {
			f.begin(from)
		}
		f.put(r, emoji, from)
	case unicode.In(r, unicode.L, unicode.M, unicode.N) && !isApostrophe(r):
		f.addLetter(r, from)
	default:
		f.kind = between
	}
}

func (f *folded) addASCII(r rune, from span) {
	switch {
	case 'A' <= r && r <= 'Z':
		r += 'a' - 'A'
	case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
	default:
		f.kind = between
		return
	}
	if f.kind != letters {
		f.begin(from)
	}
	f.put(r, letters, from)
}

// leaveOut makes an ignored character a part of the one before, so that
// highlights do not cut it off.
func (f *folded) leaveOut(r rune, from span) {
	const joiner = '\u200d'
	switch {
	case f.kind == between:
		return
	case f.kind == emoji && isTag(r): // tells the flag of Wales from that of Scotland
		f.put(r, emoji, from)
		return
	case f.kind == emoji && r == joiner:
		f.kind = joined
	}
	for i := len(f.places) - 1; i >= 0; i-- {
		f.places[i].end = from.end
		if utf8.RuneStart(f.text.String()[i]) {
			return
		}
	}
}

func (f *folded) addFlagLetter(r rune, from span) {
	if f.kind == halfFlag {
		f.put(r, emoji, from)
		return
	}
	f.begin(from)
	f.put(r, halfFlag, from)
}

// addLetter adds what a letter, digit or mark folds to.
func (f *folded) addLetter(r rune, from span) {
	kind := f.kindOf(r)
	if kind != f.kind || kind == unspaced && !unicode.Is(unicode.M, r) && r != longVowel {
		f.begin(from)
	}
	eachFolded(r, func(r rune) { f.put(r, kind, from) })
}

// longVowel lengthens the kana before it.
const longVowel = 'ー'

func (f *folded) kindOf(r rune) kind {
	switch {
	case r < firstUnspaced:
		return letters
	case r == longVowel && f.kind != unspaced:
		return katakana
	case unicode.Is(unicode.M, r) || r == longVowel:
		if f.kind == katakana || f.kind == unspaced {
			return f.kind
		}
		return letters
	case unicode.Is(unicode.Katakana, r):
		return katakana
	case unicode.In(r, scriptsWithoutSpaces...) && !unicode.Is(unicode.Nd, r):
		return unspaced
	default:
		return letters
	}
}

// begin begins a word.
func (f *folded) begin(from span) {
	f.write(' ', span{from.start, from.start})
	f.length = 0
}

// put adds a character to the current word.
func (f *folded) put(r rune, k kind, from span) {
	if f.length == maxWord {
		f.begin(from)
	}
	f.write(r, from)
	f.length++
	f.kind = k
}

func (f *folded) write(r rune, from span) {
	size := 1
	if r < utf8.RuneSelf {
		f.text.WriteByte(byte(r))
	} else {
		size, _ = f.text.WriteRune(r)
	}
	if !f.placed {
		return
	}
	for ; size > 0; size-- {
		f.places = append(f.places, from)
	}
}

// eachFolded calls emit with what a letter, digit or mark folds to.
func eachFolded(r rune, emit func(rune)) {
	if digit, ok := digitOf(r); ok {
		emit(digit)
		return
	}
	if base, ok := withoutAccents(r); ok && foldsTo[r] == "" {
		r = base
	}
	if foldsTo[r] == "" {
		r = unicode.ToLower(r)
	}
	s, ok := foldsTo[r]
	if !ok {
		emit(r)
		return
	}
	for _, f := range s {
		emit(f)
	}
}

// digitOf returns the ASCII digit of a decimal digit. Unicode keeps those of a
// script in one row, from 0 to 9.
func digitOf(r rune) (rune, bool) {
	if !unicode.Is(unicode.Nd, r) {
		return 0, false
	}
	for _, row := range unicode.Nd.R16 {
		if rune(row.Lo) <= r && r <= rune(row.Hi) {
			return '0' + (r-rune(row.Lo))%10, true
		}
	}
	for _, row := range unicode.Nd.R32 {
		if rune(row.Lo) <= r && r <= rune(row.Hi) {
			return '0' + (r-rune(row.Lo))%10, true
		}
	}
	return 0, false
}

// withoutAccents returns the letter that an accented letter is built on. A
// letter that is built with other marks, such as が, has none: there the mark
// makes another letter.
func withoutAccents(r rune) (rune, bool) {
	var letter [utf8.UTFMax]byte
	parts := norm.NFD.Properties(utf8.AppendRune(letter[:0], r)).Decomposition()
	if parts == nil {
		return r, false
	}
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

// ignored reports whether a character has no part in a word: accents and
// vowel points, the tatweel that stretches Arabic words, invisible format
// characters (joiners, soft hyphen), skin tones and the frames of keycaps.
func ignored(r rune) bool {
	const tatweel = 'ـ'
	return r == tatweel || unicode.Is(accents, r) || unicode.Is(unicode.Cf, r) ||
		unicode.Is(unicode.Variation_Selector, r) || 0x1F3FB <= r && r <= 0x1F3FF
}

func isFlagLetter(r rune) bool { return unicode.Is(unicode.Regional_Indicator, r) }

// isTag reports whether a character spells, unseen, which flag a flag is.
func isTag(r rune) bool { return 0xE0020 <= r && r <= 0xE007E }

// isApostrophe reports whether a character that counts as a letter is what
// some keyboards write for the apostrophe.
func isApostrophe(r rune) bool { return r == 'ʼ' || r == 'ʻ' }

// accents are the marks that searchers leave out: of Latin, Greek and Cyrillic
// letters, Hebrew points and Arabic vowels, and the frames around symbols.
// Marks of other scripts, such as the vowel signs of Devanagari, count as
// letters.
var accents = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x0300, Hi: 0x036F, Stride: 1},
	{Lo: 0x0591, Hi: 0x05C7, Stride: 1},
	{Lo: 0x0610, Hi: 0x061A, Stride: 1},
	{Lo: 0x064B, Hi: 0x065F, Stride: 1},
	{Lo: 0x0670, Hi: 0x0670, Stride: 1},
	{Lo: 0x06D6, Hi: 0x06ED, Stride: 1},
	{Lo: 0x20D0, Hi: 0x20F0, Stride: 1},
}}

// scriptsWithoutSpaces are those whose words have no spaces between them. Katakana is
// apart from them: a run of it is a word.
var scriptsWithoutSpaces = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Bopomofo, unicode.Yi,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar,
	unicode.Tai_Le, unicode.New_Tai_Lue, unicode.Tai_Tham, unicode.Tai_Viet,
}

const firstUnspaced = 'ก' // no script without spaces has a letter before

// IsUnspaced reports whether a folded word is a character of a script without
// spaces. No other word begins or ends with it, but for marks at its end.
func IsUnspaced(word string) bool {
	r, _ := utf8.DecodeRuneInString(word)
	return r >= firstUnspaced && unicode.In(r, scriptsWithoutSpaces...)
}

// foldsTo holds the letters that people write for one another and that neither
// case nor accents explain.
var foldsTo = map[rune]string{
	'ß': "ss", 'ı': "i", 'ς': "σ", 'æ': "ae", 'œ': "oe", 'ø': "o", 'ł': "l", 'đ': "d", 'ð': "d", 'ħ': "h", 'þ': "th",
	'ة': "ه", 'ى': "ي", 'ی': "ي", 'ک': "ك", 'ٱ': "ا", 'ہ': "ه", 'ھ': "ه",
}
