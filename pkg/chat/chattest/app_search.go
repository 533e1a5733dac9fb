package chattest

import (
	"fmt"
	"testing"
	"time"

	"chatapi/pkg/chat"

	"github.com/google/go-cmp/cmp"
)

// at returns a message as if it had been created at another time.
func at(m chat.Message, created time.Time) chat.Message {
	m.CreatedAt, m.UpdatedAt = created, created
	return m
}

// appMessages are messages of chats 2, 11 and 1 of the app. Some were created
// at the same time, and the numbers of none tell when.
func (x *indexTest) appMessages(t *testing.T) []chat.Message {
	t.Helper()
	minute := func(n int) time.Time { return indexedAt.Add(time.Duration(n) * time.Minute) }
	all := []chat.Message{
		at(x.message(t, 2, 1, "red fox"), minute(9)),
		at(x.message(t, 2, 2, "red hen"), minute(2)),
		at(x.message(t, 2, 30, "redder"), minute(40)),
		at(x.message(t, 11, 1, "red"), minute(5)),
		at(x.message(t, 11, 2, "red"), minute(5)),
		at(x.message(t, 11, 3, "infrared"), minute(50)),
		at(x.message(t, 1, 7, "red"), minute(5)),
		at(x.message(t, 1, 8, "blue"), minute(60)),
		at(x.message(t, 1, 9, "reddish"), minute(40)),
	}
	all[1].Sender, all[8].Sender = "bob", "bob"
	return all
}

func searchApp(t *testing.T, x *indexTest) {
	other := newIndexTest(t, x.index)
	x.apply(t, x.appMessages(t)...)
	other.apply(t, other.message(t, 2, 1, "red"))
	minute := func(n int) time.Time { return indexedAt.Add(time.Duration(n) * time.Minute) }
	for _, c := range []struct {
		name   string
		search chat.Search
		query  string
		want   []string // "<chat>/<message>"
	}{
		{"rank, then time, then chat, then message", chat.Search{}, "red",
			[]string{"2/1", "11/2", "11/1", "1/7", "2/2", "2/30", "1/9", "11/3"}},
		{"a phrase", chat.Search{}, `"red fox"`, []string{"2/1"}},
		{"words of one message, not of one app", chat.Search{}, "red blue", nil},
		{"a part", chat.Search{}, "frar", []string{"11/3"}},
		{"sender", chat.Search{Sender: "bob"}, "red", []string{"2/2", "1/9"}},
		{"from and to", chat.Search{From: minute(5), To: minute(40)}, "red", []string{"2/1", "11/2", "11/1", "1/7"}},
		{"numbers, of every chat", chat.Search{After: 1, Before: 9}, "red", []string{"11/2", "1/7", "2/2", "11/3"}},
		{"nothing", chat.Search{}, "green", nil},
		{"no words", chat.Search{}, "?!", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.search.Within, c.search.Query, c.search.Limit = chat.AppParent(x.app), parse(t, c.query), chat.MaxPage
			if diff := cmp.Diff(c.want, places(x.found(t, c.search).Hits)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// places returns the chat and the number of each hit.
func places(hits []chat.Hit) []string {
	var all []string
	for _, h := range hits {
		all = append(all, fmt.Sprintf("%d/%d", h.Message.ChatNumber, h.Message.Number))
	}
	return all
}

func searchAppPages(t *testing.T, x *indexTest) {
	messages := x.appMessages(t)
	for i := range 40 { // at the same few times
		m := x.message(t, int64(i%3+1), int64(100+i), []string{"red", "redder", "red red fox", "infrared"}[i%4])
		messages = append(messages, at(m, indexedAt.Add(time.Duration(i%5)*time.Minute)))
	}
	x.apply(t, messages...)
	for _, query := range []string{"red", "re", "r", "ed", `"red fox"`, "red-f"} {
		for _, limit := range []int{1, 2, 7, 50, chat.MaxPage} {
			t.Run(fmt.Sprintf("%s by %d", query, limit), func(t *testing.T) {
				search := chat.Search{Within: chat.AppParent(x.app), Query: parse(t, query), Limit: limit}
				if diff := cmp.Diff(matches(messages, search), inPages(t, x.index, search)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

// indexedThrough expects an empty index that nobody else writes to.
func indexedThrough(t *testing.T, x *indexTest) {
	m := x.message(t, 1, 1, "red")
	one, all := chat.Search{Within: m.ChatID().Parent(), Query: parse(t, "red"), Limit: 1}, chat.Search{Within: chat.AppParent(x.app), Query: parse(t, "red"), Limit: 1}
	for _, search := range []chat.Search{one, all} {
		if found := x.found(t, search); !found.IndexedThrough.IsZero() {
			t.Errorf("an empty index is indexed through %v", found.IndexedThrough)
		}
	}
	later := edited(m, 2, "red again")
	gone := deleted(later, 3)
	for _, step := range []struct {
		name    string
		apply   []chat.Message
		through time.Time
		hits    int
	}{
		{"a create", []chat.Message{m}, m.UpdatedAt, 1},
		{"the same again", []chat.Message{m}, m.UpdatedAt, 1},
		{"an edit", []chat.Message{later}, later.UpdatedAt, 1},
		{"an older version", []chat.Message{m}, later.UpdatedAt, 1},
		{"an older message", []chat.Message{at(x.message(t, 1, 2, "blue"), m.CreatedAt.Add(-time.Hour))}, later.UpdatedAt, 1},
		{"a delete", []chat.Message{gone}, gone.UpdatedAt, 0},
		{"the deleted message again", []chat.Message{later, m}, gone.UpdatedAt, 0},
	} {
		t.Run(step.name, func(t *testing.T) {
			applyNow(t, x.index, step.apply)
			for _, search := range []chat.Search{one, all} {
				x.reaches(t, search, step.through, step.hits)
			}
		})
	}
	t.Run("a search without words", func(t *testing.T) {
		x.reaches(t, chat.Search{Within: m.ChatID().Parent(), Query: parse(t, "?!"), Limit: 1}, gone.UpdatedAt, 0)
	})
}

// reaches waits until a search is indexed through a time, which it must not be
// ahead of, and expects so many hits in the answer that says so.
func (x *indexTest) reaches(t *testing.T, search chat.Search, through time.Time, hits int) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		found := x.found(t, search)
		switch {
		case found.IndexedThrough.After(through):
			t.Fatalf("indexed through %v, and the newest change is of %v", found.IndexedThrough, through)
		case found.IndexedThrough.Equal(through):
			if len(found.Hits) != hits {
				t.Fatalf("indexed through %v, and there are %d hits, want %d", through, len(found.Hits), hits)
			}
			return
		}
	}
	t.Fatalf("not indexed through %v within %v", through, patience)
}
