package api_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chatapi/pkg/api"
	"chatapi/pkg/auth"
	"chatapi/pkg/chat"
)

// TestAccess asks every operation with each credential. What an operation needs
// follows from its path, so that a new one is in the table by itself.
func TestAccess(t *testing.T) {
	f := newFaults(t)
	ports := chat.Ports{Store: f, Queue: faultyQueue{f}, Index: f.backend.Index, Readers: f.backend.Readers, Idempotency: f.backend.Idempotency}
	app, _ := newChat(t, f.handler(&strings.Builder{}))
	key, hash := auth.NewAdminKey()
	admin, err := auth.ParseAdmin(hash)
	if err != nil {
		t.Fatal(err)
	}
	const none = ""
	credentials := map[string]string{
		"none": none, "the admin key": "Bearer " + key, "bearer in small letters": "bearer " + key,
		"another key": "Bearer ca1_no", "a password": "Basic " + key, "no scheme": key, "an empty key": "Bearer ",
	}
	for _, guard := range []struct {
		name   string
		guard  api.Guard
		admits map[string]bool // credentials, on the operations of the admin
	}{
		{"an admin key", api.Guard{Admin: admin}, map[string]bool{"the admin key": true, "bearer in small letters": true}},
		{"no admin key", api.Guard{}, nil},
		{"no admin key, open", api.Guard{Open: true}, map[string]bool{"none": true}},
	} {
		operations := api.Operations(ports, guard.guard)
		handler := api.New(slog.New(slog.DiscardHandler), operations...)
		for _, op := range operations {
			for name, credential := range credentials {
				want := credential == none || op.Path == "/health"
				if op.Path == "/api/v1/apps" {
					want = guard.admits[name]
				}
				got := tryAccess(handler, op, app, credential)
				if refused := got.Code == http.StatusUnauthorized; refused == want {
					t.Errorf("%s, %s with %s: status %d", guard.name, op.Name, name, got.Code)
				}
				if got.Code == http.StatusUnauthorized {
					wantProblem(t, got, "unauthenticated")
					if !strings.HasPrefix(got.Header().Get("WWW-Authenticate"), "Bearer") {
						t.Errorf("%s: no WWW-Authenticate", op.Name)
					}
				}
			}
		}
	}
}

// tryAccess sends a request to an operation, whose answer may be any but 401 if
// the credential is admitted.
func tryAccess(handler http.Handler, op api.Operation, app, credential string) *httptest.ResponseRecorder {
	path := strings.NewReplacer(
		"/api/v1/apps/{app_token}", app, "{chat_number}", "1", "{message_number}", "1", "{reader}", "ada").Replace(op.Path)
	request := httptest.NewRequest(op.Method, path, strings.NewReader(`{}`))
	request.Header.Set("Content-Type", "application/json")
	if credential != "" {
		request.Header.Set("Authorization", credential)
	}
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, request)
	return response
}
