package chat_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 678_912_345, time.FixedZone("east", 3600))

// fieldsOf returns the names of the fields that an error complains of.
func fieldsOf(t *testing.T, err error) []string {
	t.Helper()
	var invalid *chat.InvalidError
	if err == nil {
		return nil
	}
	if !errors.As(err, &invalid) {
		t.Fatalf("error %v, want an *InvalidError", err)
	}
	var names []string
	for _, f := range invalid.Fields {
		names = append(names, f.Field)
	}
	return names
}

func TestLimits(t *testing.T) {
	id := chat.ChatID{AppToken: strings.Repeat("a", chat.TokenLength), Number: 1}
	app := func(name string) error { _, err := chat.NewApp(name, nil, now); return err }
	title := func(title string) error { _, err := chat.NewChat(id.AppToken, title, nil, now); return err }
	message := func(body, sender string) error { _, err := chat.NewMessage(id, body, sender, nil, now); return err }
	metadata := func(m chat.Metadata) error { _, err := chat.NewApp("a", m, now); return err }
	query := func(text string) error { _, err := chat.ParseQuery(text); return err }
	mark := func(reader string, lastRead int64) error {
		_, err := chat.NewReadMark(reader, lastRead, now)
		return err
	}
	for _, tt := range []struct {
		name string
		err  error
		want []string
	}{
		{"shortest name", app("a"), nil},
		{"longest name, in characters", app(strings.Repeat("é", chat.MaxName)), nil},
		{"name too long", app(strings.Repeat("a", chat.MaxName+1)), []string{"name"}},
		{"no name", app(""), []string{"name"}},
		{"blank name", app(" \t\n\u00a0"), []string{"name"}},
		{"name that is not UTF-8", app("\xff"), []string{"name"}},
		{"no title", title(""), nil},
		{"longest title", title(strings.Repeat("界", chat.MaxTitle)), nil},
		{"title too long", title(strings.Repeat("a", chat.MaxTitle+1)), []string{"title"}},
		{"longest body, in bytes", message(strings.Repeat("a", chat.MaxBody), ""), nil},
		{"body too long", message(strings.Repeat("a", chat.MaxBody+1), ""), []string{"body"}},
		{"body too long in bytes only", message(strings.Repeat("é", chat.MaxBody/2+1), ""), []string{"body"}},
		{"blank body", message(" \n", ""), []string{"body"}},
		{"longest sender", message("a", strings.Repeat("é", chat.MaxSender)), nil},
		{"two fields", message("", strings.Repeat("a", chat.MaxSender+1)), []string{"body", "sender"}},
		{"no metadata", metadata(nil), nil},
		{"largest metadata, in bytes", metadata(chat.Metadata{"ké": strings.Repeat("é", chat.MaxMetadata/2-2), "a": ""}), nil},
		{"metadata too large", metadata(chat.Metadata{"key": strings.Repeat("a", chat.MaxMetadata-2)}), []string{"metadata"}},
		{"metadata with an empty key", metadata(chat.Metadata{"": "a"}), []string{"metadata"}},
		{"metadata that is not UTF-8", metadata(chat.Metadata{"a": "\xff"}), []string{"metadata"}},
		{"longest query", query(strings.Repeat("a", chat.MaxQuery)), nil},
		{"query too long", query(strings.Repeat("a", chat.MaxQuery+1)), []string{"query"}},
		{"blank query", query("  "), []string{"query"}},
		{"longest reader", mark(strings.Repeat("🚀", chat.MaxReader), 0), nil},
		{"reader too long", mark(strings.Repeat("a", chat.MaxReader+1), 0), []string{"reader"}},
		{"no reader", mark("", 0), []string{"reader"}},
		{"blank reader", mark(" \u00a0", 0), []string{"reader"}},
		{"reader with a slash", mark("a/b", 0), []string{"reader"}},
		{"reader with a control character", mark("a\u0085", 0), []string{"reader"}},
		{"reader that is not UTF-8", mark("a\xff", 0), []string{"reader"}},
		{"highest last_read", mark("a", chat.MaxNumber), nil},
		{"last_read too high", mark("a", chat.MaxNumber+1), []string{"last_read"}},
		{"last_read negative", mark("a", -1), []string{"last_read"}},
		{"last_read beyond the chat", chat.ReadMark{Reader: "a", LastRead: 3}.Check(2), []string{"last_read"}},
		{"last_read at the chat's last", chat.ReadMark{Reader: "a", LastRead: 3}.Check(3), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, fieldsOf(t, tt.err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEdits(t *testing.T) {
	text := func(s string) *string { return &s }
	blank, large := chat.Metadata{}, chat.Metadata{"key": strings.Repeat("a", chat.MaxMetadata)}
	app := func(name *string, m *chat.Metadata) error { _, err := chat.NewAppEdit(name, m, now); return err }
	title := func(title *string, m *chat.Metadata) error { _, err := chat.NewChatEdit(title, m, now); return err }
	body := func(body *string, m *chat.Metadata) error { _, err := chat.NewMessageEdit(body, m, now); return err }
	for _, tt := range []struct {
		name string
		err  error
		want []string
	}{
		{"app's name", app(text("a"), nil), nil},
		{"app's metadata, to none", app(nil, &blank), nil},
		{"nothing of an app", app(nil, nil), []string{"name"}},
		{"app's name and metadata, both wrong", app(text(" "), &large), []string{"metadata", "name"}},
		{"chat's title, to none", title(text(""), nil), nil},
		{"nothing of a chat", title(nil, nil), []string{"title"}},
		{"chat's title, too long", title(text(strings.Repeat("a", chat.MaxTitle+1)), nil), []string{"title"}},
		{"message's body", body(text("a"), &blank), nil},
		{"nothing of a message", body(nil, nil), []string{"body"}},
		{"message's body, to none", body(text(""), nil), []string{"body"}},
		{"message's metadata, too large", body(nil, &large), []string{"metadata"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, fieldsOf(t, tt.err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTokens(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		app, err := chat.NewApp("a", nil, now)
		if err != nil {
			t.Fatal(err)
		}
		if !chat.ValidToken(app.Token) || seen[app.Token] {
			t.Fatalf("token %q", app.Token)
		}
		seen[app.Token] = true
	}
	for _, token := range []string{"", strings.Repeat("a", 35), strings.Repeat("a", 37), strings.Repeat("A", 36), strings.Repeat("#", 36), strings.Repeat("1", 36)} {
		if chat.ValidToken(token) {
			t.Errorf("%q is taken for a token", token)
		}
	}
}

// TestTimes: what every engine keeps is UTC and whole milliseconds.
func TestTimes(t *testing.T) {
	app, err := chat.NewApp("a", nil, now)
	if err != nil {
		t.Fatal(err)
	}
	want := time.Date(2026, 1, 2, 2, 4, 5, 678e6, time.UTC)
	if app.CreatedAt != want || app.UpdatedAt != want {
		t.Errorf("created %v, updated %v, want %v", app.CreatedAt, app.UpdatedAt, want)
	}
}

func TestCreates(t *testing.T) {
	token := strings.Repeat("a", chat.TokenLength)
	c, err := chat.NewChat(token, "title", nil, now)
	if err != nil {
		t.Fatal(err)
	}
	c.Number = 7
	m, err := chat.NewMessage(c.ID(), "line\u2028 \x00 <>&\"", "ada", nil, now)
	if err != nil {
		t.Fatal(err)
	}
	m.Number = 8
	for _, want := range []chat.Create{{Chat: &c}, {Message: &m}} {
		body, err := chat.EncodeCreate(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := chat.DecodeCreate(body)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if got.Parent().AppToken != token {
			t.Errorf("app token %q", got.Parent().AppToken)
		}
	}
}

// TestDecodeCreateOfBefore: a body that an earlier version of the program wrote,
// which escaped more, is read as before.
func TestDecodeCreateOfBefore(t *testing.T) {
	token := strings.Repeat("a", chat.TokenLength)
	got, err := chat.DecodeCreate([]byte(`{"message":{"app_token":"` + token + `","chat_number":7,"message_number":8,` +
		`"body":"\u003ca\u003e \u0026 \u2028","metadata":{"\u003c":"\u0026"},"version":1,` +
		`"created_at":"2026-01-02T03:04:05.678Z","updated_at":"2026-01-02T03:04:05.678Z"}}`))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	want := chat.Create{Message: &chat.Message{
		AppToken: token, ChatNumber: 7, Number: 8, Body: "<a> & \u2028",
		Metadata: chat.Metadata{"<": "&"}, Version: 1, CreatedAt: at, UpdatedAt: at,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestFingerprint: a retry can meet the key of a create from before an update
// of the program, so the same request has the same fingerprint for ever.
func TestFingerprint(t *testing.T) {
	claim, err := chat.NewClaim(chat.Parent{}, strings.Repeat("k", chat.MinAppKey), struct {
		Name     string            `json:"name"`
		Title    string            `json:"title,omitempty"`
		Metadata map[string]string `json:"metadata,omitempty"`
	}{Name: "<é> & \u2028", Metadata: map[string]string{"b": "2", "a": "1"}}, now)
	if err != nil {
		t.Fatal(err)
	}
	if want := "3vqk+xIMxCj6iqND4qo+B0TuzU9Hth6Vr1pX1XnSsIs"; claim.Fingerprint != want {
		t.Errorf("fingerprint %s, want %s", claim.Fingerprint, want)
	}
}

// TestDecodeCreateRefuses: what could not be stored is refused before the store
// sees it.
func TestDecodeCreateRefuses(t *testing.T) {
	token := strings.Repeat("a", chat.TokenLength)
	for _, tt := range []struct{ name, body string }{
		{"nothing", ""},
		{"no JSON", "hello"},
		{"neither", "{}"},
		{"both", `{"chat":{},"message":{}}`},
		{"no token", `{"chat":{"chat_number":1,"created_at":"2026-01-02T03:04:05Z"}}`},
		{"no number", `{"chat":{"app_token":"` + token + `","created_at":"2026-01-02T03:04:05Z"}}`},
		{"no time", `{"chat":{"app_token":"` + token + `","chat_number":1}}`},
		{"a field twice", `{"message":{"app_token":"` + token + `","chat_number":1,"message_number":1,"body":"a","body":"b","created_at":"2026-01-02T03:04:05Z"}}`},
		{"half of a surrogate pair", `{"message":{"app_token":"` + token + `","chat_number":1,"message_number":1,"body":"\ud83d","created_at":"2026-01-02T03:04:05Z"}}`},
		{"number of another type", `{"chat":{"app_token":"` + token + `","chat_number":"1"}}`},
		{"no body", `{"message":{"app_token":"` + token + `","chat_number":1,"message_number":1,"created_at":"2026-01-02T03:04:05Z"}}`},
		{"no message number", `{"message":{"app_token":"` + token + `","chat_number":1,"body":"a","created_at":"2026-01-02T03:04:05Z"}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if c, err := chat.DecodeCreate([]byte(tt.body)); err == nil {
				t.Errorf("decoded %+v", c)
			}
		})
	}
	if _, err := chat.EncodeCreate(chat.Create{}); err == nil {
		t.Error("encoded nothing")
	}
}
