package api_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/api"
	"chatapi/pkg/chat"

	"github.com/google/go-cmp/cmp"
)

// TestVoidNumbers holds that clients see which numbers will never have a
// message, by the injected clock.
func TestVoidNumbers(t *testing.T) {
	f := newFaults(t)
	app, path := newChat(t, f.handler(&strings.Builder{}))
	created := time.Now()
	id := chat.ChatID{AppToken: strings.TrimPrefix(app, "/api/v1/apps/"), Number: 1}
	for number := int64(1); number <= 3; number++ {
		m, err := chat.NewMessage(id, "Hello", "", nil, created)
		if err != nil {
			t.Fatal(err)
		}
		if m.Number, err = f.AllocateMessageNumber(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if number == 2 { // its create never arrives
			continue
		}
		if err := f.StoreMessages(t.Context(), id, []chat.Message{m}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name       string
		age        time.Duration // of message 3
		list       string        // of the numbers
		complete   string
		code       string
		retryAfter string
	}{
		{"late", chat.VoidAfter - time.Second, "1 3", `"complete_through":1`, "not_stored_yet", "1"},
		{"void", chat.VoidAfter + time.Second, "1 2void 3", `"complete_through":3`, "number_void", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := func() time.Time { return created.Add(tt.age) }
			handler := api.New(slog.New(slog.DiscardHandler),
				api.ListMessages(f, now), api.GetMessage(f, now), api.UpdateMessage(f, now), api.DeleteMessage(f, now))
			list := ask(handler, http.MethodGet, path+"/messages", "").Body.String()
			if diff := cmp.Diff(tt.list, numbersOf(t, list)); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(list, tt.complete) {
				t.Errorf("no %s in %s", tt.complete, list)
			}
			if strings.Contains(list, `"void":false`) {
				t.Errorf("void of a message in %s", list)
			}
			descending := ask(handler, http.MethodGet, path+"/messages?order=desc", "").Body.String()
			if strings.Contains(descending, "complete_through") {
				t.Errorf("complete_through in descending order: %s", descending)
			}
			for method, body := range map[string]string{http.MethodGet: "", http.MethodPatch: `{"body":"Hi"}`, http.MethodDelete: ""} {
				got := ask(handler, method, path+"/messages/2", body)
				if got.Code != http.StatusNotFound || !strings.Contains(got.Body.String(), `"code":"`+tt.code+`"`) {
					t.Errorf("%s: %d %s, want 404 with code %s", method, got.Code, got.Body, tt.code)
				}
				if diff := cmp.Diff(tt.retryAfter, got.Header().Get("Retry-After")); diff != "" {
					t.Errorf("%s: Retry-After: %s", method, diff)
				}
			}
		})
	}
}

// numbersOf returns the numbers of a list of messages, with void after those
// that are.
func numbersOf(t *testing.T, list string) string {
	t.Helper()
	var page struct {
		Messages []struct {
			Number int64 `json:"message_number"`
			Void   bool  `json:"void"`
		} `json:"messages"`
	}
	if err := json.Unmarshal([]byte(list), &page); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range page.Messages {
		name := fmt.Sprint(m.Number)
		if m.Void {
			name += "void"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}
