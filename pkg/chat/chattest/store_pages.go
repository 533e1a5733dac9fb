package chattest

import (
	"slices"
	"testing"

	"chatapi/pkg/chat"
)

// pageCases are pages of the numbers 1 to 9.
func pageCases() []pageCase {
	return []pageCase{
		{"all in one", chat.Page{Limit: 20}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}, false},
		{"exactly all", chat.Page{Limit: 9}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}, false},
		{"first", chat.Page{Limit: 4}, []int64{1, 2, 3, 4}, true},
		{"one but all", chat.Page{Limit: 8}, []int64{1, 2, 3, 4, 5, 6, 7, 8}, true},
		{"after", chat.Page{After: 4, Limit: 4}, []int64{5, 6, 7, 8}, true},
		{"after, exactly the rest", chat.Page{After: 5, Limit: 4}, []int64{6, 7, 8, 9}, false},
		{"after the last", chat.Page{After: 9, Limit: 4}, nil, false},
		{"after the highest number", chat.Page{After: chat.MaxNumber, Limit: 4}, nil, false},
		{"before", chat.Page{Before: 4, Limit: 4}, []int64{1, 2, 3}, false},
		{"before, with more", chat.Page{Before: 6, Limit: 4}, []int64{1, 2, 3, 4}, true},
		{"before the first", chat.Page{Before: 1, Limit: 4}, nil, false},
		{"between", chat.Page{After: 3, Before: 7, Limit: 4}, []int64{4, 5, 6}, false},
		{"between, with more", chat.Page{After: 3, Before: 9, Limit: 4}, []int64{4, 5, 6, 7}, true},
		{"between neighbours", chat.Page{After: 3, Before: 4, Limit: 4}, nil, false},
		{"between, crossed", chat.Page{After: 7, Before: 3, Limit: 4}, nil, false},
		{"descending", chat.Page{Limit: 3, Descending: true}, []int64{9, 8, 7}, true},
		{"descending before", chat.Page{Before: 4, Limit: 3, Descending: true}, []int64{3, 2, 1}, false},
		{"descending after", chat.Page{After: 7, Limit: 3, Descending: true}, []int64{9, 8}, false},
		{"descending between", chat.Page{After: 2, Before: 8, Limit: 3, Descending: true}, []int64{7, 6, 5}, true},
	}
}

type pageCase struct {
	name string
	page chat.Page
	want []int64
	more bool
}

func (c pageCase) check(t *testing.T, got []int64, more bool, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", c.name, err)
		return
	}
	if !slices.Equal(got, c.want) || more != c.more {
		t.Errorf("%s: numbers %v, more %t, want %v, %t", c.name, got, more, c.want, c.more)
	}
}

func chatNumbers(chats []chat.Chat) (numbers []int64) {
	for _, c := range chats {
		numbers = append(numbers, c.Number)
	}
	return numbers
}

func messageNumbers(messages []chat.Message) (numbers []int64) {
	for _, m := range messages {
		numbers = append(numbers, m.Number)
	}
	return numbers
}

func chatPages(t *testing.T, s storeTest) {
	token := s.app(t)
	s.storeChats(t, token, s.take(t, token, 9))
	for _, c := range pageCases() {
		chats, more, err := s.Chats(t.Context(), token, c.page)
		c.check(t, chatNumbers(chats), more, err)
	}
}

func messagePages(t *testing.T, s storeTest) {
	id := s.open(t, s.app(t))
	s.storeMessages(t, id, s.takeMessages(t, id, 9))
	for _, c := range pageCases() {
		messages, more, err := s.Messages(t.Context(), id, c.page)
		c.check(t, messageNumbers(messages), more, err)
	}
}

func emptyPages(t *testing.T, s storeTest) {
	token := s.app(t)
	all := chat.Page{Limit: chat.MaxPage}
	chats, more, err := s.Chats(t.Context(), token, all)
	pageCase{name: "chats of an empty app"}.check(t, chatNumbers(chats), more, err)

	opened := s.open(t, token)
	messages, more, err := s.Messages(t.Context(), opened, all)
	pageCase{name: "messages of an open chat"}.check(t, messageNumbers(messages), more, err)

	stored := s.take(t, token, 1)
	s.storeChats(t, token, stored)
	messages, more, err = s.Messages(t.Context(), stored[0].ID(), all)
	pageCase{name: "messages of an empty chat"}.check(t, messageNumbers(messages), more, err)

	missing := chat.ChatID{AppToken: token, Number: 3}
	for _, page := range []chat.Page{all, {After: 7, Before: 3, Limit: 1}} {
		_, _, err = s.Messages(t.Context(), missing, page)
		wantError(t, err, chat.ErrChatNotFound)
	}
}
