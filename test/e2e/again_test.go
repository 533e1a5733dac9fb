//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"
)

// againCases are promise 5 as far as HTTP shows it: whatever is delivered
// again behind the API changes nothing that clients have seen.
func againCases(_ context.Context, s *suite) ([]testCase, error) {
	return []testCase{
		{"what was stored stays as it is", s.staysAsItIs},
		{"the same request twice makes two messages", s.sameRequestTwice},
	}, nil
}

// staysAsItIs reads a chat, its list and a search again and again while the
// batches of a load are still being deleted from the queue or delivered again.
func (s *suite) staysAsItIs(ctx context.Context) error {
	const watched = 5 * time.Second
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return err
	}
	n := min(s.size(150), 150) // one page of a list and of a search
	if _, err := s.createAll(ctx, messagesOf(chat), n, func(int) string { return object("body", "once") }); err != nil {
		return err
	}
	if err := s.stored(ctx, messagesOf(chat), n); err != nil {
		return err
	}
	if err := s.searchable(ctx, chat, "once", n); err != nil {
		return err
	}
	views := s.views(chat)
	first, err := s.readAll(ctx, views)
	if err != nil {
		return err
	}
	for end := time.Now().Add(watched); time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
		again, err := s.readAll(ctx, views)
		if err != nil {
			return err
		}
		for i := range views {
			if !bytes.Equal(again[i], first[i]) {
				return fmt.Errorf("%s changed:\n%.300s\n%.300s", views[i].path, first[i], again[i])
			}
		}
	}
	return nil
}

type view struct{ method, path, body string }

func (s *suite) views(chat string) []view {
	return []view{
		{"GET", appOf(chat), ""},
		{"GET", chat, ""},
		{"GET", chat + "/messages?limit=200", ""},
		{"GET", chat + "/messages/1", ""},
		{"POST", chat + "/messages/search", `{"query":"once","limit":200}`},
	}
}

func (s *suite) readAll(ctx context.Context, views []view) ([][]byte, error) {
	texts := make([][]byte, len(views))
	for i, v := range views {
		a, err := s.want(ctx, http.StatusOK, v.method, v.path, v.body)
		if err != nil {
			return nil, err
		}
		texts[i] = a.Text
	}
	return texts, nil
}

// sameRequestTwice: nothing in a request but an Idempotency-Key makes it the
// same as another.
func (s *suite) sameRequestTwice(ctx context.Context) error {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return err
	}
	n := s.size(20)
	if _, err := s.createAll(ctx, messagesOf(chat), n, func(int) string { return object("body", "same", "sender", "ada") }); err != nil {
		return err
	}
	sent := map[int64]item{}
	for i := range n {
		sent[int64(i+1)] = item{Body: "same", Sender: "ada"}
	}
	return s.storedOnce(ctx, messagesOf(chat), sent)
}
