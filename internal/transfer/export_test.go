package transfer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatapi/internal/follow"
	"chatapi/internal/transfer"
)

// source is an app in memory. If it grows, each request for messages adds a
// message to every chat, and another chat.
type source struct {
	chats map[int64][]int64       // numbers of messages by chat
	age   time.Duration           // of all messages, at now
	late  map[int64]time.Duration // delay after now until a number is stored
	now   time.Time
	grows bool
}

func (s *source) App(context.Context) (transfer.Line, error) {
	return transfer.Line{Type: transfer.TypeApp, Name: "A"}, nil
}

func (s *source) numbers() (all []int64) {
	for n := range s.chats {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

func (s *source) Chats(_ context.Context, after int64) (follow.Page[transfer.Line], error) {
	return s.page(s.numbers(), after, func(n int64) transfer.Line {
		return transfer.Line{Type: transfer.TypeChat, Chat: n}
	}), nil
}

func (s *source) NewestChat(context.Context) (int64, error) {
	all := append([]int64{0}, s.numbers()...)
	return all[len(all)-1], nil
}

func (s *source) Messages(_ context.Context, chat, after int64) (follow.Page[transfer.Line], error) {
	page := s.page(s.chats[chat], after, func(n int64) transfer.Line {
		return transfer.Line{Type: transfer.TypeMessage, Chat: chat, Message: n}
	})
	if s.grows {
		for n, messages := range s.chats {
			s.chats[n] = append(messages, messages[len(messages)-1]+1)
		}
		last, _ := s.NewestChat(context.Background())
		s.chats[last+1] = []int64{1}
	}
	return page, nil
}

func (s *source) NewestMessage(_ context.Context, chat int64) (int64, error) {
	all := append([]int64{0}, s.chats[chat]...)
	return all[len(all)-1], nil
}

// page returns up to two rows, without those that are not stored yet.
func (s *source) page(numbers []int64, after int64, line func(int64) transfer.Line) (page follow.Page[transfer.Line]) {
	page.At = time.Now()
	for _, n := range numbers {
		if n <= after || time.Since(s.now) < s.late[n] {
			continue
		}
		if len(page.Rows) == 2 {
			page.More = true
			break
		}
		page.Rows = append(page.Rows, follow.Row[transfer.Line]{Number: n, At: s.now.Add(-s.age), Item: line(n)})
	}
	return page
}

func TestExport(t *testing.T) {
	for _, tt := range []struct {
		name   string
		source source
		only   []int64
		wait   time.Duration
		want   string
		notes  string
	}{
		{"an empty app", source{}, nil, time.Minute, "", ""},
		{"chats and messages", source{chats: map[int64][]int64{1: {1, 2, 3, 4, 5}, 2: {1}, 3: nil}, age: time.Hour},
			nil, time.Minute, "1 1.1 1.2 1.3 1.4 1.5 2 2.1 3", ""},
		{"some chats", source{chats: map[int64][]int64{1: {1}, 2: {1}, 3: {1}}, age: time.Hour},
			[]int64{3, 1}, time.Minute, "1 1.1 3 3.1", ""},
		{"new chats and messages are left out", source{
			chats: map[int64][]int64{1: {1, 2, 3}, 2: {1}}, age: time.Hour, grows: true,
		}, nil, time.Minute, "1 1.1 1.2 1.3 2 2.1", ""},
		{"old unused numbers", source{chats: map[int64][]int64{2: {3, 9}, 7: {1}}, age: time.Hour},
			nil, time.Minute, "2 2.3 2.9 7 7.1", ""},
		{"a message that is stored late", source{
			chats: map[int64][]int64{1: {1, 2, 3}}, late: map[int64]time.Duration{2: 500 * time.Millisecond},
		}, nil, time.Minute, "1 1.1 1.2 1.3", ""},
		{"a new unused number", source{chats: map[int64][]int64{1: {1, 3}}},
			nil, 2500 * time.Millisecond, "1 1.1 1.3",
			"number 2 is missing among the messages of chat 1; waiting up to 2.5s for it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.source.now = time.Now()
				var out bytes.Buffer
				var notes []string
				export := transfer.Export{
					Source: &tt.source, Only: tt.only, Wait: tt.wait, Note: func(n string) { notes = append(notes, n) },
				}
				if err := export.Run(t.Context(), &out); err != nil {
					t.Fatal(err)
				}
				if got := outline(t, out.String()); got != strings.TrimSpace("A "+tt.want) {
					t.Errorf("exports %q, want A and %q", got, tt.want)
				}
				if got := strings.Join(notes, "\n"); got != tt.notes {
					t.Errorf("notes %q, want %q", got, tt.notes)
				}
			})
		})
	}
}

// outline returns the app's name, the chats, and the messages as CHAT.MESSAGE.
func outline(t *testing.T, text string) string {
	t.Helper()
	var all []string
	for line := range strings.Lines(text) {
		var l transfer.Line
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		switch l.Type {
		case transfer.TypeApp:
			all = append(all, l.Name)
		case transfer.TypeChat:
			all = append(all, fmt.Sprint(l.Chat))
		default:
			all = append(all, fmt.Sprintf("%d.%d", l.Chat, l.Message))
		}
	}
	return strings.Join(all, " ")
}
