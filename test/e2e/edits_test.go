//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"chatapi/pkg/client"

	"github.com/google/go-cmp/cmp"
)

// editCases change and delete what was created, each in an app of its own.
func editCases(_ context.Context, s *suite) ([]testCase, error) {
	return []testCase{
		{"app: name and metadata", func(ctx context.Context) error {
			app, err := s.newApp(ctx)
			if err != nil {
				return err
			}
			return s.edits(ctx, app, "name", `{"name":"Café"}`, `{"metadata":{"k":"v"}}`)
		}},
		{"chat: title and metadata", func(ctx context.Context) error {
			chat, err := s.storedChat(ctx)
			if err != nil {
				return err
			}
			return s.edits(ctx, chat, "title", `{"title":"Café"}`, `{"metadata":{"k":"v"}}`)
		}},
		{"message: body and metadata", func(ctx context.Context) error {
			message, err := s.storedMessage(ctx, "before")
			if err != nil {
				return err
			}
			return s.edits(ctx, message, "body", `{"body":"Café"}`, `{"metadata":{"k":"v"}}`)
		}},
		{"an edit reaches search", s.editReachesSearch},
		{"a delete leaves a tombstone", s.deleteLeavesTombstone},
		{"a delete reaches search", s.deleteReachesSearch},
		{"an early edit loses nothing", s.editEarly},
		{"of edits of one version one is made", s.editOneVersion},
		{"edits and deletes under load", s.editUnderLoad},
	}, nil
}

// storedChat creates a chat and returns its path once it is stored.
func (s *suite) storedChat(ctx context.Context) (string, error) {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return "", err
	}
	return chat, s.stored(ctx, chatsOf(appOf(chat)), 1)
}

// storedMessage creates a message and returns its path once it is stored.
func (s *suite) storedMessage(ctx context.Context, body string) (string, error) {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return "", err
	}
	made, err := s.create(ctx, messagesOf(chat), object("body", body))
	if err != nil {
		return "", err
	}
	message := itemPath(messagesOf(chat), made.number)
	return message, eventually(ctx, patience, func(ctx context.Context) error {
		_, err := s.want(ctx, http.StatusOK, "GET", message, "")
		return err
	})
}

// conditional sends a request with one precondition.
func (s *suite) conditional(ctx context.Context, method, path, body, precondition, etag string) (answer, error) {
	return s.send(ctx, client.Request{Method: method, Path: path, Body: body, Header: http.Header{precondition: {etag}}})
}

// unexpected is the error of a request that failed or got a wrong answer.
func unexpected(what string, a answer, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: status %d: %.300s", what, a.Status, a.Text)
}

// edits edits a field, then the metadata, with right and wrong preconditions.
func (s *suite) edits(ctx context.Context, path, field, first, second string) error {
	before, err := s.want(ctx, http.StatusOK, "GET", path, "")
	if err != nil {
		return err
	}
	old := before.Header.Get("ETag")
	edited, err := s.conditional(ctx, "PATCH", path, first, "If-Match", old)
	if err != nil || edited.Status != http.StatusOK || edited.text(field) != "Café" {
		return unexpected("PATCH with If-Match "+old, edited, err)
	}
	refused, err := s.conditional(ctx, "PATCH", path, second, "If-Match", old)
	if err != nil || refused.Status != http.StatusPreconditionFailed || refused.text("code") != "version_changed" {
		return unexpected("PATCH again with If-Match "+old, refused, err)
	}
	if _, err := s.want(ctx, http.StatusOK, "PATCH", path, second); err != nil {
		return err
	}
	read, err := s.want(ctx, http.StatusOK, "GET", path, "")
	if err != nil {
		return err
	}
	if read.text(field) != "Café" || !cmp.Equal(read.fields["metadata"], map[string]any{"k": "v"}) || read.fields["version"] != 3.0 {
		return fmt.Errorf("after two edits: %s", read.Text)
	}
	etag := read.Header.Get("ETag")
	same, err := s.conditional(ctx, "GET", path, "", "If-None-Match", etag)
	if err != nil || same.Status != http.StatusNotModified || len(same.Text) > 0 {
		return unexpected("GET with If-None-Match "+etag, same, err)
	}
	changed, err := s.conditional(ctx, "GET", path, "", "If-None-Match", old)
	if err != nil || changed.Status != http.StatusOK {
		return unexpected("GET with If-None-Match "+old, changed, err)
	}
	return nil
}

func (s *suite) editReachesSearch(ctx context.Context) error {
	message, err := s.storedMessage(ctx, "apricot")
	if err != nil {
		return err
	}
	chat, _, _ := strings.Cut(message, "/messages/")
	if err := s.searchable(ctx, chat, "apricot", 1); err != nil {
		return err
	}
	if _, err := s.want(ctx, http.StatusOK, "PATCH", message, `{"body":"blackberry"}`); err != nil {
		return err
	}
	if err := s.searchable(ctx, chat, "blackberry", 1); err != nil {
		return err
	}
	return s.searchable(ctx, chat, "apricot", 0)
}

func (s *suite) deleteLeavesTombstone(ctx context.Context) error {
	message, err := s.storedMessage(ctx, "gone")
	if err != nil {
		return err
	}
	chat, _, _ := strings.Cut(message, "/messages/")
	refused, err := s.conditional(ctx, "DELETE", message, "", "If-Match", `"2"`)
	if err != nil || refused.Status != http.StatusPreconditionFailed {
		return unexpected("DELETE of another version", refused, err)
	}
	for range 2 { // again is a success
		if _, err := s.want(ctx, http.StatusNoContent, "DELETE", message, ""); err != nil {
			return err
		}
	}
	for method, body := range map[string]string{"GET": "", "PATCH": `{"body":"back"}`} {
		a, err := s.want(ctx, http.StatusGone, method, message, body)
		if err != nil || a.text("code") != "message_deleted" {
			return unexpected(method+" of a deleted message", a, err)
		}
	}
	list, err := s.want(ctx, http.StatusOK, "GET", chat+"/messages", "")
	if err != nil {
		return err
	}
	rows, _ := list.fields["messages"].([]any)
	tombstone := []any{map[string]any{"message_number": 1.0, "deleted_at": aTime}}
	if diff := cmp.Diff(any(tombstone), timesHidden(rows)); diff != "" {
		return fmt.Errorf("list (-want +got):\n%s", diff)
	}
	return s.stored(ctx, messagesOf(chat), 0)
}

func (s *suite) deleteReachesSearch(ctx context.Context) error {
	message, err := s.storedMessage(ctx, "cherry")
	if err != nil {
		return err
	}
	chat, _, _ := strings.Cut(message, "/messages/")
	if err := s.searchable(ctx, chat, "cherry", 1); err != nil {
		return err
	}
	if _, err := s.want(ctx, http.StatusNoContent, "DELETE", message, ""); err != nil {
		return err
	}
	return s.searchable(ctx, chat, "cherry", 0)
}

// editEarly edits and deletes messages right after their 201: either the row
// is there, or the answer is not_stored_yet and the message comes as it was
// created.
func (s *suite) editEarly(ctx context.Context) error {
	chat, err := s.storedChat(ctx)
	if err != nil {
		return err
	}
	n := s.size(100)
	edited := make([]bool, n)
	err = sideBySide(ctx, n, func(ctx context.Context, i int) error {
		made, err := s.create(ctx, messagesOf(chat), object("body", "as created"))
		if err != nil {
			return err
		}
		a, err := s.send(ctx, client.Request{Method: "PATCH", Path: itemPath(messagesOf(chat), made.number), Body: object("body", "edited")})
		switch {
		case err != nil:
			return err
		case a.Status == http.StatusOK:
			edited[made.number-1] = true
		case a.text("code") != "not_stored_yet":
			return fmt.Errorf("early PATCH of %d: status %d: %s", made.number, a.Status, a.Text)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.stored(ctx, messagesOf(chat), n); err != nil {
		return err
	}
	items, err := s.all(ctx, messagesOf(chat))
	if err != nil {
		return err
	}
	for _, m := range items {
		if want := map[bool]string{true: "edited", false: "as created"}[edited[m.MessageNumber-1]]; m.Body != want {
			return fmt.Errorf("message %d is %q, want %q", m.MessageNumber, m.Body, want)
		}
	}
	return nil
}

func (s *suite) editOneVersion(ctx context.Context) error {
	message, err := s.storedMessage(ctx, "first")
	if err != nil {
		return err
	}
	made := make([]bool, 8)
	err = sideBySide(ctx, len(made), func(ctx context.Context, i int) error {
		a, err := s.conditional(ctx, "PATCH", message, object("body", fmt.Sprint("by client ", i)), "If-Match", `"1"`)
		made[i] = a.Status == http.StatusOK
		if err == nil && !made[i] && a.Status != http.StatusPreconditionFailed {
			err = fmt.Errorf("PATCH: status %d: %s", a.Status, a.Text)
		}
		return err
	})
	if err != nil {
		return err
	}
	winners := 0
	for _, won := range made {
		if won {
			winners++
		}
	}
	if winners != 1 {
		return fmt.Errorf("%d edits of version 1 were made, want 1", winners)
	}
	return nil
}

// editUnderLoad edits and deletes messages while others are created, and
// compares rows, count and search afterwards.
func (s *suite) editUnderLoad(ctx context.Context) error {
	chat, err := s.storedChat(ctx)
	if err != nil {
		return err
	}
	n := max(4, s.size(200)/4*4)
	if _, err := s.createAll(ctx, messagesOf(chat), n, func(int) string { return object("body", "plum") }); err != nil {
		return err
	}
	if err := s.stored(ctx, messagesOf(chat), n); err != nil {
		return err
	}
	// The first quarter is deleted, the second edited, and as many are new.
	err = sideBySide(ctx, 3*n/4, func(ctx context.Context, i int) error {
		number := itemPath(messagesOf(chat), int64(i/3+1))
		switch i % 3 {
		case 0:
			_, err := s.want(ctx, http.StatusNoContent, "DELETE", number, "")
			return err
		case 1:
			_, err := s.want(ctx, http.StatusOK, "PATCH", itemPath(messagesOf(chat), int64(n/4+i/3+1)), object("body", "quince"))
			return err
		default:
			_, err := s.create(ctx, messagesOf(chat), object("body", "plum"))
			return err
		}
	})
	if err != nil {
		return err
	}
	if err := s.stored(ctx, messagesOf(chat), n); err != nil { // as many created as deleted
		return err
	}
	for query, want := range map[string]int{"quince": n / 4, "plum": 3 * n / 4} {
		err := eventually(ctx, patience, func(ctx context.Context) error {
			found, err := s.findAll(ctx, chat, map[string]any{"query": query, "limit": 200})
			if err == nil && len(found) != want {
				err = fmt.Errorf("search for %q found %d, want %d", query, len(found), want)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
