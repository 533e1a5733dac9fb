//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"chatapi/pkg/client"

	"github.com/google/go-cmp/cmp"
)

// readerCases mark messages as read. All are about one chat with five numbers,
// of which each case has readers of its own.
func readerCases(ctx context.Context, s *suite) ([]testCase, error) {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return nil, err
	}
	for range 5 {
		if _, err := s.create(ctx, messagesOf(chat), object("body", "to read")); err != nil {
			return nil, err
		}
	}
	all := []testCase{
		{"never seen", func(ctx context.Context) error { return s.wantReader(ctx, "GET", chat, "nobody", "", 0, 5) }},
		{"a mark rises and never falls", func(ctx context.Context) error { return s.marksRise(ctx, chat) }},
		{"beyond the last number", func(ctx context.Context) error { return s.markBeyond(ctx, chat) }},
		{"the number of a message, right after its 201", s.markedEarly},
		{"chats are apart", func(ctx context.Context) error { return s.readersApart(ctx, chat) }},
	}
	for _, reader := range []string{"ada@example.com", "Zoë 🚀", "سلام", "a+b", "50%", "a#b?c&d", "a;b=c", `"a"`, "a\\b", "..."} {
		all = append(all, testCase{"name: " + reader, func(ctx context.Context) error {
			if err := s.wantReader(ctx, "PUT", chat, reader, `{"last_read":3}`, 3, 2); err != nil {
				return err
			}
			return s.wantReader(ctx, "GET", chat, reader, "", 3, 2)
		}})
	}
	return all, nil
}

func readerOf(chat, reader string) string { return chat + "/readers/" + url.PathEscape(reader) }

// wantReader sends a request to a reader's path and compares the answer.
func (s *suite) wantReader(ctx context.Context, method, chat, reader, body string, lastRead, unread float64) error {
	a, err := s.want(ctx, http.StatusOK, method, readerOf(chat, reader), body)
	if err != nil {
		return err
	}
	want := map[string]any{"reader": reader, "last_read": lastRead, "unread": unread, "last_message_number": lastRead + unread}
	if lastRead > 0 {
		want["updated_at"] = aTime
	}
	if diff := cmp.Diff(any(want), timesHidden(a.fields)); diff != "" {
		return fmt.Errorf("%s %s %s (-want +got):\n%s", method, readerOf(chat, reader), body, diff)
	}
	return nil
}

func (s *suite) marksRise(ctx context.Context, chat string) error {
	for _, step := range []struct {
		mark             int
		lastRead, unread float64
	}{{2, 2, 3}, {4, 4, 1}, {4, 4, 1}, {3, 4, 1}, {0, 4, 1}, {5, 5, 0}, {1, 5, 0}} {
		if err := s.wantReader(ctx, "PUT", chat, "ada", fmt.Sprintf(`{"last_read":%d}`, step.mark), step.lastRead, step.unread); err != nil {
			return err
		}
		if err := s.wantReader(ctx, "GET", chat, "ada", "", step.lastRead, step.unread); err != nil {
			return err
		}
	}
	return nil
}

func (s *suite) markBeyond(ctx context.Context, chat string) error {
	a, err := s.send(ctx, client.Request{Method: "PUT", Path: readerOf(chat, "eve"), Body: `{"last_read":6}`})
	if err == nil {
		err = problem{422, "invalid_field", "last_read"}.check(a)
	}
	if err != nil {
		return err
	}
	return s.wantReader(ctx, "GET", chat, "eve", "", 0, 5)
}

// markedEarly marks messages that may not be stored yet, from many clients.
func (s *suite) markedEarly(ctx context.Context) error {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return err
	}
	n := s.size(100)
	err = sideBySide(ctx, n, func(ctx context.Context, _ int) error {
		c, err := s.create(ctx, messagesOf(chat), object("body", "x"))
		if err != nil {
			return err
		}
		a, err := s.want(ctx, http.StatusOK, "PUT", readerOf(chat, "ada"), fmt.Sprintf(`{"last_read":%d}`, c.number))
		if err != nil {
			return err
		}
		lastRead, _ := a.fields["last_read"].(float64)
		unread, _ := a.fields["unread"].(float64)
		if lastRead < float64(c.number) || unread < 0 {
			return fmt.Errorf("after marking %d: %s", c.number, a.Text)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.wantReader(ctx, "GET", chat, "ada", "", float64(n), 0)
}

func (s *suite) readersApart(ctx context.Context, chat string) error {
	other, err := s.newChat(ctx, appOf(chat))
	if err != nil {
		return err
	}
	if _, err := s.create(ctx, messagesOf(other), object("body", "x")); err != nil {
		return err
	}
	if err := s.wantReader(ctx, "PUT", chat, "bob", `{"last_read":4}`, 4, 1); err != nil {
		return err
	}
	return s.wantReader(ctx, "GET", other, "bob", "", 0, 1)
}
