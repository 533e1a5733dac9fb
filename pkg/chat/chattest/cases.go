package chattest

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"

	gocmp "github.com/google/go-cmp/cmp"
)

// casesJSON holds what users expect of searches: for each theme a few messages
// and what queries find among them.
//
//go:embed testdata/searches.json
var casesJSON []byte

// theme is a few messages of one app and what searches find among them.
type theme struct {
	Theme    string        `json:"theme"`
	Messages []caseMessage `json:"messages"`
	Searches []searchCase  `json:"searches"`
}

// caseMessage is a message of a theme. Each was created a minute after the one
// before, at 12:01, 12:02 …
type caseMessage struct {
	Body   string `json:"body"`
	Chat   int64  `json:"chat"`   // 1 where it is not given
	Sender string `json:"sender"` // ann where it is not given
}

// searchCase is a search of one chat or, with app, of all.
type searchCase struct {
	Query  string `json:"query"`
	Chat   int64  `json:"chat"` // 1 where it is not given
	App    bool   `json:"app"`
	Sender string `json:"sender"`
	From   string `json:"from"` // as a time of the day: 12:03
	To     string `json:"to"`
	After  int64  `json:"after"`
	Before int64  `json:"before"`
	found
	Why string `json:"why"` // where the query does not say it
}

// found are hits by their rank, in their order. A hit is named by its place in
// the theme's list of messages, from 1.
type found struct {
	Whole     []int `json:"whole"`
	Beginning []int `json:"beginning"`
	Part      []int `json:"part"`
}

func themes(t *testing.T) []theme {
	t.Helper()
	var all []theme
	decoder := json.NewDecoder(bytes.NewReader(casesJSON))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&all); err != nil {
		t.Fatalf("read testdata/searches.json: %v", err)
	}
	return all
}

// messages returns the theme's messages as messages of an app.
func (th theme) messages(t *testing.T, x *indexTest) []chat.Message {
	t.Helper()
	numbers := map[int64]int64{}
	var all []chat.Message
	for i, row := range th.Messages {
		in := max(row.Chat, 1)
		numbers[in]++
		m := at(x.message(t, in, numbers[in], row.Body), indexedAt.Add(time.Duration(i+1)*time.Minute))
		m.Sender = cmp.Or(row.Sender, m.Sender)
		all = append(all, m)
	}
	return all
}

func (c searchCase) name() string { return strings.TrimSpace(c.Query + " " + c.Why) }

func (c searchCase) search(t *testing.T, app string) chat.Search {
	t.Helper()
	s := chat.Search{
		Within: chat.Parent{AppToken: app, ChatNumber: max(c.Chat, 1)}, Query: parse(t, c.Query), Sender: c.Sender,
		From: timeOfDay(t, c.From), To: timeOfDay(t, c.To), After: c.After, Before: c.Before, Limit: chat.MaxPage,
	}
	if c.App {
		s.Within = chat.AppParent(app)
	}
	return s
}

func timeOfDay(t *testing.T, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	clock, err := time.Parse("15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return indexedAt.Add(clock.Sub(clock.Truncate(24*time.Hour)) - 12*time.Hour)
}

// byRank names hits by their places among the messages.
func byRank(messages []chat.Message, hits []chat.Hit) (f found) {
	for _, h := range hits {
		place := 1 + slices.IndexFunc(messages, func(m chat.Message) bool { return m.DocumentID() == h.Message.DocumentID() })
		switch h.Rank {
		case chat.Whole:
			f.Whole = append(f.Whole, place)
		case chat.Prefix:
			f.Beginning = append(f.Beginning, place)
		default:
			f.Part = append(f.Part, place)
		}
	}
	return f
}

// casesFind holds the index to the data file.
func casesFind(t *testing.T, x *indexTest) {
	for _, th := range themes(t) {
		x := newIndexTest(t, x.index)
		messages := th.messages(t, x)
		x.apply(t, messages...)
		th.run(t, x.app, messages, func(search chat.Search) []chat.Hit { return x.found(t, search).Hits })
	}
}

// QueryMatch holds chat.Query.Match, and with it the specification of what an
// index finds, to the data file.
func QueryMatch(t *testing.T) {
	for _, th := range themes(t) {
		x := newIndexTest(t, nil)
		messages := th.messages(t, x)
		th.run(t, x.app, messages, func(search chat.Search) []chat.Hit { return hits(messages, search) })
	}
}

func (th theme) run(t *testing.T, app string, messages []chat.Message, find func(chat.Search) []chat.Hit) {
	t.Run(th.Theme, func(t *testing.T) {
		for i, c := range th.Searches {
			t.Run(fmt.Sprintf("%d %s", i+1, c.name()), func(t *testing.T) {
				if diff := gocmp.Diff(c.found, byRank(messages, find(c.search(t, app)))); diff != "" {
					t.Errorf("%q (-want +got):\n%s", c.Query, diff)
				}
			})
		}
	})
}
