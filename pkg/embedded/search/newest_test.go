package search_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/search"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestNewestFirst: what pages find, and in what order, does not depend on the place where
// numbers and times stand in their buckets, nor on how a search goes. Numbers
// and times lie at the borders of buckets, and some messages are edited or
// deleted, in another segment than they were created.
func TestNewestFirst(t *testing.T) {
	indexes := map[string]*search.Index{}
	for name, set := range map[string]func(*search.Index){
		"all places": func(*search.Index) {}, "by bucket": (*search.Index).ReadByBucket,
		"words after all": (*search.Index).CheckFew, "few at once, many by bucket": (*search.Index).ReadFew,
	} {
		x := open(t, t.TempDir())
		set(x)
		indexes[name] = x
	}
	rapid.Check(t, func(t *rapid.T) {
		messages := drawMessages(t)
		searched := drawSearch(t, messages[0].AppToken)
		want, batch := match(searched, messages), rapid.SampledFrom([]int{7, 40}).Draw(t, "batch")
		for name, x := range indexes {
			for some := range slices.Chunk(messages, batch) {
				for _, err := range x.Apply(t.Context(), some) {
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			if diff := cmp.Diff(want, allPages(t, x, searched)); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// drawMessages returns versions of messages of a new app, each version once.
func drawMessages(t *rapid.T) []chat.Message {
	app, err := chat.NewApp("newest", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	begun := time.UnixMilli(1 << 40)
	var all []chat.Message
	seen := map[chat.Position]bool{}
	for range rapid.IntRange(1, 60).Draw(t, "messages") {
		id := chat.ChatID{AppToken: app.Token, Number: rapid.Int64Range(1, 2).Draw(t, "chat")}
		created := begun.Add(time.Duration(rapid.Int64Range(0, 3).Draw(t, "times")<<8+rapid.Int64Range(-1, 1).Draw(t, "time")) * time.Millisecond)
		m, err := chat.NewMessage(id, rapid.SampledFrom([]string{"red", "redder", "infrared", "red fox", "blue"}).Draw(t, "body"), rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "sender"), nil, created)
		if err != nil {
			t.Fatal(err)
		}
		m.Number = max(1, rapid.Int64Range(0, 4).Draw(t, "numbers")<<9+rapid.Int64Range(-1, 1).Draw(t, "number"))
		if at := (chat.Position{Chat: id.Number, Number: m.Number}); seen[at] {
			continue
		} else {
			seen[at] = true
		}
		all = append(all, m)
	}
	for i, m := range slices.Clone(all) {
		switch rapid.IntRange(0, 9).Draw(t, "fate") {
		case 0:
			all = append(all, m.Tombstone(m.CreatedAt))
		case 1:
			m.Version, m.Body = 2, "red again"
			all = append(all, m)
		case 2: // the index never sees it alive
			all[i] = m.Tombstone(m.CreatedAt)
		}
	}
	return all
}

func drawSearch(t *rapid.T, app string) chat.Search {
	query, err := chat.ParseQuery(rapid.SampledFrom([]string{"red", "re", "fra", "red fox", "red-fox", `"red fox"`, "e"}).Draw(t, "query"))
	if err != nil {
		t.Fatal(err)
	}
	s := chat.Search{
		Within: chat.Parent{AppToken: app, ChatNumber: rapid.Int64Range(0, 2).Draw(t, "in")},
		Query:  query, Limit: rapid.IntRange(1, 9).Draw(t, "limit"),
	}
	if rapid.Bool().Draw(t, "of one sender") {
		s.Sender = "bob"
	}
	if rapid.Bool().Draw(t, "filtered") {
		s.After = rapid.SampledFrom([]int64{0, 511, 512, 1024, 1 << 50}).Draw(t, "after")
		s.Before = rapid.SampledFrom([]int64{0, 1, 512, 513, 1536}).Draw(t, "before")
		s.From = rapid.SampledFrom([]time.Time{{}, time.UnixMilli(1 << 40), time.UnixMilli(1<<40 + 1<<8)}).Draw(t, "from")
		s.To = rapid.SampledFrom([]time.Time{{}, time.UnixMilli(1 << 40), time.UnixMilli(1<<40 + 2<<8 + 1)}).Draw(t, "to")
	}
	return s
}

// match returns what a search has to find.
func match(s chat.Search, messages []chat.Message) []string {
	var hits []chat.Hit
	for _, m := range chat.NewestVersions(messages) {
		in := s.Within.IsApp() || s.Within.ChatNumber == m.ChatNumber
		number := m.Number > s.After && (s.Before == 0 || m.Number < s.Before)
		created := !m.CreatedAt.Before(s.From) && (s.To.IsZero() || m.CreatedAt.Before(s.To))
		if rank := s.Query.Rank(chat.Fold(m.Body)); rank > 0 && in && number && created && (s.Sender == "" || s.Sender == m.Sender) && !m.Deleted() {
			hits = append(hits, chat.Hit{Message: m, Rank: rank})
		}
	}
	slices.SortFunc(hits, func(a, b chat.Hit) int { return s.Position(a).Compare(s.Position(b)) })
	return show(hits)
}

func allPages(t *rapid.T, x *search.Index, s chat.Search) []string {
	var hits []chat.Hit
	for {
		found, err := x.Search(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		hits = append(hits, found.Hits...)
		if !found.More {
			return show(hits)
		}
		s.Last = s.Position(found.Hits[len(found.Hits)-1])
	}
}

func show(hits []chat.Hit) []string {
	var all []string
	for _, h := range hits {
		all = append(all, fmt.Sprintf("%d/%d rank %d: %s", h.Message.ChatNumber, h.Message.Number, h.Rank, h.Message.Body))
	}
	return all
}

// TestManyMatches has so many matches that a search takes them bucket by bucket
// of its own accord, and looks up so many words that it checks messages instead.
func TestManyMatches(t *testing.T) {
	x := open(t, t.TempDir())
	var bodies []string
	for i := range 3000 {
		bodies = append(bodies, fmt.Sprintf("red x%dy", i))
	}
	messages := newMessages(t, bodies...)
	for some := range slices.Chunk(messages, 1000) {
		apply(t, x, some...)
	}
	gone := messages[2998]
	gone.Version, gone.DeletedAt, gone.Body = 2, time.Now(), ""
	apply(t, x, gone)
	newest := func(n int) (numbers []int64) {
		for i := int64(3000); len(numbers) < n; i-- {
			if i != gone.Number {
				numbers = append(numbers, i)
			}
		}
		return numbers
	}
	for _, query := range []string{"red", "re", "ed", "x", "y", "red x", "re y"} {
		t.Run(query, func(t *testing.T) {
			if diff := cmp.Diff(newest(chat.MaxPage), find(t, x, gone.ChatID(), query)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("of one message", func(t *testing.T) {
		if diff := cmp.Diff([]int64{18}, find(t, x, gone.ChatID(), strings.Fields(messages[17].Body)[1])); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
