//go:build e2e

package e2e_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"

	"chatapi/pkg/client"
)

// retryCases are promise 7: creates with the same Idempotency-Key make one
// thing and get the same answer.
func retryCases(ctx context.Context, s *suite) ([]testCase, error) {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return nil, err
	}
	kinds := []struct{ name, path, body, other string }{
		{"app", "/api/v1/apps", object("name", "end to end"), object("name", "another")},
		{"chat", appOf(chat) + "/chats", object("title", "once"), object("title", "another")},
		{"message", chat + "/messages", object("body", "once", "sender", "ada"), object("body", "another")},
	}
	var all []testCase
	for _, k := range kinds {
		all = append(all,
			testCase{k.name + ": a repeat gets the same answer", func(ctx context.Context) error { return s.repeats(ctx, k.path, k.body) }},
			testCase{k.name + ": in quotes it is the same key", func(ctx context.Context) error { return s.quotedKey(ctx, k.path, k.body) }},
			testCase{k.name + ": another request", func(ctx context.Context) error { return s.otherRequest(ctx, k.path, k.body, k.other) }},
			testCase{k.name + ": another key", func(ctx context.Context) error { return s.otherKey(ctx, k.path, k.body) }},
			testCase{k.name + ": a bad key", func(ctx context.Context) error { return s.badKeys(ctx, k.path, k.body) }},
			testCase{k.name + ": side by side", func(ctx context.Context) error { return s.repeatsSideBySide(ctx, k.path, k.body) }},
		)
	}
	return append(all,
		testCase{"an app's key that can be guessed", func(ctx context.Context) error {
			return s.refusedKey(ctx, "/api/v1/apps", object("name", "x"), "0123456789abcde")
		}},
		testCase{"many creates, each sent three times, are stored once", s.storedOnceWithKeys},
		testCase{"the same key in two chats", s.keysInTwoChats},
	), nil
}

// withKey sends a create under a key.
func (s *suite) withKey(ctx context.Context, path, key, body string) (answer, error) {
	return s.send(ctx, client.Request{Method: "POST", Path: path, Body: body, Header: http.Header{"Idempotency-Key": {key}}})
}

// createWithKey sends a create under a key until it is answered with 201: it
// may be under way elsewhere.
func (s *suite) createWithKey(ctx context.Context, path, key, body string) (a answer, err error) {
	err = eventually(ctx, patience, func(ctx context.Context) error {
		if a, err = s.withKey(ctx, path, key, body); err != nil {
			return err
		}
		if a.Status != http.StatusCreated {
			return fmt.Errorf("POST %s under key %s: status %d: %.300s", path, key, a.Status, a.Text)
		}
		return nil
	})
	return a, err
}

// sameAnswer compares two answers to creates.
func sameAnswer(first, second answer) error {
	if string(first.Text) != string(second.Text) || first.Header.Get("Location") != second.Header.Get("Location") {
		return fmt.Errorf("answers %s and %s", first.Text, second.Text)
	}
	return nil
}

func (s *suite) repeats(ctx context.Context, path, body string) error {
	key := rand.Text()
	first, err := s.createWithKey(ctx, path, key, body)
	if err != nil {
		return err
	}
	for range 3 {
		again, err := s.withKey(ctx, path, key, body)
		if err == nil && again.Status != http.StatusCreated {
			err = fmt.Errorf("status %d: %s", again.Status, again.Text)
		}
		if err == nil {
			err = sameAnswer(first, again)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *suite) quotedKey(ctx context.Context, path, body string) error {
	key := rand.Text() + `a#b\c"d`
	first, err := s.createWithKey(ctx, path, key, body)
	if err != nil {
		return err
	}
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
	again, err := s.createWithKey(ctx, path, quoted, body)
	if err != nil {
		return err
	}
	return sameAnswer(first, again)
}

func (s *suite) otherRequest(ctx context.Context, path, body, other string) error {
	key := rand.Text()
	if _, err := s.createWithKey(ctx, path, key, body); err != nil {
		return err
	}
	a, err := s.withKey(ctx, path, key, other)
	if err != nil {
		return err
	}
	return keyReused.check(a)
}

func (s *suite) otherKey(ctx context.Context, path, body string) error {
	first, err := s.createWithKey(ctx, path, rand.Text(), body)
	if err != nil {
		return err
	}
	second, err := s.createWithKey(ctx, path, rand.Text(), body)
	if err != nil {
		return err
	}
	if first.Header.Get("Location") == second.Header.Get("Location") {
		return fmt.Errorf("two keys made one thing: %s", second.Text)
	}
	return nil
}

func (s *suite) badKeys(ctx context.Context, path, body string) error {
	for _, key := range []string{"a b", strings.Repeat("k", 256), `"no second quote`, `"0123456789abcdef";a=1`} {
		if err := s.refusedKey(ctx, path, body, key); err != nil {
			return err
		}
	}
	return nil
}

func (s *suite) refusedKey(ctx context.Context, path, body, key string) error {
	a, err := s.withKey(ctx, path, key, body)
	if err == nil {
		err = problem{422, "invalid_field", "Idempotency-Key"}.check(a)
	}
	if err != nil {
		return fmt.Errorf("key %.30q: %w", key, err)
	}
	return nil
}

// repeatsSideBySide sends one create from many clients at once.
func (s *suite) repeatsSideBySide(ctx context.Context, path, body string) error {
	key := rand.Text()
	answers := make([]answer, clients)
	err := sideBySide(ctx, clients, func(ctx context.Context, i int) (err error) {
		answers[i], err = s.withKey(ctx, path, key, body)
		if err == nil && answers[i].Status != http.StatusCreated {
			err = keyInUse.check(answers[i])
		}
		return err
	})
	if err != nil {
		return err
	}
	known, err := s.createWithKey(ctx, path, key, body)
	if err != nil {
		return err
	}
	for _, a := range answers {
		if a.Status == http.StatusCreated {
			if err := sameAnswer(known, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// storedOnceWithKeys sends each of many messages three times, from clients
// that do not know of each other. No number may be left out.
func (s *suite) storedOnceWithKeys(ctx context.Context) error {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return err
	}
	n, keys := s.size(200), rand.Text()
	answers := make([]answer, 3*n)
	err = sideBySide(ctx, len(answers), func(ctx context.Context, i int) (err error) {
		answers[i], err = s.createWithKey(ctx, chat+"/messages", fmt.Sprint(keys, i%n), object("body", fmt.Sprint("message ", i%n)))
		return err
	})
	if err != nil {
		return err
	}
	sent := map[int64]item{}
	for i, a := range answers {
		if err := sameAnswer(answers[i%n], a); err != nil {
			return err
		}
		number, _ := a.fields["message_number"].(float64)
		sent[int64(number)] = item{Body: fmt.Sprint("message ", i%n)}
	}
	if len(sent) != n || sent[int64(n)].Body == "" {
		return fmt.Errorf("%d messages have %d numbers, or not those from 1", n, len(sent))
	}
	return s.storedOnce(ctx, messagesOf(chat), sent)
}

func (s *suite) keysInTwoChats(ctx context.Context) error {
	app, err := s.newApp(ctx)
	if err != nil {
		return err
	}
	for range 2 {
		chat, err := s.newChat(ctx, app)
		if err != nil {
			return err
		}
		a, err := s.createWithKey(ctx, chat+"/messages", "k", object("body", chat))
		if err != nil {
			return err
		}
		if a.text("body") != chat || a.fields["message_number"] != 1.0 {
			return fmt.Errorf("%s: %s", chat, a.Text)
		}
	}
	return nil
}
