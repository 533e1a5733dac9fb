//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// storedCases are promise 2: what was answered with 201 is stored exactly
// once, as it was sent.
func storedCases(_ context.Context, s *suite) ([]testCase, error) {
	all := []testCase{
		{"every message once, with its own body", s.messagesStored},
		{"every chat once, with its own title", s.chatsStored},
	}
	for _, body := range bodies() {
		all = append(all, testCase{"a body as it was sent: " + body.name, func(ctx context.Context) error {
			return s.bodyStored(ctx, body.text)
		}})
	}
	return all, nil
}

func (s *suite) messagesStored(ctx context.Context) error {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return err
	}
	body := func(i int) string { return fmt.Sprintf("message %d \"quoted\" \n\t<é> سلام 🙂", i) }
	made, err := s.createAll(ctx, messagesOf(chat), s.size(1000), func(i int) string {
		return object("body", body(i), "sender", fmt.Sprintf("sender %d", i))
	})
	if err != nil {
		return err
	}
	sent := map[int64]item{}
	for i, c := range made {
		sent[c.number] = item{Body: body(i), Sender: fmt.Sprintf("sender %d", i)}
	}
	if err := s.storedOnce(ctx, messagesOf(chat), sent); err != nil {
		return err
	}
	return sideBySide(ctx, min(len(made), 50), func(ctx context.Context, i int) error {
		return s.readsAsCreated(ctx, itemPath(messagesOf(chat), made[i].number), made[i])
	})
}

func (s *suite) chatsStored(ctx context.Context) error {
	app, err := s.newApp(ctx)
	if err != nil {
		return err
	}
	made, err := s.createAll(ctx, chatsOf(app), s.size(300), func(i int) string { return object("title", fmt.Sprintf("Chat %d", i)) })
	if err != nil {
		return err
	}
	sent := map[int64]item{}
	for i, c := range made {
		sent[c.number] = item{Title: fmt.Sprintf("Chat %d", i)}
	}
	if err := s.storedOnce(ctx, chatsOf(app), sent); err != nil {
		return err
	}
	return sideBySide(ctx, min(len(made), 50), func(ctx context.Context, i int) error {
		return s.readsAsCreated(ctx, itemPath(chatsOf(app), made[i].number), made[i])
	})
}

// storedOnce waits until the count of a collection is that of what was sent,
// then finds each of it once by listing, and nothing else.
func (s *suite) storedOnce(ctx context.Context, in collection, sent map[int64]item) error {
	if err := s.stored(ctx, in, len(sent)); err != nil {
		return err
	}
	listed, err := s.all(ctx, in)
	if err != nil {
		return err
	}
	seen := map[int64]bool{}
	for _, row := range listed {
		number := row.number(in)
		want, known := sent[number]
		switch {
		case !known:
			return fmt.Errorf("%s %d was never acknowledged", in.number, number)
		case seen[number]:
			return fmt.Errorf("%s %d is listed twice", in.number, number)
		case row.Body != want.Body || row.Sender != want.Sender || row.Title != want.Title:
			return fmt.Errorf("%s %d was sent as %+v and is stored as %+v", in.number, number, want, row)
		}
		seen[number] = true
	}
	if len(seen) != len(sent) {
		return fmt.Errorf("%d of %s are listed, %d were acknowledged", len(seen), in.path, len(sent))
	}
	return nil
}

// readsAsCreated reads a row by its number and compares it with the 201, whose
// field message says what was done.
func (s *suite) readsAsCreated(ctx context.Context, path string, made created) error {
	a, err := s.want(ctx, http.StatusOK, "GET", path, "")
	if err != nil {
		return err
	}
	for name, want := range made.fields {
		if got := a.fields[name]; name != "message" && got != want {
			return fmt.Errorf("GET %s: %s is %v, the 201 said %v", path, name, got, want)
		}
	}
	return nil
}

// bodies are texts that a part on the way could alter.
func bodies() []struct{ name, text string } {
	return []struct{ name, text string }{
		{"the longest", strings.Repeat("0123456789abcdef", 1024)},
		{"the longest, of wide characters", strings.Repeat("🙂", 4096)},
		{"spaces and line breaks around", "  \r\n\ta\n \u00a0\u2028"},
		{"control characters", "a\u0000b\u0001c\u001fd\u007fe"},
		{"HTML, quotes and backslashes", `<script>&amp;"'\\u0041\/</script>`},
		{"JSON", `{"body":"inner","n":[1,2,null]}`},
		{"decomposed letters", "Cafe\u0301 \u1112\u1161\u11ab"},
		{"several scripts and directions", "שלום سلام 你好 हिन्दी ไทย \u202eabc\u202c 👩‍👩‍👧‍👦"},
		{"beyond Unicode's letters", "\ufeff\ufffd\uffff\U0010ffff"},
	}
}

func (s *suite) bodyStored(ctx context.Context, body string) error {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return err
	}
	made, err := s.create(ctx, messagesOf(chat), object("body", body))
	if err != nil {
		return err
	}
	if made.fields["body"] != body {
		return fmt.Errorf("sent %.100q, the 201 has %.100q", body, made.fields["body"])
	}
	return s.storedOnce(ctx, messagesOf(chat), map[int64]item{1: {Body: body}})
}
