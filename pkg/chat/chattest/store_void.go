package chattest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"chatapi/pkg/chat"

	"github.com/google/go-cmp/cmp"
)

// voidNow is when the cases of void numbers read. Messages created at clock are
// then old enough to make numbers below them void, by a millisecond.
var voidNow = clock.Add(chat.VoidAfter + time.Millisecond)

// storeWithGaps stores messages of a chat with 13 allocated numbers: 3, 4 and 7
// are old, and 4 is deleted; 9 is a millisecond too young to make 8 void; 12 is
// new.
func (s storeTest) storeWithGaps(t *testing.T) chat.ChatID {
	t.Helper()
	id := s.open(t, s.app(t))
	messages := s.takeMessages(t, id, 13)
	for number, created := range map[int]time.Time{
		3: clock, 4: clock, 7: clock, 9: clock.Add(time.Millisecond), 12: voidNow,
	} {
		m := messages[number-1]
		m.CreatedAt, m.UpdatedAt = created, created
		s.storeMessages(t, id, []chat.Message{m})
	}
	if err := s.DeleteMessage(t.Context(), id, 4, voidNow, nil); err != nil {
		t.Fatal(err)
	}
	return id
}

func listVoid(t *testing.T, s storeTest) {
	id := s.storeWithGaps(t)
	for _, tt := range []struct {
		name     string
		page     chat.Page
		want     string
		more     bool
		complete int64 // of an ascending page
	}{
		{"all", chat.Page{Limit: 20}, "void 1, void 2, 3, deleted 4, void 5, void 6, 7, 9, 12", false, 7},
		{"exactly all", chat.Page{Limit: 9}, "void 1, void 2, 3, deleted 4, void 5, void 6, 7, 9, 12", false, 7},
		{"one but all", chat.Page{Limit: 8}, "void 1, void 2, 3, deleted 4, void 5, void 6, 7, 9", true, 7},
		{"a page that ends in a gap", chat.Page{Limit: 1}, "void 1", true, 1},
		{"the rest of a gap", chat.Page{After: 1, Limit: 2}, "void 2, 3", true, 3},
		{"below a message that is too young", chat.Page{After: 7, Limit: 20}, "9, 12", false, 7},
		{"after the last", chat.Page{After: 12, Limit: 20}, "", false, 12},
		{"ascending, a gap below before", chat.Page{After: 3, Before: 7, Limit: 20}, "deleted 4, void 5, void 6", false, 6},
		{"ascending, only a gap", chat.Page{After: 4, Before: 6, Limit: 20}, "void 5", false, 5},
		{"ascending, a gap that does not fit", chat.Page{After: 3, Before: 7, Limit: 2}, "deleted 4, void 5", true, 5},
		{"before, above the last", chat.Page{After: 9, Before: 100, Limit: 20}, "12", false, 9},
		{"descending", chat.Page{Limit: 20, Descending: true}, "12, 9, 7, void 6, void 5, deleted 4, 3, void 2, void 1", false, 0},
		{"descending, a page that ends in a gap", chat.Page{Limit: 4, Descending: true}, "12, 9, 7, void 6", true, 0},
		{"descending, the rest of a gap", chat.Page{Before: 6, Limit: 2, Descending: true}, "void 5, deleted 4", true, 0},
		{"descending, a gap at the end", chat.Page{Before: 3, Limit: 20, Descending: true}, "void 2, void 1", false, 0},
		{"descending, below a message that is too young", chat.Page{After: 6, Before: 9, Limit: 20, Descending: true}, "7", false, 0},
		{"descending, above after", chat.Page{After: 1, Before: 4, Limit: 20, Descending: true}, "3, void 2", false, 0},
	} {
		list, err := chat.ListMessages(t.Context(), s, id, tt.page, voidNow)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, namesOf(list.Items)); diff != "" || list.More != tt.more {
			t.Errorf("%s: more %t, want %t; %s", tt.name, list.More, tt.more, diff)
		}
		if got := chat.CompleteThrough(tt.page.After, list.Items); !tt.page.Descending && got != tt.complete {
			t.Errorf("%s: complete through %d, want %d", tt.name, got, tt.complete)
		}
	}
}

func namesOf(items []chat.ListedMessage) (names string) {
	for i, item := range items {
		if i > 0 {
			names += ", "
		}
		switch {
		case item.Void:
			names += "void "
		case item.Deleted():
			names += "deleted "
		}
		names += fmt.Sprint(item.Number)
	}
	return names
}

// pagesOfVoid holds that the pages of a list are the list, whatever their size.
func pagesOfVoid(t *testing.T, s storeTest) {
	id := s.storeWithGaps(t)
	for _, descending := range []bool{false, true} {
		all, err := chat.ListMessages(t.Context(), s, id, chat.Page{Limit: 20, Descending: descending}, voidNow)
		if err != nil {
			t.Fatal(err)
		}
		for limit := 1; limit <= 4; limit++ {
			var items []chat.ListedMessage
			page := chat.Page{Limit: limit, Descending: descending}
			for more := true; more; {
				list, err := chat.ListMessages(t.Context(), s, id, page, voidNow)
				if err != nil {
					t.Fatal(err)
				}
				if more = list.More; more && len(list.Items) != limit {
					t.Fatalf("a page of %d, want %d", len(list.Items), limit)
				}
				if items = append(items, list.Items...); descending {
					page.Before = items[len(items)-1].Number
				} else {
					page.After = items[len(items)-1].Number
				}
			}
			if diff := cmp.Diff(namesOf(all.Items), namesOf(items)); diff != "" {
				t.Errorf("pages of %d, descending %t: %s", limit, descending, diff)
			}
		}
	}
}

func missingOrVoid(t *testing.T, s storeTest) {
	id := s.storeWithGaps(t)
	for number, want := range map[int64]error{
		1: chat.ErrNumberVoid, 2: chat.ErrNumberVoid, 6: chat.ErrNumberVoid, 3: nil,
		8: chat.ErrNotStoredYet, 11: chat.ErrNotStoredYet, 13: chat.ErrNotStoredYet, 14: chat.ErrMessageNotFound,
	} {
		_, err := s.Message(t.Context(), id, number)
		if got := chat.MissingMessage(t.Context(), s, id, number, err, voidNow); !errors.Is(got, want) {
			t.Errorf("message %d: %v, want %v", number, got, want)
		}
	}
}
