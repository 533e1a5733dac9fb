package chattest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"

	"golang.org/x/sync/errgroup"
)

func chatRoundTrip(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 3)
	chats[0].Title = ""
	chats[1].Title = "Café ☕ سلام 你好 \x00 <&>"
	chats[2].Title = strings.Repeat("🚀", chat.MaxTitle)
	for i := range chats {
		chats[i].Metadata = someMetadata[i+1]
	}
	s.storeChats(t, token, chats)
	for _, want := range chats {
		got, err := s.Chat(t.Context(), want.ID())
		if err != nil {
			t.Fatalf("read chat %d: %v", want.Number, err)
		}
		wantEqual(t, got, want)
	}
	wantEqual(t, s.allChats(t, token), chats)
	s.wantChatCount(t, token, 3)
}

func storeChatsAgain(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 4)
	s.storeChats(t, token, chats[:3])
	s.storeMessages(t, chats[1].ID(), s.takeMessages(t, chats[1].ID(), 2))

	late := slices.Clone(chats)
	for i := range late {
		late[i].Title = "late"
		late[i].CreatedAt = late[i].CreatedAt.Add(time.Hour)
		late[i].UpdatedAt = late[i].UpdatedAt.Add(time.Hour)
	}
	s.storeChats(t, token, late[:3])
	s.storeChats(t, token, []chat.Chat{late[0], chats[3], late[2], late[3], chats[3]}) // one new, twice and changed
	s.storeChats(t, token, nil)

	chats[1].MessageCount = 2
	got := s.allChats(t, token)
	wantEqual(t, got[:min(3, len(got))], chats[:3])
	s.wantChatCount(t, token, 4)
}

func storeChatsConcurrently(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 24)
	group, ctx := errgroup.WithContext(t.Context())
	for _, part := range overlapping(chats, 8) {
		group.Go(func() error { return s.StoreChats(ctx, token, part) })
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("store chats: %v", err)
	}
	s.wantChatCount(t, token, len(chats))
	wantEqual(t, s.allChats(t, token), chats)
}

func storeManyChats(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 120)
	s.storeChats(t, token, chats[50:60])
	s.storeChats(t, token, slices.Concat(chats, chats[:30]))
	wantEqual(t, s.allChats(t, token), chats)
	s.wantChatCount(t, token, len(chats))
}

func storeChatsOfUnknownApp(t *testing.T, s storeTest) {
	token := unknownToken(t)
	chats := []chat.Chat{newChat(t, token, 1), newChat(t, token, 2)}
	wantError(t, s.StoreChats(t.Context(), token, chats), chat.ErrAppNotFound)
	wantError(t, s.StoreChats(t.Context(), token, chats), chat.ErrAppNotFound)
	_, err := s.App(t.Context(), token)
	wantError(t, err, chat.ErrAppNotFound)
	_, _, err = s.Chats(t.Context(), token, chat.Page{Limit: 10})
	wantError(t, err, chat.ErrAppNotFound)
	_, err = s.Chat(t.Context(), chats[0].ID())
	wantError(t, err, chat.ErrAppNotFound)
	wantError(t, s.CheckChat(t.Context(), chats[0].ID()), chat.ErrAppNotFound)
}

func missingChat(t *testing.T, s storeTest) {
	token := s.app(t)
	opened := s.open(t, token)
	taken := s.take(t, token, 1)[0].ID()
	for _, c := range []struct {
		name string
		id   chat.ChatID
		want error
	}{
		{"opened", opened, chat.ErrNotStoredYet},
		{"taken", taken, chat.ErrNotStoredYet},
		{"never given out", chat.ChatID{AppToken: token, Number: 3}, chat.ErrChatNotFound},
		{"far beyond", chat.ChatID{AppToken: token, Number: chat.MaxNumber}, chat.ErrChatNotFound},
		{"in no app", chat.ChatID{AppToken: unknownToken(t), Number: 1}, chat.ErrAppNotFound},
	} {
		if _, err := s.Chat(t.Context(), c.id); !errors.Is(err, c.want) {
			t.Errorf("read a chat %s: error %v, want %v", c.name, err, c.want)
		}
	}
}

// hiddenChats stores messages of all chats, but only some of the chats.
func hiddenChats(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 12)
	for _, c := range chats {
		if err := s.CreateCounter(t.Context(), c.ID()); err != nil {
			t.Fatal(err)
		}
		s.storeMessages(t, c.ID(), s.takeMessages(t, c.ID(), 1))
	}
	s.storeChats(t, token, []chat.Chat{chats[0], chats[5], chats[6], chats[9]}) // 1, 6, 7, 10
	for _, c := range []pageCase{
		{"first", chat.Page{Limit: 3}, []int64{1, 6, 7}, true},
		{"exactly all", chat.Page{Limit: 4}, []int64{1, 6, 7, 10}, false},
		{"only hidden ones beyond", chat.Page{After: 7, Limit: 1}, []int64{10}, false},
		{"only hidden ones", chat.Page{After: 1, Before: 6, Limit: 3}, nil, false},
		{"descending", chat.Page{Limit: 2, Descending: true}, []int64{10, 7}, true},
		{"descending to the first", chat.Page{Before: 7, Limit: 2, Descending: true}, []int64{6, 1}, false},
	} {
		got, more, err := s.Chats(t.Context(), token, c.page)
		c.check(t, chatNumbers(got), more, err)
	}
	s.wantChatCount(t, token, 4)
}
