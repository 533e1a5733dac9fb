package chattest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"
)

// Index is the contract of the port chat.Index. It runs its cases side by side
// on one index, each in apps of its own, so that none expects the index to be
// empty; only how fresh the index is it asks a second one. What a query finds is held against chat.Query.Match, which
// specifies it.
func Index(t *testing.T, open func(t *testing.T) chat.Index) {
	x := open(t)
	for _, c := range []struct {
		name string
		run  func(t *testing.T, x *indexTest)
	}{
		{"what a query finds", queryFinds},
		{"any query finds what it matches", queriesFindMatches},
		{"a message is found as it was applied", hitRoundTrip},
		{"filters by sender and time", searchFilters},
		{"pages neither repeat nor skip", searchPages},
		{"one chat is searched", searchOneChat},
		{"all chats of an app are searched", searchApp},
		{"pages of an app neither repeat nor skip", searchAppPages},
		{"what users search for", casesFind},
		{"a newer version replaces an older one", newerVersions},
		{"metadata is that of the newest version", newestMetadata},
		{"an older or equal version changes nothing", olderVersions},
		{"versions in any order leave the newest", versionsInAnyOrder},
		{"versions in one call", versionsInOneCall},
		{"versions in overlapping calls", versionsSideBySide},
		{"a deleted message is not found", deletedMessages},
		{"the longest texts", longestTexts},
		{"the longest queries", longestQueries},
		{"nothing to apply or to search for", nothingToDo},
		{"an end of the context ends every method", cancelledIndex},
		{"an index that works answers a ping", pingIndex},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, newIndexTest(t, x))
		})
	}
	t.Run("how fresh the index is", func(t *testing.T) {
		t.Parallel()
		indexedThrough(t, newIndexTest(t, open(t)))
	})
}

// indexTest is an index and a new app in it.
type indexTest struct {
	index chat.Index
	app   string
	marks int64 // messages that settle applied
}

func newIndexTest(t *testing.T, x chat.Index) *indexTest {
	return &indexTest{index: x, app: newAppToken(t)}
}

func newAppToken(t *testing.T) string {
	t.Helper()
	app, err := chat.NewApp("index", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return app.Token
}

// indexedAt is when the messages of the suite are created, a minute later for
// each next number.
var indexedAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// message returns a message of the app in its first version.
func (x *indexTest) message(t *testing.T, chatNumber, number int64, body string) chat.Message {
	t.Helper()
	at := indexedAt.Add(time.Duration(number) * time.Minute)
	m, err := chat.NewMessage(chat.ChatID{AppToken: x.app, Number: chatNumber}, body, "ann", nil, at)
	if err != nil {
		t.Fatal(err)
	}
	m.Number = number
	return m
}

// messages returns messages 1, 2, 3 … of a chat.
func (x *indexTest) messages(t *testing.T, chatNumber int64, bodies ...string) []chat.Message {
	t.Helper()
	var all []chat.Message
	for i, body := range bodies {
		all = append(all, x.message(t, chatNumber, int64(i+1), body))
	}
	return all
}

// edited returns a message's given version with another body.
func edited(m chat.Message, version int64, body string) chat.Message {
	m.Version, m.Body, m.UpdatedAt = version, body, m.UpdatedAt.Add(time.Second)
	return m
}

// deleted returns a message's given version as its tombstone.
func deleted(m chat.Message, version int64) chat.Message {
	m.Version, m.Body, m.UpdatedAt = version, "", m.UpdatedAt.Add(time.Second)
	m.DeletedAt = m.UpdatedAt
	return m
}

// apply applies messages, all in one call, and waits until a search would see
// them.
func (x *indexTest) apply(t *testing.T, messages ...chat.Message) {
	t.Helper()
	applyNow(t, x.index, messages)
	x.settle(t)
}

func applyNow(t *testing.T, x chat.Index, messages []chat.Message) {
	t.Helper()
	if err := errors.Join(x.Apply(t.Context(), messages)...); err != nil {
		t.Fatalf("Apply: %v", err)
	}
}

// markChat is a chat that only settle writes to, and markBody what it writes:
// a word that no search of the suite matches, not even of the whole app.
const (
	markChat = 1 << 40
	markBody = "⌖"
)

// settle waits until searches see all that was applied so far: it applies one
// more message of the app and searches for that. Without it a test that
// something is not found would pass on an index that is merely late.
func (x *indexTest) settle(t *testing.T) {
	t.Helper()
	x.marks++
	mark := x.message(t, markChat, x.marks, markBody)
	applyNow(t, x.index, []chat.Message{mark})
	search := chat.Search{Within: mark.ChatID().Parent(), Query: parse(t, markBody), Limit: 1}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if hits := x.found(t, search).Hits; len(hits) > 0 && hits[0].Message.Number == x.marks {
			return
		}
	}
	t.Fatalf("a message is not found %v after it was applied", patience)
}

func parse(t testing.TB, query string) chat.Query {
	t.Helper()
	q, err := chat.ParseQuery(query)
	if err != nil {
		t.Fatalf("ParseQuery(%q): %v", query, err)
	}
	return q
}

// find searches a chat of the app and returns the places of the hits.
func (x *indexTest) find(t *testing.T, chatNumber int64, query string) []chat.Position {
	t.Helper()
	return x.search(t, chat.Search{Within: chat.Parent{AppToken: x.app, ChatNumber: chatNumber}, Query: parse(t, query)})
}

// search returns the places of up to MaxPage hits.
func (x *indexTest) search(t *testing.T, search chat.Search) []chat.Position {
	t.Helper()
	search.Limit = chat.MaxPage
	found := x.found(t, search)
	if found.More {
		t.Fatalf("Search says there are more than %d hits", len(found.Hits))
	}
	return positions(search, found.Hits)
}

// found searches.
func (x *indexTest) found(t *testing.T, search chat.Search) chat.SearchResult {
	t.Helper()
	found, err := x.index.Search(t.Context(), search)
	if err != nil {
		t.Fatalf("Search: %v", err)
	}
	return found
}

func positions(search chat.Search, hits []chat.Hit) []chat.Position {
	var all []chat.Position
	for _, h := range hits {
		all = append(all, search.Position(h))
	}
	return all
}

func whole(number int64) chat.Position {
	return chat.Position{Rank: chat.Whole, Number: number}
}

func beginning(number int64) chat.Position {
	return chat.Position{Rank: chat.Prefix, Number: number}
}

func part(number int64) chat.Position {
	return chat.Position{Rank: chat.Part, Number: number}
}

func queryFinds(t *testing.T, x *indexTest) {
	cases := []struct {
		name   string
		bodies []string // of messages 1, 2, 3 …
		query  string
		want   []chat.Position
	}{
		{"whole words, then beginnings, then parts", []string{"shell", "hell", "hello", "unrelated"}, "hell",
			[]chat.Position{whole(2), beginning(3), part(1)}},
		{"newest first within a rank", []string{"hello", "hell", "shell", "hello", "hell", "shell"}, "hell",
			[]chat.Position{whole(5), whole(2), beginning(4), beginning(1), part(6), part(3)}},
		{"numbers in the order of numbers", []string{"a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a"}, "a",
			[]chat.Position{whole(11), whole(10), whole(9), whole(8), whole(7), whole(6), whole(5), whole(4), whole(3), whole(2), whole(1)}},
		{"the best place of a word counts", []string{"shell hello hell"}, "hell", []chat.Position{whole(1)}},
		{"all words must match", []string{"red fox", "red hen", "fox red"}, "red fox", []chat.Position{whole(3), whole(1)}},
		{"as well as its worst word", []string{"redder fox", "red fox", "red outfox"}, "red fox",
			[]chat.Position{whole(2), beginning(1), part(3)}},
		{"one word of the text for two of the query", []string{"redfox"}, "red fox", []chat.Position{part(1)}},
		{"a word twice in the query", []string{"red"}, "red red", []chat.Position{whole(1)}},

		{"phrase", []string{"the red fox", "fox red", "red, FOX!", "red old fox"}, `"red fox"`, []chat.Position{whole(3), whole(1)}},
		{"phrase of whole words", []string{"red foxes", "infrared fox"}, `"red fox"`, nil},
		{"phrase of one word", []string{"red", "reddish"}, `"red"`, []chat.Position{whole(1)}},
		{"phrase that stutters", []string{"a b a c", "a b a b a c"}, `"b a b a c"`, []chat.Position{whole(2)}},
		{"phrase and a beginning", []string{"the red fox jumped", "red fox", "jump red"}, `"red fox" jump`, []chat.Position{beginning(1)}},
		{"quotation marks of a phone", []string{"red fox", "fox red"}, "“red fox”", []chat.Position{whole(1)}},
		{"quote left open", []string{"red foxes"}, `"red fox`, []chat.Position{beginning(1)}},

		{"beginning of three letters", []string{"Hello"}, "hel", []chat.Position{beginning(1)}},
		{"part of three letters", []string{"Hello"}, "ell", []chat.Position{part(1)}},
		{"end of a word", []string{"Hello"}, "ello", []chat.Position{part(1)}},
		{"two letters", []string{"on", "one", "bone", "oboe now"}, "on", []chat.Position{whole(1), beginning(2), part(3)}},
		{"one letter", []string{"o", "on", "no", "xyz"}, "o", []chat.Position{whole(1), beginning(2), part(3)}},
		{"one digit", []string{"7", "70", "17"}, "7", []chat.Position{whole(1), beginning(2), part(3)}},
		{"a long part", []string{"antidisestablishmentarianism"}, "establishmentarian", []chat.Position{part(1)}},

		{"letters of two words are no part", []string{"1ab abc", "x1abcx"}, "1abc", []chat.Position{part(2)}},
		{"letters across a space are no part", []string{"he llo", "hel lo"}, "hello", nil},
		{"grams in another order are no part", []string{"cde bcd abc", "abcd bcde"}, "abcde", nil},
		{"grams of a beginning elsewhere are no beginning", []string{"he xhello hel"}, "hello", []chat.Position{part(1)}},
		{"a repeated gram is no longer part", []string{"aaa aaa", "aaaaa"}, "aaaa", []chat.Position{beginning(2)}},
		{"a beginning is at the beginning", []string{"ab cab"}, "cab", []chat.Position{whole(1)}},

		{"accents of the text", []string{"Un café"}, "cafe", []chat.Position{whole(1)}},
		{"accents of the query", []string{"un cafe"}, "café", []chat.Position{whole(1)}},
		{"accents apart from their letters", []string{"cafe\u0301s"}, "café", []chat.Position{beginning(1)}},
		{"case", []string{"HELLO", "hello"}, "Hello", []chat.Position{whole(2), whole(1)}},
		{"Arabic letter forms", []string{"قال سَلَامٌ", "ســـلام", "إسلام", "أحمد"}, "سلام",
			[]chat.Position{whole(2), whole(1), part(3)}},
		{"Arabic hamza", []string{"أحمد", "إحمد", "احمد"}, "آحمد", []chat.Position{whole(3), whole(2), whole(1)}},
		{"Arabic digits", []string{"٤٢"}, "42", []chat.Position{whole(1)}},
		{"Turkish dotted and dotless i", []string{"İstanbul", "ISTANBUL", "ıstanbul"}, "istanbul",
			[]chat.Position{whole(3), whole(2), whole(1)}},
		{"German sharp s and umlauts", []string{"Straße über", "STRASSE UBER"}, "strasse über", []chat.Position{whole(2), whole(1)}},
		{"Greek final sigma", []string{"ΟΔΟΣ", "οδός"}, "οδοσ", []chat.Position{whole(2), whole(1)}},
		{"Hebrew points", []string{"שָׁלוֹם"}, "שלום", []chat.Position{whole(1)}},
		{"Devanagari", []string{"किताब"}, "किता", []chat.Position{beginning(1)}},
		{"Chinese", []string{"我喜欢北京烤鸭", "北京", "北方和南京"}, "北京", []chat.Position{whole(2), whole(1)}},
		{"Chinese phrase", []string{"我喜欢北京烤鸭", "京北"}, `"北京"`, []chat.Position{whole(1)}},
		{"Japanese", []string{"東京タワーに行く", "がっこう", "かっこう"}, "タワー", []chat.Position{whole(1)}},
		{"Japanese, across kinds of letters", []string{"東京タワーに行く", "東京スカイツリー"}, "京タワ", []chat.Position{beginning(1)}},
		{"Japanese voicing makes another letter", []string{"が", "か"}, "か", []chat.Position{whole(2)}},
		{"Korean", []string{"한글날"}, "한글", []chat.Position{beginning(1)}},
		{"emoji", []string{"ok👍🏽yes", "👍", "👎"}, "👍", []chat.Position{whole(2), whole(1)}},
		{"emoji in a phrase", []string{"so 🎉🎉 fun", "🎉 so 🎉"}, `"🎉🎉"`, []chat.Position{whole(1)}},
		{"what is written together stands together", []string{"foo bar", "bar-foo", "foo.bar", "foo, x bar foo bars"}, "foo-bar",
			[]chat.Position{whole(3), whole(1), beginning(4)}},
		{"together, from within a word", []string{"a xfoo bar", "foo xbar", "xfoo x bar foo bars"}, "foo-bar",
			[]chat.Position{beginning(3), part(1)}},
		{"together, and a word", []string{"a-b c", "c a b", "a c b"}, "a-b c", []chat.Position{whole(2), whole(1)}},
		{"letters beyond 16 bits", []string{"𠮷野家", "𐐀𐐁𐐂𐐃𐐄"}, "𐐁𐐂𐐃", []chat.Position{part(2)}},
		{"two letters beyond 16 bits", []string{"𐐀𐐁𐐂", "𐐀𐐂𐐁"}, "𐐀𐐁", []chat.Position{beginning(1)}},
		{"one letter beyond 16 bits", []string{"𠮷野家", "吉野家"}, "𠮷", []chat.Position{whole(1)}},

		{"an asterisk is no wildcard", []string{"hello", "hel"}, "hel*", []chat.Position{whole(2), beginning(1)}},
		{"an asterisk alone finds nothing", []string{"hello", "*"}, "*", nil},
		{"a question mark is no wildcard", []string{"word", "w rd"}, "w?rd", []chat.Position{whole(2)}},
		{"OR is a word", []string{"red", "blue", "red or blue"}, "red OR blue", []chat.Position{whole(3)}},
		{"AND NOT are words", []string{"red", "red and not blue"}, "red AND NOT blue", []chat.Position{whole(2)}},
		{"a colon names no field", []string{"red", "body red", "body: red"}, "body:red", []chat.Position{whole(3), whole(2)}},
		{"a minus excludes nothing", []string{"red blue"}, "red -blue", []chat.Position{whole(1)}},
		{"slashes make no pattern", []string{"hello"}, "/.*/", nil},
		{"tilde and caret are no operators", []string{"hello", "hallo 2, hallo 3"}, "hallo~2 hallo^3", []chat.Position{whole(2)}},
		{"braces and quotes are no JSON", []string{"x", "match all"}, `"}}],{"match_all":{}`, []chat.Position{whole(2)}},
	}
	var all []chat.Message
	for i, c := range cases {
		all = append(all, x.messages(t, int64(i+1), c.bodies...)...)
	}
	x.apply(t, all...)
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, x.find(t, int64(i+1), c.query)); diff != "" {
				t.Errorf("%q in %q (-want +got):\n%s", c.query, c.bodies, diff)
			}
		})
	}
}

// queriesFindMatches holds random queries against Query.Match. The alphabet is
// so small that words of the query and of the texts often have to do with one
// another.
func queriesFindMatches(t *testing.T, x *indexTest) {
	const letters = "aaabbcáA1  "
	corpus := x.messages(t, 1, rapid.SliceOfN(rapid.StringOfN(rapid.SampledFrom([]rune(letters)), 1, 14, -1).
		Filter(func(s string) bool { return strings.TrimSpace(s) != "" }), 120, 120).Example(1)...)
	x.apply(t, corpus...)
	queries := rapid.StringOfN(rapid.SampledFrom([]rune(letters+`""*`)), 1, 9, -1)
	rapid.Check(t, func(t *rapid.T) {
		text := queries.Draw(t, "query")
		q, err := chat.ParseQuery(text)
		if err != nil {
			t.Skip("no query")
		}
		search := chat.Search{Within: corpus[0].ChatID().Parent(), Query: q}
		if rapid.Bool().Draw(t, "all chats") {
			search.Within = chat.AppParent(search.Within.AppToken)
		}
		want := matches(corpus, search)
		search.Limit = rapid.IntRange(max(1, len(want)/3), len(want)+1).Draw(t, "limit")
		got := inPages(t, x.index, search)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", text, diff)
		}
	})
}

// matches returns the places of what a search finds among messages.
func matches(messages []chat.Message, search chat.Search) []chat.Position {
	return positions(search, hits(messages, search))
}

// hits returns what a search finds among messages, all on one page.
func hits(messages []chat.Message, search chat.Search) []chat.Hit {
	var found []chat.Hit
	for _, m := range messages {
		if rank, _ := search.Query.Match(m.Body); rank > 0 && lets(search, m) {
			found = append(found, chat.Hit{Message: m, Rank: rank})
		}
	}
	slices.SortFunc(found, func(a, b chat.Hit) int { return search.Position(a).Compare(search.Position(b)) })
	return found
}

// lets reports whether a search's filters let a message through.
func lets(s chat.Search, m chat.Message) bool {
	return (s.Within == m.ChatID().Parent() || s.Within == chat.AppParent(m.AppToken)) &&
		(s.Sender == "" || s.Sender == m.Sender) &&
		(s.From.IsZero() || !m.CreatedAt.Before(s.From)) && (s.To.IsZero() || m.CreatedAt.Before(s.To)) &&
		m.Number > s.After && (s.Before == 0 || m.Number < s.Before)
}

// inPages returns the places of all hits, read page by page.
func inPages(t rapid.TB, x chat.Index, search chat.Search) []chat.Position {
	t.Helper()
	var all []chat.Position
	for {
		found, err := x.Search(context.Background(), search)
		if err != nil {
			t.Fatalf("Search: %v", err)
		}
		if len(found.Hits) > search.Limit {
			t.Fatalf("a page of %d hits where at most %d were asked for", len(found.Hits), search.Limit)
		}
		all = append(all, positions(search, found.Hits)...)
		if !found.More {
			return all
		}
		if len(found.Hits) < search.Limit {
			t.Fatalf("a page of %d hits, not %d, and more to come", len(found.Hits), search.Limit)
		}
		search.Last = all[len(all)-1]
	}
}

func hitRoundTrip(t *testing.T, x *indexTest) {
	at := time.Date(2026, 2, 28, 23, 59, 59, 999_000_000, time.UTC)
	plain := chat.Message{AppToken: x.app, ChatNumber: chat.MaxNumber, Number: chat.MaxNumber, Body: "same",
		Version: 1, CreatedAt: at, UpdatedAt: at}
	full := chat.Message{AppToken: x.app, ChatNumber: chat.MaxNumber, Number: 1,
		Body:   "  same \"quoted\" \\ <b>&amp;</b>\n\t\u2028 \x00\x1f 👍🏽 سَلَام \ufffd ",
		Sender: "Ann \"the\" O'Néil #1 👩‍🚀", Version: 7, CreatedAt: at, UpdatedAt: at.Add(time.Hour + time.Millisecond)}
	x.apply(t, plain, full)
	hits := x.found(t, chat.Search{Within: full.ChatID().Parent(), Query: parse(t, "same"), Limit: 2}).Hits
	want := []chat.Hit{{Message: plain, Rank: chat.Whole}, {Message: full, Rank: chat.Whole}}
	if diff := cmp.Diff(want, hits); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(asJSON(t, want), asJSON(t, hits)); diff != "" { // shows time zones too
		t.Errorf("as JSON (-want +got):\n%s", diff)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func searchFilters(t *testing.T, x *indexTest) {
	messages := x.messages(t, 1, "red", "red", "red", "redder", "infrared", "red")
	senders := []string{"ann", "Ann", "bob", "ann", "ann", strings.Repeat("👍", chat.MaxSender)}
	for i := range messages {
		messages[i].Sender = senders[i]
	}
	x.apply(t, messages...)
	at := func(number int64) time.Time { return messages[number-1].CreatedAt }
	for _, c := range []struct {
		name   string
		search chat.Search
		want   []chat.Position
	}{
		{"none", chat.Search{}, []chat.Position{whole(6), whole(3), whole(2), whole(1), beginning(4), part(5)}},
		{"sender", chat.Search{Sender: "ann"}, []chat.Position{whole(1), beginning(4), part(5)}},
		{"sender to the letter", chat.Search{Sender: "Ann"}, []chat.Position{whole(2)}},
		{"the longest sender", chat.Search{Sender: senders[5]}, []chat.Position{whole(6)}},
		{"beginning of a sender", chat.Search{Sender: "an"}, nil},
		{"sender with a wildcard", chat.Search{Sender: "*"}, nil},
		{"from a time on", chat.Search{From: at(3)}, []chat.Position{whole(6), whole(3), beginning(4), part(5)}},
		{"from a moment later", chat.Search{From: at(3).Add(time.Millisecond)}, []chat.Position{whole(6), beginning(4), part(5)}},
		{"from within a millisecond", chat.Search{From: at(3).Add(time.Nanosecond)}, []chat.Position{whole(6), beginning(4), part(5)}},
		{"to a time", chat.Search{To: at(3)}, []chat.Position{whole(2), whole(1)}},
		{"to a moment later", chat.Search{To: at(3).Add(time.Millisecond)}, []chat.Position{whole(3), whole(2), whole(1)}},
		{"to within a millisecond", chat.Search{To: at(3).Add(time.Nanosecond)}, []chat.Position{whole(3), whole(2), whole(1)}},
		{"from and to", chat.Search{From: at(2), To: at(4)}, []chat.Position{whole(3), whole(2)}},
		{"in another time zone", chat.Search{From: at(6).In(time.FixedZone("", 5*3600))}, []chat.Position{whole(6)}},
		{"from after to", chat.Search{From: at(4), To: at(2)}, nil},
		{"all at once", chat.Search{Sender: "ann", From: at(2), To: at(5)}, []chat.Position{beginning(4)}},
		{"centuries ago", chat.Search{To: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)}, nil},
		{"after a number", chat.Search{After: 2}, []chat.Position{whole(6), whole(3), beginning(4), part(5)}},
		{"before a number", chat.Search{Before: 5}, []chat.Position{whole(3), whole(2), whole(1), beginning(4)}},
		{"between numbers", chat.Search{After: 2, Before: 5}, []chat.Position{whole(3), beginning(4)}},
		{"between neighbours", chat.Search{After: 2, Before: 3}, nil},
		{"between numbers turned round", chat.Search{After: 5, Before: 2}, nil},
		{"after the highest number", chat.Search{After: chat.MaxNumber}, nil},
		{"before the highest number", chat.Search{Before: chat.MaxNumber, Sender: "bob"}, []chat.Position{whole(3)}},
		{"numbers and a time", chat.Search{After: 1, To: at(4)}, []chat.Position{whole(3), whole(2)}},
		{"until the last year", chat.Search{From: at(6), To: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}, []chat.Position{whole(6)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.search.Within, c.search.Query = messages[0].ChatID().Parent(), parse(t, "red")
			if diff := cmp.Diff(c.want, x.search(t, c.search)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func searchPages(t *testing.T, x *indexTest) {
	var bodies []string
	for range 7 {
		bodies = append(bodies, "hell", "shell", "hello", "red fox hell", "other", "fox red hell")
	}
	messages := x.messages(t, 1, bodies...)
	x.apply(t, messages...)
	for _, query := range []string{"hell", "ell", `"red fox"`, `"red fox" hel`, "e"} {
		for _, limit := range []int{1, 2, 7, 13, 14, 42, chat.MaxPage} {
			t.Run(fmt.Sprintf("%s by %d", query, limit), func(t *testing.T) {
				search := chat.Search{Within: messages[0].ChatID().Parent(), Query: parse(t, query), Limit: limit}
				if diff := cmp.Diff(matches(messages, search), inPages(t, x.index, search)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

func searchOneChat(t *testing.T, x *indexTest) {
	other := newIndexTest(t, x.index)
	x.apply(t, slices.Concat(
		x.messages(t, 1, "red", "red"),
		x.messages(t, 11, "red", "red", "redder"),
		x.messages(t, 111, "blue"),
	)...)
	other.apply(t, other.messages(t, 1, "redder")...)
	for _, c := range []struct {
		name string
		x    *indexTest
		chat int64
		want []chat.Position
	}{
		{"a chat of the app", x, 1, []chat.Position{whole(2), whole(1)}},
		{"a chat whose number begins with the other's", x, 11, []chat.Position{whole(2), whole(1), beginning(3)}},
		{"a chat with other words", x, 111, nil},
		{"a chat without messages", x, 2, nil},
		{"the same chat number in another app", other, 1, []chat.Position{beginning(1)}},
		{"a number of the one app in the other", other, 11, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, query := range []string{"red", "re"} { // a whole word, and its beginning
				if diff := cmp.Diff(numbersOf(c.want), numbersOf(c.x.find(t, c.chat, query))); diff != "" {
					t.Errorf("%q (-want +got):\n%s", query, diff)
				}
			}
		})
	}
}

func numbersOf(found []chat.Position) []int64 {
	var all []int64
	for _, p := range found {
		all = append(all, p.Number)
	}
	slices.Sort(all)
	return all
}

func newerVersions(t *testing.T, x *indexTest) {
	m := x.message(t, 1, 1, "red")
	x.apply(t, m)
	x.expect(t, "red", whole(1))
	x.apply(t, edited(m, 2, "blue"))
	x.expect(t, "red")
	x.expect(t, "blue", whole(1))
	x.apply(t, edited(m, 30, "reddish"))
	x.expect(t, "blue")
	x.expect(t, "red", beginning(1))
}

// expect fails the test where a search of chat 1 does not find exactly this.
func (x *indexTest) expect(t *testing.T, query string, want ...chat.Position) {
	t.Helper()
	if diff := cmp.Diff(want, x.find(t, 1, query)); diff != "" {
		t.Errorf("%q (-want +got):\n%s", query, diff)
	}
}

func newestMetadata(t *testing.T, x *indexTest) {
	first := x.message(t, 1, 1, "red")
	first.Metadata = chat.Metadata{"color": "<red>\u2028", "empty": "", "\"": "\\"}
	second := edited(first, 2, "red")
	second.Metadata = chat.Metadata{"color": "blue"}
	third := edited(first, 3, "red")
	third.Metadata = nil
	for _, m := range []chat.Message{first, second, third} {
		given := maps.Clone(m.Metadata)
		x.apply(t, m)
		hits := x.found(t, chat.Search{Within: m.ChatID().Parent(), Query: parse(t, "red"), Limit: 1}).Hits
		if diff := cmp.Diff([]chat.Hit{{Message: m, Rank: chat.Whole}}, hits); diff != "" {
			t.Errorf("version %d (-want +got):\n%s", m.Version, diff)
		}
		wantEqual(t, m.Metadata, given)
	}
}

func olderVersions(t *testing.T, x *indexTest) {
	m := x.message(t, 1, 1, "red")
	x.apply(t, edited(m, 10, "blue"))
	x.apply(t, m)                       // older
	x.apply(t, edited(m, 9, "green"))   // the one before: 9 is less than 10, "9" is not
	x.apply(t, edited(m, 10, "yellow")) // equal
	for _, query := range []string{"red", "green", "yellow"} {
		x.expect(t, query)
	}
	x.expect(t, "blue", whole(1))
}

func versionsInOneCall(t *testing.T, x *indexTest) {
	var bodies [5]chat.Message
	for i := range bodies {
		bodies[i] = x.message(t, 1, int64(i+1), "red")
	}
	a, b, c, d, e := bodies[0], bodies[1], bodies[2], bodies[3], bodies[4]
	x.apply(t,
		a, edited(b, 2, "blue"), edited(a, 2, "blue"), // a in order, b the other way round
		b, c, c, // c twice the same
		edited(d, 2, "blue"), edited(d, 3, "green"), d, // d with the newest in the middle
		e, deleted(e, 2), e)
	x.expect(t, "blue", whole(2), whole(1))
	x.expect(t, "red", whole(3))
	x.expect(t, "green", whole(4))
}

func versionsSideBySide(t *testing.T, x *indexTest) {
	const versions = 12
	messages := x.messages(t, 1, "red", "red", "red")
	var callers errgroup.Group
	for v := range versions {
		callers.Go(func() error {
			var all []chat.Message
			for _, m := range messages {
				all = append(all, edited(m, int64(v+1), fmt.Sprintf("v%d", v+1)))
			}
			return errors.Join(x.index.Apply(t.Context(), all)...)
		})
	}
	if err := callers.Wait(); err != nil {
		t.Fatalf("Apply: %v", err)
	}
	x.settle(t)
	x.expect(t, fmt.Sprintf("v%d", versions), whole(3), whole(2), whole(1))
	x.expect(t, "v", beginning(3), beginning(2), beginning(1))
	x.expect(t, fmt.Sprintf("v%d", versions-1))
}

// versionsInAnyOrder holds random versions, which come again, late and in any
// order, against a model that knows the newest of each message. All sequences
// have a chat of their own, so that the index has to settle only once.
func versionsInAnyOrder(t *testing.T, x *indexTest) {
	const sequences, gone = 40, 6 // the version that is deleted
	type version struct{ Number, Version int64 }
	random := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) version {
		return version{rapid.Int64Range(1, 4).Draw(r, "number"), rapid.Int64Range(1, gone).Draw(r, "version")}
	}), 1, 25)
	newest := make([]map[int64]int64, sequences)
	for i := range newest {
		newest[i] = map[int64]int64{}
		var batch []chat.Message
		for n, v := range random.Example(i) {
			m := edited(x.message(t, int64(i+1), v.Number, "first"), v.Version, fmt.Sprintf("kiwi v%d", v.Version))
			if v.Version == gone {
				m = deleted(m, gone)
			}
			newest[i][v.Number] = max(newest[i][v.Number], v.Version)
			if batch = append(batch, m); n%3 == i%3 {
				applyNow(t, x.index, batch)
				batch = nil
			}
		}
		applyNow(t, x.index, batch)
	}
	x.settle(t)
	for i, versions := range newest {
		want, got := map[int64]string{}, map[int64]string{}
		for number, v := range versions {
			if v != gone {
				want[number] = fmt.Sprintf("kiwi v%d", v)
			}
		}
		for _, h := range x.found(t, chat.Search{Within: chat.Parent{AppToken: x.app, ChatNumber: int64(i + 1)}, Query: parse(t, "kiwi"), Limit: 10}).Hits {
			got[h.Message.Number] = h.Message.Body
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", random.Example(i), diff)
		}
	}
}

func deletedMessages(t *testing.T, x *indexTest) {
	messages := x.messages(t, 1, "red", "red", "red")
	x.apply(t, messages...)
	x.apply(t, deleted(messages[1], 3))
	x.expect(t, "red", whole(3), whole(1))
	x.apply(t, messages[1], edited(messages[1], 2, "red")) // late
	x.expect(t, "red", whole(3), whole(1))
	x.expect(t, "e", part(3), part(1))

	unseen := x.message(t, 1, 4, "red")
	x.apply(t, deleted(unseen, 2)) // before the index knew it
	x.apply(t, unseen)
	x.expect(t, "red", whole(3), whole(1))

	kept := deleted(messages[0], 2)
	kept.Body = "red" // a tombstone that still has its text
	x.apply(t, kept)
	x.expect(t, "red", whole(3))
}

func longestTexts(t *testing.T, x *indexTest) {
	word := strings.Repeat("x", 255)
	letters := strings.Repeat("𐐀", 256) // 512 units of UTF-16
	last := " last"
	cases := []struct {
		name    string
		body    string
		queries []string
	}{
		{"a long word", word, []string{word, word[1:], "x"}},
		{"a long word of letters beyond 16 bits", letters, []string{letters, letters[len("𐐀"):]}},
		{"many words", strings.Repeat("word ", (chat.MaxBody-len(last))/len("word ")) + last, []string{"last", `"word last"`}},
		{"letters that fold to four words", strings.Repeat("ﷺ", chat.MaxBody/len("ﷺ")), []string{"الله", "لل"}},
		{"characters that JSON escapes", strings.Repeat("\x00", chat.MaxBody-1) + "z", []string{"z"}},
		{"a word beyond the longest", strings.Repeat("y", chat.MaxBody), []string{strings.Repeat("y", 256), "yyy"}},
	}
	for i, c := range cases {
		applyNow(t, x.index, []chat.Message{x.message(t, int64(i+1), 1, c.body)})
	}
	x.settle(t)
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, query := range c.queries {
				rank, _ := parse(t, query).Match(c.body)
				want := []chat.Position{{Rank: rank, Number: 1}}
				if diff := cmp.Diff(want, x.find(t, int64(i+1), query)); diff != "" {
					t.Errorf("%.20q (-want +got):\n%s", query, diff)
				}
			}
		})
	}
}

func longestQueries(t *testing.T, x *indexTest) {
	var emoji, words strings.Builder
	for i := range chat.MaxQuery {
		emoji.WriteRune('🌀' + rune(i)) // each a word
	}
	for i := range chat.MaxTerms {
		words.WriteRune('一' + rune(i))
		words.WriteByte(' ')
	}
	queries := []string{emoji.String(), words.String(), `"` + words.String()[:len(words.String())-4] + `"`}
	messages := x.messages(t, 1, emoji.String(), words.String(), "unrelated", "一 "+words.String())
	x.apply(t, messages...)
	for _, query := range queries {
		want := matches(messages, chat.Search{Within: messages[0].ChatID().Parent(), Query: parse(t, query)})
		if len(want) == 0 {
			t.Errorf("%.20q matches nothing", query)
		}
		x.expect(t, query, want...)
	}
}

func nothingToDo(t *testing.T, x *indexTest) {
	if errs := x.index.Apply(t.Context(), nil); errs != nil {
		t.Errorf("Apply of nothing: %v", errs)
	}
	x.apply(t, x.messages(t, 1, "red ?!")...)
	x.expect(t, "?!")
	x.expect(t, `""`)
	if found := x.search(t, chat.Search{Within: chat.Parent{AppToken: x.app, ChatNumber: 1}}); found != nil {
		t.Errorf("a query without terms finds %v", found)
	}
}

func cancelledIndex(t *testing.T, x *indexTest) {
	m := x.message(t, 1, 1, "red")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	errs := x.index.Apply(ctx, []chat.Message{m})
	if len(errs) != 1 || !errors.Is(errs[0], chat.ErrUnavailable) || !errors.Is(errs[0], context.Canceled) {
		t.Errorf("Apply returned %v, want the end of the context as ErrUnavailable", errs)
	}
	_, err := x.index.Search(ctx, chat.Search{Within: m.ChatID().Parent(), Query: parse(t, "red"), Limit: 1})
	if !errors.Is(err, chat.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("Search returned %v, want the end of the context as ErrUnavailable", err)
	}
}

func pingIndex(t *testing.T, x *indexTest) {
	if err := x.index.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
}
