package chattest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"chatapi/pkg/chat"
)

func appRoundTrip(t *testing.T, s storeTest) {
	for _, name := range []string{"a", "Café ☕ سلام 你好 \x00 <&>", strings.Repeat("🚀", chat.MaxName)} {
		app := newApp(t, name)
		app.Metadata = someMetadata[len(name)%len(someMetadata)]
		if err := s.CreateApp(t.Context(), app); err != nil {
			t.Fatalf("create app %q: %v", name, err)
		}
		got, err := s.App(t.Context(), app.Token)
		if err != nil {
			t.Fatalf("read app %q: %v", name, err)
		}
		wantEqual(t, got, app)
	}
}

func unknownApp(t *testing.T, s storeTest) {
	token := unknownToken(t)
	id := chat.ChatID{AppToken: token, Number: 1}
	for _, call := range []struct {
		name string
		run  func() error
	}{
		{"App", func() error { _, err := s.App(t.Context(), token); return err }},
		{"AllocateChatNumber", func() error { _, err := s.AllocateChatNumber(t.Context(), token); return err }},
		{"Chat", func() error { _, err := s.Chat(t.Context(), id); return err }},
		{"Chats", func() error { _, _, err := s.Chats(t.Context(), token, chat.Page{Limit: 1}); return err }},
		{"AllocateMessageNumber", func() error { _, err := s.AllocateMessageNumber(t.Context(), id); return err }},
		{"Message", func() error { _, err := s.Message(t.Context(), id, 1); return err }},
		{"Messages", func() error { _, _, err := s.Messages(t.Context(), id, chat.Page{Limit: 1}); return err }},
		{"CheckChat", func() error { return s.CheckChat(t.Context(), id) }},
	} {
		if err := call.run(); !errors.Is(err, chat.ErrAppNotFound) {
			t.Errorf("%s: error %v, want %v", call.name, err, chat.ErrAppNotFound)
		}
	}
}

func appPages(t *testing.T, s storeTest) {
	const mine, limit = 20, 7
	missing := map[string]bool{}
	for range mine {
		missing[s.app(t)] = true
	}
	seen := map[string]bool{}
	for cursor := ""; ; {
		apps, next, err := s.Apps(t.Context(), cursor, limit)
		if err != nil {
			t.Fatalf("list apps from %q: %v", cursor, err)
		}
		if len(apps) > limit || next != "" && len(apps) == 0 {
			t.Fatalf("a page has %d apps of %d, next %q", len(apps), limit, next)
		}
		for _, app := range apps {
			if seen[app.Token] {
				t.Fatalf("app %s is listed twice", app.Token)
			}
			seen[app.Token] = true
			delete(missing, app.Token)
		}
		if next == "" {
			break
		}
		if strings.Trim(next, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~") != "" {
			t.Fatalf("cursor %q needs escaping in a link", next)
		}
		cursor = next
	}
	if len(missing) > 0 {
		t.Errorf("%d of %d apps are on no page", len(missing), mine)
	}
}

func badCursor(t *testing.T, s storeTest) {
	for _, cursor := range []string{"not a cursor", "%", "\x00", "é", strings.Repeat("A", 5000)} {
		_, _, err := s.Apps(t.Context(), cursor, 1)
		var invalid *chat.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("cursor %.20q: error %v, want an *InvalidError", cursor, err)
		}
	}
}

func appsApart(t *testing.T, s storeTest) {
	tokens := [2]string{s.app(t), s.app(t)}
	for i, token := range tokens {
		chats := s.take(t, token, 1)
		chats[0].Title = fmt.Sprintf("of app %d", i)
		s.storeChats(t, token, chats)
		messages := s.takeMessages(t, chats[0].ID(), i+1)
		messages[0].Body = chats[0].Title
		s.storeMessages(t, chats[0].ID(), messages)
	}
	for i, token := range tokens {
		id := chat.ChatID{AppToken: token, Number: 1}
		s.wantChatCount(t, token, 1)
		s.wantMessageCount(t, id, i+1)
		m, err := s.Message(t.Context(), id, 1)
		if want := fmt.Sprintf("of app %d", i); err != nil || m.Body != want || m.AppToken != token {
			t.Errorf("app %d: message 1 is %q of %s, error %v, want %q of %s", i, m.Body, m.AppToken, err, want, token)
		}
	}
}
