//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"

	"chatapi/pkg/client"
)

// earlyCases are promise 4: a chat can be used as soon as its number is known.
// Whether its row is stored by then is a race that either side may win.
func earlyCases(_ context.Context, s *suite) ([]testCase, error) {
	return []testCase{
		{"messages right after the chat's 201", s.postedEarly},
		{"a chat read right after its 201", func(ctx context.Context) error {
			app, err := s.newApp(ctx)
			if err != nil {
				return err
			}
			return s.readEarly(ctx, chatsOf(app), `{}`)
		}},
		{"a message read right after its 201", func(ctx context.Context) error {
			chat, err := s.newAppAndChat(ctx)
			if err != nil {
				return err
			}
			return s.readEarly(ctx, messagesOf(chat), object("body", "early"))
		}},
		{"a list and a search right after the chat's 201", s.listedEarly},
		{"a number above those given out is never on its way", s.notGivenOut},
	}, nil
}

// postedEarly makes chats side by side and posts to each at once.
func (s *suite) postedEarly(ctx context.Context) error {
	const messages = 3
	app, err := s.newApp(ctx)
	if err != nil {
		return err
	}
	chats := s.size(100)
	err = sideBySide(ctx, chats, func(ctx context.Context, i int) error {
		chat, err := s.newChat(ctx, app)
		if err != nil {
			return err
		}
		sent := map[int64]item{}
		for n := range int64(messages) {
			body := fmt.Sprintf("early %d of chat %d", n, i)
			c, err := s.create(ctx, messagesOf(chat), object("body", body))
			if err != nil {
				return err
			}
			if c.number != n+1 {
				return fmt.Errorf("message %d of %s got number %d", n+1, chat, c.number)
			}
			sent[c.number] = item{Body: body}
		}
		return s.storedOnce(ctx, messagesOf(chat), sent)
	})
	if err != nil {
		return err
	}
	return s.stored(ctx, chatsOf(app), chats)
}

// readEarly reads rows until they are stored: each answer is the row, or that
// it is on its way.
func (s *suite) readEarly(ctx context.Context, in collection, body string) error {
	return sideBySide(ctx, s.size(60), func(ctx context.Context, _ int) error {
		c, err := s.create(ctx, in, body)
		if err != nil {
			return err
		}
		return s.rowOrOnItsWay(ctx, itemPath(in, c.number), c)
	})
}

func (s *suite) rowOrOnItsWay(ctx context.Context, path string, made created) error {
	var wrong error
	err := eventually(ctx, patience, func(ctx context.Context) error {
		a, err := s.send(ctx, client.Request{Method: "GET", Path: path})
		switch {
		case err != nil:
			wrong = err
		case a.Status == http.StatusOK:
			wrong = s.readsAsCreated(ctx, path, made)
		default:
			wrong = notStoredYet.check(a)
			if wrong == nil {
				return errNotStoredYet
			}
		}
		return nil
	})
	if err == nil {
		err = wrong
	}
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}

func (s *suite) listedEarly(ctx context.Context) error {
	app, err := s.newApp(ctx)
	if err != nil {
		return err
	}
	return sideBySide(ctx, s.size(30), func(ctx context.Context, _ int) error {
		chat, err := s.newChat(ctx, app)
		if err != nil {
			return err
		}
		if _, err := s.page(ctx, chat+"/messages", "messages", nil); err != nil {
			return err
		}
		_, err = s.want(ctx, http.StatusOK, "POST", chat+"/messages/search", object("query", "early"))
		return err
	})
}

func (s *suite) notGivenOut(ctx context.Context) error {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return err
	}
	for n := range 5 {
		if _, err := s.create(ctx, messagesOf(chat), object("body", "x")); err != nil {
			return err
		}
		for _, row := range []struct{ path, code string }{
			{fmt.Sprintf("%s/messages/%d", chat, n+2), "message_not_found"},
			{appOf(chat) + "/chats/2", "chat_not_found"},
		} {
			a, err := s.send(ctx, client.Request{Method: "GET", Path: row.path})
			if err == nil {
				err = problem{status: http.StatusNotFound, code: row.code}.check(a)
			}
			if err != nil {
				return fmt.Errorf("GET %s: %w", row.path, err)
			}
		}
	}
	return nil
}
