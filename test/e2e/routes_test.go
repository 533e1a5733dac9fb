//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"chatapi/pkg/client"

	"github.com/google/go-cmp/cmp"
)

// routeCases call each route once with good input and compare all fields.
func routeCases(ctx context.Context, s *suite) ([]testCase, error) {
	app, err := s.newApp(ctx)
	if err != nil {
		return nil, err
	}
	token := path.Base(app)
	if _, err := s.create(ctx, chatsOf(app), object("title", "Kitchen")); err != nil {
		return nil, err
	}
	chat := app + "/chats/1"
	if _, err := s.create(ctx, messagesOf(chat), object("body", "Hello, world", "sender", "ada")); err != nil {
		return nil, err
	}
	if err := s.stored(ctx, messagesOf(chat), 1); err != nil {
		return nil, err
	}
	other, err := s.newAppAndChat(ctx)
	if err != nil {
		return nil, err
	}
	appRow := map[string]any{"app_token": token, "name": "end to end", "chat_count": 1.0, "created_at": aTime, "updated_at": aTime, "version": 1.0}
	chatRow := map[string]any{"app_token": token, "chat_number": 1.0, "title": "Kitchen", "message_count": 1.0, "created_at": aTime, "updated_at": aTime, "version": 1.0}
	messageRow := map[string]any{
		"app_token": token, "chat_number": 1.0, "message_number": 1.0, "body": "Hello, world", "sender": "ada",
		"created_at": aTime, "updated_at": aTime, "version": 1.0,
	}
	return []testCase{
		{"create-app", func(ctx context.Context) error { return s.createAppRoute(ctx) }},
		{"create-chat", func(ctx context.Context) error { return s.createChatRoute(ctx) }},
		{"create-message", func(ctx context.Context) error { return s.createMessageRoute(ctx) }},
		{"a chat without a body", func(ctx context.Context) error { return s.chatWithoutBody(ctx) }},
		{"get-app", func(ctx context.Context) error { return s.wantFields(ctx, app, appRow) }},
		{"get-chat", func(ctx context.Context) error { return s.wantFields(ctx, chat, chatRow) }},
		{"get-message", func(ctx context.Context) error { return s.wantFields(ctx, chat+"/messages/1", messageRow) }},
		{"list-apps", func(ctx context.Context) error { return s.listAppsRoute(ctx) }},
		{"list-chats", func(ctx context.Context) error {
			return s.wantFields(ctx, app+"/chats", map[string]any{"chats": []any{chatRow}})
		}},
		{"list-messages", func(ctx context.Context) error {
			return s.wantFields(ctx, chat+"/messages", map[string]any{"messages": []any{messageRow}, "complete_through": 1.0})
		}},
		{"search-messages", func(ctx context.Context) error {
			return s.searchRoute(ctx, client.Request{Method: "POST", Path: chat + "/messages/search", Body: object("query", "hello")}, messageRow)
		}},
		{"search-app", func(ctx context.Context) error {
			return s.searchRoute(ctx, client.Request{Method: "GET", Path: app + "/messages/search?query=hello"}, messageRow)
		}},
		{"health", func(ctx context.Context) error { return s.healthRoute(ctx) }},
		{"openapi", func(ctx context.Context) error { return s.documentRoutes(ctx) }},
		{"docs", func(ctx context.Context) error { return s.docsRoutes(ctx) }},
		{"Location leads back: app", func(ctx context.Context) error {
			return s.locationLeadsBack(ctx, "/api/v1/apps", object("name", "end to end"))
		}},
		{"Location leads back: chat", func(ctx context.Context) error { return s.locationLeadsBack(ctx, path.Dir(other), `{}`) }},
		{"Location leads back: message", func(ctx context.Context) error {
			return s.locationLeadsBack(ctx, other+"/messages", object("body", "again"))
		}},
		{"X-Request-Id: every answer has its own", func(ctx context.Context) error { return s.ownRequestIDs(ctx, app) }},
		{"X-Request-Id: the client's is kept", func(ctx context.Context) error { return s.keptRequestID(ctx, app) }},
	}, nil
}

// aTime stands for any time in RFC 3339 and UTC.
const aTime = "a time"

// timesHidden returns fields with every good time replaced by aTime.
func timesHidden(v any) any {
	switch v := v.(type) {
	case map[string]any:
		hidden := map[string]any{}
		for name, field := range v {
			text, _ := field.(string)
			at, err := time.Parse(time.RFC3339Nano, text)
			if (strings.HasSuffix(name, "_at") || name == "indexed_through") && err == nil && strings.HasSuffix(text, "Z") && time.Since(at).Abs() < time.Hour {
				field = aTime
			}
			hidden[name] = timesHidden(field)
		}
		return hidden
	case []any:
		hidden := make([]any, len(v))
		for i := range v {
			hidden[i] = timesHidden(v[i])
		}
		return hidden
	default:
		return v
	}
}

func wantSame(a answer, want map[string]any) error {
	if diff := cmp.Diff(any(want), timesHidden(a.fields)); diff != "" {
		return fmt.Errorf("fields (-want +got):\n%s", diff)
	}
	if got := a.Header.Get("Content-Type"); got != "application/json" {
		return fmt.Errorf("Content-Type %q", got)
	}
	if a.Header.Get("X-Request-Id") == "" {
		return errors.New("no X-Request-Id")
	}
	return nil
}

func (s *suite) wantFields(ctx context.Context, path string, want map[string]any) error {
	a, err := s.want(ctx, http.StatusOK, "GET", path, "")
	if err != nil {
		return err
	}
	return wantSame(a, want)
}

func (s *suite) createAppRoute(ctx context.Context) error {
	a, err := s.want(ctx, http.StatusCreated, "POST", "/api/v1/apps", object("name", "Ünïcode 🙂"))
	if err != nil {
		return err
	}
	data, _ := a.fields["data"].(map[string]any)
	token, _ := data["app_token"].(string)
	if len(token) != 36 {
		return fmt.Errorf("app_token %q has not 36 characters", token)
	}
	return wantSame(a, map[string]any{
		"status": "success", "message": "App created successfully",
		"data": map[string]any{"app_token": token, "name": "Ünïcode 🙂", "chat_count": 0.0, "created_at": aTime, "updated_at": aTime, "version": 1.0},
	})
}

func (s *suite) createChatRoute(ctx context.Context) error {
	app, err := s.newApp(ctx)
	if err != nil {
		return err
	}
	a, err := s.want(ctx, http.StatusCreated, "POST", app+"/chats", object("title", "Garden"))
	if err != nil {
		return err
	}
	return wantSame(a, map[string]any{
		"message": "Chat created successfully", "app_token": path.Base(app), "chat_number": 1.0,
		"title": "Garden", "message_count": 0.0, "created_at": aTime, "updated_at": aTime, "version": 1.0,
	})
}

func (s *suite) createMessageRoute(ctx context.Context) error {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return err
	}
	a, err := s.want(ctx, http.StatusCreated, "POST", chat+"/messages", object("body", "<b>&\"\\ 🙂", "sender", "ada"))
	if err != nil {
		return err
	}
	return wantSame(a, map[string]any{
		"message": "Message created successfully", "app_token": path.Base(appOf(chat)), "chat_number": 1.0,
		"message_number": 1.0, "body": "<b>&\"\\ 🙂", "sender": "ada", "created_at": aTime, "updated_at": aTime, "version": 1.0,
	})
}

func (s *suite) chatWithoutBody(ctx context.Context) error {
	app, err := s.newApp(ctx)
	if err != nil {
		return err
	}
	_, err = s.create(ctx, chatsOf(app), "")
	return err
}

// listAppsRoute reads one page only: there may be many apps.
func (s *suite) listAppsRoute(ctx context.Context) error {
	a, err := s.want(ctx, http.StatusOK, "GET", "/api/v1/apps?limit=1", "")
	if err != nil {
		return err
	}
	rows, _ := a.fields["apps"].([]any)
	if len(rows) != 1 {
		return fmt.Errorf("%d apps, want 1: %s", len(rows), a.Text)
	}
	row, _ := timesHidden(rows[0]).(map[string]any)
	token, _ := row["app_token"].(string)
	name, _ := row["name"].(string)
	_, counted := row["chat_count"].(float64)
	if len(token) != 36 || name == "" || !counted || row["created_at"] == nil || row["updated_at"] == nil || row["version"] == nil {
		return fmt.Errorf("app %v", row)
	}
	return nil
}

func (s *suite) searchRoute(ctx context.Context, search client.Request, message map[string]any) error {
	found := map[string]any{}
	for name, value := range message {
		found[name] = value
	}
	found["highlights"] = []any{map[string]any{"start": 0.0, "end": 5.0, "text": "Hello"}}
	found["highlighted"] = "<mark>Hello</mark>, world"
	return eventually(ctx, patience, func(ctx context.Context) error {
		a, err := s.want(ctx, http.StatusOK, search.Method, search.Path, search.Body)
		if err != nil {
			return err
		}
		return wantSame(a, map[string]any{"status": "success", "messages": []any{found}, "indexed_through": aTime})
	})
}

func (s *suite) healthRoute(ctx context.Context) error {
	a, err := s.want(ctx, http.StatusOK, "GET", "/health", "")
	if err != nil {
		return err
	}
	states, err := enginesOf(a)
	if err != nil {
		return err
	}
	want := map[string]string{"store": "ok", "queue": "ok", "index": "ok"}
	if diff := cmp.Diff(want, states); diff != "" || a.text("status") != "ok" {
		return fmt.Errorf("status %q, engines (-want +got):\n%s", a.text("status"), diff)
	}
	return nil
}

func (s *suite) documentRoutes(ctx context.Context) error {
	document, err := s.want(ctx, http.StatusOK, "GET", "/openapi.json", "")
	if err != nil {
		return err
	}
	paths, _ := document.fields["paths"].(map[string]any)
	if document.text("openapi") != "3.1.0" || paths["/api/v1/apps/{app_token}"] == nil {
		return fmt.Errorf("no document: %.300s", document.Text)
	}
	return s.wantText(ctx, "/openapi.yaml", "application/yaml", "openapi: 3.1.0")
}

// docsRoutes reads the page and what it loads.
func (s *suite) docsRoutes(ctx context.Context) error {
	for _, file := range []struct{ path, mediaType, text string }{
		{"/docs", "text/html", `<script src="docs/start.js">`},
		{"/docs/start.js", "text/javascript", `url: "openapi.json"`},
		{"/docs/swagger-ui-bundle.js", "text/javascript", "SwaggerUIBundle"},
		{"/docs/swagger-ui.css", "text/css", ".swagger-ui"},
	} {
		if err := s.wantText(ctx, file.path, file.mediaType, file.text); err != nil {
			return err
		}
	}
	return nil
}

// wantText reads a file and returns an error where it has another type, or not
// that text.
func (s *suite) wantText(ctx context.Context, path, mediaType, text string) error {
	a, err := s.api.Do(ctx, client.Request{Method: "GET", Path: path})
	if err != nil {
		return err
	}
	got, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	if a.Status != http.StatusOK || got != mediaType || !strings.Contains(string(a.Text), text) {
		return fmt.Errorf("GET %s: status %d, %s, %d bytes, want %s with %s: %.200s", path, a.Status, got, len(a.Text), mediaType, text, a.Text)
	}
	return nil
}

// enginesOf returns the status of each engine that health names.
func enginesOf(a answer) (map[string]string, error) {
	states := map[string]string{}
	rows, _ := a.fields["engines"].([]any)
	for _, row := range rows {
		fields, _ := row.(map[string]any)
		name, _ := fields["name"].(string)
		status, _ := fields["status"].(string)
		if _, measured := fields["milliseconds"].(float64); !measured {
			return nil, fmt.Errorf("engine %q has no milliseconds: %s", name, a.Text)
		}
		states[name] = status
	}
	return states, nil
}

// locationLeadsBack follows a Location as a client does: relative to the URL
// of its request (RFC 9110, section 10.2.2).
func (s *suite) locationLeadsBack(ctx context.Context, path, body string) error {
	a, err := s.want(ctx, http.StatusCreated, "POST", path, body)
	if err != nil {
		return err
	}
	back, err := s.belowBase(path, a.Header.Get("Location"))
	if err != nil {
		return fmt.Errorf("Location: %w", err)
	}
	return eventually(ctx, patience, func(ctx context.Context) error {
		_, err := s.want(ctx, http.StatusOK, "GET", back, "")
		return err
	})
}

// belowBase resolves a link in the answer to a request for a path, and returns
// the path of the link below the base URL.
func (s *suite) belowBase(requested, link string) (string, error) {
	from, err := url.Parse(s.base + requested)
	if err != nil {
		return "", err
	}
	to, err := from.Parse(link)
	if err != nil {
		return "", err
	}
	below, ok := strings.CutPrefix(to.String(), s.base)
	if !ok || link == "" {
		return "", fmt.Errorf("%q does not lead back through %s", link, s.base)
	}
	return below, nil
}

func (s *suite) ownRequestIDs(ctx context.Context, app string) error {
	seen := map[string]bool{}
	for _, path := range []string{app, app, app + "/chats", "/health"} {
		a, err := s.want(ctx, http.StatusOK, "GET", path, "")
		if err != nil {
			return err
		}
		id := a.Header.Get("X-Request-Id")
		if id == "" || seen[id] {
			return fmt.Errorf("GET %s: X-Request-Id %q", path, id)
		}
		seen[id] = true
	}
	return nil
}

func (s *suite) keptRequestID(ctx context.Context, app string) error {
	const id = "end-to-end-1"
	a, err := s.send(ctx, client.Request{Method: "GET", Path: app, Header: http.Header{"X-Request-Id": {id}}})
	if err != nil {
		return err
	}
	if got := a.Header.Get("X-Request-Id"); got != id {
		return fmt.Errorf("sent X-Request-Id %q, got %q", id, got)
	}
	return nil
}
