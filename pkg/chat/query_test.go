package chat_test

import (
	"errors"
	"html"
	"strings"
	"testing"

	"chatapi/pkg/chat"
	"chatapi/pkg/chat/chattest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
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
		{"digits", "٤٢ ۴۲ 42 ４２ ४२ ๔๒ 𑁪𑁨", " 42 42 42 42 42 42 42 "},
		{"Cyrillic", "Ёлка", " елка "},
		{"Devanagari vowel signs stay", "किताब", " किताब "},
		{"kana voicing stays", "が か", " が か "},
		{"Chinese characters are words", "我喜欢北京2024年", " 我 喜 欢 北 京 2024 年 "},
		{"Japanese: a run of katakana is a word", "東京タワーへ行く、ラーメンらーめん", " 東 京 タワー へ 行 く ラーメン らー め ん "},
		{"halfwidth katakana", "ｶﾞｰﾄﾞ", " ガード "},
		{"Thai: each character with its marks", "น้ำดื่ม๒", " น้ํ า ดื่ ม 2 "},
		{"Khmer and Lao", "ខ្មែរ ລາວ", " ខ្ មែ រ ລ າ ວ "},
		{"Latin letters beside Chinese", "iPhone手机App", " iphone 手 机 app "},
		{"Hangul, composed and not", "한글 \u1112\u1161\u11ab\u1100\u1173\u11af", " 한글 한글 "},
		{"emoji are words", "ok👍🏽yes", " ok 👍 yes "},
		{"emoji side by side", "🎉🎉", " 🎉 🎉 "},
		{"joined emoji are one word", "👩🏽‍🚀👨‍👩‍👧", " 👩🚀 👨👩👧 "},
		{"a joined arrow", "🙂‍↔️ ↔️", " 🙂↔ "},
		{"a heart with and without its selector", "❤️ ❤", " ❤ ❤ "},
		{"flags", "🇩🇪🇫🇷 🇩", " 🇩🇪 🇫🇷 🇩 "},
		{"flags of parts of a country", "🏴\U000E0067\U000E0062\U000E0077\U000E006C\U000E0073\U000E007F", " 🏴\U000E0067\U000E0062\U000E0077\U000E006C\U000E0073 "},
		{"keycaps", "1️⃣", " 1 "},
		{"hyphens, addresses", "foo-bar a.b@example.com", " foo bar a b example com "},
		{"apostrophes", "don't don’t donʼt", " don t don t don t "},
		{"what cannot be seen", "so\u00adft می\u200cخواهم a\u200bb", " soft ميخواهم ab "},
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
		{"beginning", "hel", "Hello world", chat.Prefix, []string{"Hel"}},
		{"part", "ell", "Hello world", chat.Part, []string{"ell"}},
		{"character of several pieces", "1", "a ⑴ b", chat.Whole, []string{"⑴"}},
		{"one letter", "o", "Hello world", chat.Part, []string{"o", "o"}},
		{"nothing", "bye", "Hello world", 0, nil},
		{"all words must match", "hello bye", "Hello world", 0, nil},
		{"as well as its worst word", "hello orl", "Hello world", chat.Part, []string{"Hello", "orl"}},
		{"the best place of a word counts", "he", "the he", chat.Whole, []string{"he", "he"}},
		{"phrase", `"hello world"`, "oh, Hello, world!", chat.Whole, []string{"Hello, world"}},
		{"phrase is of whole words", `"hello wor"`, "Hello world", 0, nil},
		{"phrase in order", `"world hello"`, "Hello world", 0, nil},
		{"what is written together stands together", "foo-bar", "bar foo, foo. Bar", chat.Whole, []string{"foo. Bar"}},
		{"together, in part", "oo-ba", "foo-bar", chat.Part, []string{"oo-ba"}},
		{"together, not in another order", "foo-bar", "bar-foo", 0, nil},
		{"together, from the beginning", "a.b@exam", "to a.b@example.com", chat.Prefix, []string{"a.b@exam"}},
		{"Chinese within a sentence", "北京", "我喜欢北京烤鸭", chat.Whole, []string{"北京"}},
		{"Chinese phrase within a sentence", `"北京"`, "我喜欢北京烤鸭", chat.Whole, []string{"北京"}},
		{"Chinese characters apart", "北京", "北方和南京", 0, nil},
		{"Thai within a sentence", "กิน", "ผมชอบกินข้าว", chat.Whole, []string{"กิน"}},
		{"every place of a part", "ana", "banana", chat.Part, []string{"anana"}},
		{"an emoji with its skin tone", "👍", "ok 👍🏽!", chat.Whole, []string{"👍🏽"}},
		{"an emoji of a joined one", "🚀", "👩‍🚀", chat.Part, []string{"🚀"}},
		{"a flag is not two letters", "🇪🇫", "🇩🇪🇫🇷", 0, nil},
		{"decomposed accents are marked too", "cafe", "cafe\u0301s", chat.Prefix, []string{"cafe\u0301"}},
		{"quote left open", `"hello wor`, "Hello world", chat.Prefix, []string{"Hello", "wor"}},
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

func TestQueryMatchesAsUsersExpect(t *testing.T) { chattest.QueryMatch(t) }

func TestQueryLimits(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		ok         bool
	}{
		{"the longest", strings.Repeat("x", chat.MaxQuery), true},
		{"too long", strings.Repeat("x", chat.MaxQuery+1), false},
		{"the most words", words(chat.MaxTerms), true},
		{"too many words", words(chat.MaxTerms + 1), false},
		{"a word again and again", strings.Repeat("a ", chat.MaxQuery/2), true},
		{"nothing", "", false},
		{"blank", " \t\u3000", false},
		{"no UTF-8", "\xff", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := chat.ParseQuery(tt.text)
			var invalid *chat.InvalidError
			if (err == nil) != tt.ok || err != nil && !errors.As(err, &invalid) {
				t.Errorf("error %v, ok should be %v", err, tt.ok)
			}
		})
	}
}

// words returns n different words.
func words(n int) string {
	var all []string
	for i := range n {
		all = append(all, string(rune('A'+i%26))+string(rune('0'+i/26)))
	}
	return strings.Join(all, " ")
}

func TestMark(t *testing.T) {
	for _, tt := range []struct{ name, query, text, want string }{
		{"nothing else", "hello", "hello", "<mark>hello</mark>"},
		{"first, last and between", "a", "a b a c a", "<mark>a</mark> b <mark>a</mark> c <mark>a</mark>"},
		{"HTML in the text", "bold", `<b class="x">bold</b> & 'so'`, "&lt;b class=&#34;x&#34;&gt;<mark>bold</mark>&lt;/b&gt; &amp; &#39;so&#39;"},
		{"HTML within the match", `"x y"`, "x<script>y", "x&lt;script&gt;y"},
		{"HTML within a phrase", `"x y"`, "x<>y", "<mark>x&lt;&gt;y</mark>"},
		{"wide characters", "café", "👩‍🚀 Cafe\u0301 über", "👩‍🚀 <mark>Cafe\u0301</mark> über"},
		{"no match", "no", "<yes>", "&lt;yes&gt;"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q, err := chat.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			_, found := q.Match(tt.text)
			if got := chat.Mark(tt.text, found); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestHighlightsOfLongTexts holds that what a search shows of a message is
// bounded: MaxHighlights highlights, and fragments of a long text around them.
func TestHighlightsOfLongTexts(t *testing.T) {
	const mark = "<mark>needle</mark>"
	hay := strings.Repeat("hay ", 1000)
	before := strings.Repeat("hay ", 19)
	after := " " + strings.TrimSpace(before)
	for _, tt := range []struct {
		name, text, want string
		highlights       int
	}{
		{"the longest that is shown whole", strings.Repeat("x", chat.MaxWholeBody-7) + " needle", strings.Repeat("x", chat.MaxWholeBody-7) + " " + mark, 1},
		{"at the start", "needle " + hay, mark + after, 1},
		{"at the end", hay + "needle", before + mark, 1},
		{"in the middle", hay + "needle " + hay, before + mark + after, 1},
		{"two far apart", "needle " + hay + "needle", mark + after + " … " + before + mark, 2},
		{"two near each other", "needle hay needle " + hay, mark + " hay " + mark + after, 2},
		{"no spaces", "needle" + strings.Repeat("、", 1000), mark + strings.Repeat("、", 80), 1},
		{"more than are highlighted", strings.Repeat("needle ", 1000), strings.Repeat(mark+" ", 100) + strings.TrimSpace(strings.Repeat("needle ", 11)), 100},
		{"none", hay, before + "hay", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q, err := chat.ParseQuery("needle")
			if err != nil {
				t.Fatal(err)
			}
			_, found := q.Match(tt.text)
			if len(found) != tt.highlights {
				t.Errorf("%d highlights, want %d", len(found), tt.highlights)
			}
			if diff := cmp.Diff(tt.want, chat.Mark(tt.text, found)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestHighlightsInAnyText holds for any text what a client relies on: the
// highlights lie in the text, apart and in order, and the marked text is the
// text.
func TestHighlightsInAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		q, err := chat.ParseQuery(rapid.StringN(1, 8, -1).Draw(t, "query"))
		if err != nil {
			t.Skip("no query")
		}
		if len(text) > 0 && rapid.Bool().Draw(t, "from the text") {
			runes := []rune(text)
			from := rapid.IntRange(0, len(runes)-1).Draw(t, "from")
			if q, err = chat.ParseQuery(string(runes[from:min(len(runes), from+5)])); err != nil {
				t.Skip("no query")
			}
		}
		rank, found := q.Match(text)
		if rank != q.Rank(chat.Fold(text)) {
			t.Fatalf("Match ranks %d, Rank %d", rank, q.Rank(chat.Fold(text)))
		}
		end := 0
		for _, h := range found {
			if h.Start < end || h.End <= h.Start || string([]rune(text)[h.Start:h.End]) != h.Text {
				t.Fatalf("highlight %+v in %q", h, text)
			}
			end = h.End + 1
		}
		marked := strings.NewReplacer("<mark>", "", "</mark>", "").Replace(chat.Mark(text, found))
		if html.UnescapeString(marked) != html.UnescapeString(html.EscapeString(text)) {
			t.Fatalf("marked text %q of %q", marked, text)
		}
	})
}
