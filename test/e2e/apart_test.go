//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"chatapi/pkg/client"
)

// apartCases are promise 8: no request with one app's token reads or changes
// another app's data.
func apartCases(ctx context.Context, s *suite) ([]testCase, error) {
	ours, err := s.newAppAndChat(ctx)
	if err != nil {
		return nil, err
	}
	theirs, err := s.newAppAndChat(ctx)
	if err != nil {
		return nil, err
	}
	a := apart{s, ours, theirs}
	if err := a.fill(ctx); err != nil {
		return nil, err
	}
	return []testCase{
		{"rows with the same numbers", a.sameNumbers},
		{"numbers that only the other app gave out", a.otherNumbers},
		{"lists", a.lists},
		{"searches", a.searches},
		{"counts", a.counts},
		{"a token in other letters", a.tokenInCapitals},
		{"a token that is part of a key", a.tokenInKey},
	}, nil
}

// apart is two chats, both with number 1 in their apps: ours has one message,
// theirs three, and their app a second chat.
type apart struct {
	s            *suite
	ours, theirs string
}

func (a apart) fill(ctx context.Context) error {
	if _, err := a.s.create(ctx, messagesOf(a.ours), object("body", "secret of ours")); err != nil {
		return err
	}
	for range 3 {
		if _, err := a.s.create(ctx, messagesOf(a.theirs), object("body", "secret of theirs")); err != nil {
			return err
		}
	}
	if _, err := a.s.newChat(ctx, appOf(a.theirs)); err != nil {
		return err
	}
	for _, wait := range []struct {
		in collection
		n  int
	}{{messagesOf(a.ours), 1}, {messagesOf(a.theirs), 3}, {chatsOf(appOf(a.ours)), 1}, {chatsOf(appOf(a.theirs)), 2}} {
		if err := a.s.stored(ctx, wait.in, wait.n); err != nil {
			return err
		}
	}
	return nil
}

func (a apart) sameNumbers(ctx context.Context) error {
	for chat, want := range map[string]string{a.ours: "secret of ours", a.theirs: "secret of theirs"} {
		got, err := a.s.want(ctx, http.StatusOK, "GET", chat+"/messages/1", "")
		if err != nil {
			return err
		}
		if got.text("body") != want || got.text("app_token") != path.Base(appOf(chat)) {
			return fmt.Errorf("GET %s/messages/1: %s", chat, got.Text)
		}
	}
	return nil
}

func (a apart) otherNumbers(ctx context.Context) error {
	second := appOf(a.ours) + "/chats/2"
	for _, r := range []struct{ method, path, body, code string }{
		{"GET", a.ours + "/messages/2", "", "message_not_found"},
		{"GET", second, "", "chat_not_found"},
		{"GET", second + "/messages", "", "chat_not_found"},
		{"POST", second + "/messages", object("body", "x"), "chat_not_found"},
		{"POST", second + "/messages/search", object("query", "cucumber"), "chat_not_found"},
	} {
		if err := a.s.wantProblem(ctx, wrong{"", r.method, r.path, r.body, "", problem{404, r.code, ""}}); err != nil {
			return err
		}
	}
	return nil
}

func (a apart) lists(ctx context.Context) error {
	for chat, want := range map[string]int{a.ours: 1, a.theirs: 3} {
		for _, in := range []collection{messagesOf(chat), chatsOf(appOf(chat))} {
			rows, err := a.s.all(ctx, in)
			if err != nil {
				return err
			}
			for _, row := range rows {
				if row.AppToken != path.Base(appOf(chat)) {
					return fmt.Errorf("GET %s lists %+v", in.path, row)
				}
			}
			if in.list == "messages" && len(rows) != want {
				return fmt.Errorf("GET %s lists %d, want %d", in.path, len(rows), want)
			}
		}
	}
	return nil
}

func (a apart) searches(ctx context.Context) error {
	for chat, want := range map[string]int{a.ours: 1, a.theirs: 3} {
		if err := a.s.searchable(ctx, chat, "secret", want); err != nil {
			return err
		}
	}
	for chat, other := range map[string]string{a.ours: "theirs", a.theirs: "ours"} {
		found, err := a.s.find(ctx, chat, object("query", "secret"))
		if err != nil {
			return err
		}
		for _, row := range found.items {
			if row.AppToken != path.Base(appOf(chat)) || strings.HasSuffix(row.Body, other) {
				return fmt.Errorf("the search of %s found %+v", chat, row)
			}
		}
		if err := a.s.wantFound(ctx, chat, map[string]any{"query": other}, nil); err != nil {
			return err
		}
		if err := a.s.wantFoundInApp(ctx, appOf(chat), url.Values{"query": {other}}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (a apart) counts(ctx context.Context) error {
	for _, c := range []struct {
		in   collection
		want int64
	}{{messagesOf(a.ours), 1}, {messagesOf(a.theirs), 3}, {chatsOf(appOf(a.ours)), 1}, {chatsOf(appOf(a.theirs)), 2}} {
		got, err := a.s.count(ctx, c.in)
		if err != nil {
			return err
		}
		if got != c.want {
			return fmt.Errorf("%s of %s is %d, want %d", c.in.count, c.in.parent, got, c.want)
		}
	}
	return nil
}

func (a apart) tokenInCapitals(ctx context.Context) error {
	token := path.Base(appOf(a.ours))
	return a.notFound(ctx, strings.ToUpper(token))
}

// tokenInKey: engines join token and number with a '#'.
func (a apart) tokenInKey(ctx context.Context) error {
	token := path.Base(appOf(a.ours))
	for _, escaped := range []string{token + "%231", token + "%23", "%23" + token, token + "%2Fchats%2F1", token + "%20"} {
		if err := a.notFound(ctx, escaped); err != nil {
			return err
		}
	}
	return nil
}

func (a apart) notFound(ctx context.Context, token string) error {
	got, err := a.s.send(ctx, client.Request{Method: "GET", Path: "/api/v1/apps/" + token})
	if err == nil && got.Status != http.StatusNotFound {
		err = fmt.Errorf("GET app %s: status %d: %s", token, got.Status, got.Text)
	}
	return err
}
