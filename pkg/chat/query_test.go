package chat_test

import (
	"strings"
	"testing"

	"chatapi/pkg/chat"

	"github.com/google/go-cmp/cmp"
)

func TestFold(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"punctuation only", "?! …", ""},
		{"case", "Hello WORLD", " hello world "},
		{"accents", "Café naïve Ångström", " cafe naive angstrom "},
		{"decomposed accents", "Cafe\u0301", " cafe "},
		{"German sharp s", "STRASSE Straße", " strasse strasse "},
		{"Turkish dotted and dotless i", "İstanbul ısı", " istanbul isi "},
		{"Greek final sigma", "ΟΔΟΣ οδός", " οδοσ οδοσ "},
		{"Arabic letter forms", "أحمد إحمد آحمد ٱحمد", " احمد احمد احمد احمد "},
		{"Arabic vowels and tatweel", "سَلَامٌ ســـلام", " سلام سلام "},
		{"teh marbuta and alef maqsura", "مدرسة على", " مدرسه علي "},
		{"digits", "٤٢ ۴۲ 42 ４２", " 42 42 42 42 "},
		{"Cyrillic", "Ёлка", " елка "},
		{"Devanagari vowel signs stay", "किताब", " किताब "},
		{"kana voicing stays", "が か", " が か "},
		{"Hangul, composed and not", "한글 \u1112\u1161\u11ab\u1100\u1173\u11af", " 한글 한글 "},
		{"emoji are words", "ok👍🏽yes", " ok 👍 yes "},
		{"hyphens, addresses", "foo-bar a.b@example.com", " foo bar a b example com "},
		{"a very long word is cut", strings.Repeat("x", 300), " " + strings.Repeat("x", 256) + " " + strings.Repeat("x", 44) + " "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := chat.Fold(tt.text); got != tt.want {
				t.Errorf("Fold(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

func TestQueryMatch(t *testing.T) {
	for _, tt := range []struct {
		name, query, text string
		rank              chat.Rank
		marked            []string
	}{
		{"whole word", "hello", "Hello world", chat.Whole, []string{"Hello"}},
		{"beginning", "hel", "Hello world", chat.Beginning, []string{"Hel"}},
		{"part", "ell", "Hello world", chat.Part, []string{"ell"}},
		{"one letter", "o", "Hello world", chat.Part, []string{"o", "o"}},
		{"nothing", "bye", "Hello world", 0, nil},
		{"all words must match", "hello bye", "Hello world", 0, nil},
		{"as well as its worst word", "hello orl", "Hello world", chat.Part, []string{"Hello", "orl"}},
		{"the best place of a word counts", "he", "the he", chat.Whole, []string{"he", "he"}},
		{"phrase", `"hello world"`, "oh, Hello, world!", chat.Whole, []string{"Hello, world"}},
		{"phrase is of whole words", `"hello wor"`, "Hello world", 0, nil},
		{"phrase in order", `"world hello"`, "Hello world", 0, nil},
		{"quote left open", `"hello wor`, "Hello world", chat.Beginning, []string{"Hello", "wor"}},
		{"accents", "cafe", "Un café", chat.Whole, []string{"café"}},
		{"Arabic", "سلام", "قال سَلَام", chat.Whole, []string{"سَلَام"}},
		{"no words", "?!", "?!", 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q, err := chat.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			rank, found := q.Match(tt.text)
			if rank != tt.rank {
				t.Errorf("rank %d, want %d", rank, tt.rank)
			}
			var marked []string
			for _, h := range found {
				marked = append(marked, h.Text)
				if got := string([]rune(tt.text)[h.Start:h.End]); got != h.Text {
					t.Errorf("[%d:%d] is %q, not %q", h.Start, h.End, got, h.Text)
				}
			}
			if diff := cmp.Diff(tt.marked, marked); diff != "" {
				t.Error(diff)
			}
		})
	}
}
