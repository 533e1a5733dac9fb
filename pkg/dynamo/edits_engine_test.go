//go:build engines

package dynamo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// cutter is a connection that breaks once, at an UpdateItem.
type cutter struct {
	of     aws.HTTPClient
	before bool   // the update reaches DynamoDB, else after it
	then   func() // is called when it is broken
	cut    atomic.Bool
}

// Do implements aws.HTTPClient.
func (c *cutter) Do(r *http.Request) (*http.Response, error) {
	update := strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".UpdateItem")
	if !update || c.cut.Swap(true) {
		return c.of.Do(r)
	}
	if !c.before {
		answer, err := c.of.Do(r)
		if err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, answer.Body) // it is made
		_ = answer.Body.Close()
	}
	c.then()
	return nil, io.ErrUnexpectedEOF
}

// edited is one kind of row and the ways to edit and to read it.
type edited struct {
	kind string
	edit func(ctx context.Context, s *dynamo.Store, text string, at time.Time) error
	read func(ctx context.Context, s *dynamo.Store) (text string, version int64, err error)
}

func editedRows(token string) []edited {
	id := chat.ChatID{AppToken: token, Number: 1}
	return []edited{
		{"app", func(ctx context.Context, s *dynamo.Store, text string, at time.Time) error {
			_, err := s.UpdateApp(ctx, token, chat.AppEdit{Name: &text, At: at}, nil)
			return err
		}, func(ctx context.Context, s *dynamo.Store) (string, int64, error) {
			a, err := s.App(ctx, token)
			return a.Name, a.Version, err
		}},
		{"chat", func(ctx context.Context, s *dynamo.Store, text string, at time.Time) error {
			_, err := s.UpdateChat(ctx, id, chat.ChatEdit{Title: &text, At: at}, nil)
			return err
		}, func(ctx context.Context, s *dynamo.Store) (string, int64, error) {
			c, err := s.Chat(ctx, id)
			return c.Title, c.Version, err
		}},
		{"message", func(ctx context.Context, s *dynamo.Store, text string, at time.Time) error {
			_, err := s.UpdateMessage(ctx, id, 1, chat.MessageEdit{Body: &text, At: at}, nil)
			return err
		}, func(ctx context.Context, s *dynamo.Store) (string, int64, error) {
			m, err := s.Message(ctx, id, 1)
			return m.Body, m.Version, err
		}},
	}
}

// storeRows stores an app, its chat 1 and its message 1, all created a while
// ago, and returns the app's token.
func storeRows(t *testing.T, s *dynamo.Store, now time.Time) (token string) {
	t.Helper()
	app, err := chat.NewApp("first", nil, now)
	if err != nil {
		t.Fatal(err)
	}
	id := chat.ChatID{AppToken: app.Token, Number: 1}
	c, err := chat.NewChat(app.Token, "first", nil, now)
	if err != nil {
		t.Fatal(err)
	}
	m, err := chat.NewMessage(id, "first", "", nil, now)
	if err != nil {
		t.Fatal(err)
	}
	c.Number, m.Number = 1, 1
	ctx := t.Context()
	err = errors.Join(s.CreateApp(ctx, app), s.CreateCounter(ctx, id),
		s.StoreChats(ctx, app.Token, []chat.Chat{c}), s.StoreMessages(ctx, id, []chat.Message{m}))
	if err != nil {
		t.Fatal(err)
	}
	return app.Token
}

// TestEditNeverUndone loses an edit's response, or the edit, on DynamoDB Local,
// while another edit is made and acknowledged, or not: that one is never undone,
// and no edit is made twice.
func TestEditNeverUndone(t *testing.T) {
	for _, tt := range []struct {
		name    string
		first   bool // an edit was made before
		lost    bool // the edit, else only its response
		another bool // edit is made then
		want    error
		text    string
		version int64
	}{
		{"its response is lost", false, false, false, nil, "mine", 2},
		{"it is lost", false, true, false, nil, "mine", 2},
		{"it is lost, of a row that was edited before", true, true, false, nil, "mine", 3},
		{"its response is lost and another edit is made", false, false, true, chat.ErrUnavailable, "another", 3},
		{"the same, of a row that was edited before", true, false, true, chat.ErrUnavailable, "another", 4},
		{"it is lost and another edit is made", false, true, true, chat.ErrUnavailable, "another", 2},
	} {
		for i, kind := range []string{"app", "chat", "message"} {
			t.Run(kind+": "+tt.name, func(t *testing.T) {
				cfg, tables, now := engine(t), newTables(), time.Now().UTC().Truncate(time.Millisecond)
				store := newStoreOn(t, cfg, tables)
				row := editedRows(storeRows(t, store, now.Add(-2*time.Hour)))[i]
				if tt.first {
					if err := row.edit(t.Context(), store, "before", now.Add(-time.Second)); err != nil {
						t.Fatal(err)
					}
				}
				cfg.HTTPClient = &cutter{of: awshttp.NewBuildableClient(), before: tt.lost, then: func() {
					if !tt.another {
						return
					}
					if err := row.edit(t.Context(), store, "another", now.Add(time.Millisecond)); err != nil {
						t.Error(err)
					}
				}}
				if err := row.edit(t.Context(), dynamo.New(cfg, tables), "mine", now); !errors.Is(err, tt.want) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				row.check(t, store, tt.text, tt.version)
			})
		}
	}
}

func (e edited) check(t *testing.T, s *dynamo.Store, wantText string, wantVersion int64) {
	t.Helper()
	text, version, err := e.read(t.Context(), s)
	if err != nil || text != wantText || version != wantVersion {
		t.Errorf("%q in version %d, error %v, want %q in version %d", text, version, err, wantText, wantVersion)
	}
}

// delayer is a connection that breaks at the first UpdateItem, whose request
// reaches DynamoDB only when deliver is called.
type delayer struct {
	of   aws.HTTPClient
	held *http.Request
}

// Do implements aws.HTTPClient.
func (d *delayer) Do(r *http.Request) (*http.Response, error) {
	if d.held != nil || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".UpdateItem") {
		return d.of.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	d.held = r.Clone(context.WithoutCancel(r.Context()))
	d.held.Body = io.NopCloser(bytes.NewReader(body))
	return nil, io.ErrUnexpectedEOF
}

func (d *delayer) deliver(t *testing.T) {
	t.Helper()
	response, err := d.of.Do(d.held)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
}

// TestLateEdit delivers the first attempt of an edit after its retry, or after
// another edit was acknowledged: it changes nothing.
func TestLateEdit(t *testing.T) {
	for _, another := range []bool{false, true} {
		for i, kind := range []string{"app", "chat", "message"} {
			t.Run(fmt.Sprintf("%s, another edit: %t", kind, another), func(t *testing.T) {
				cfg, tables, now := engine(t), newTables(), time.Now().UTC().Truncate(time.Millisecond)
				store := newStoreOn(t, cfg, tables)
				row := editedRows(storeRows(t, store, now.Add(-time.Hour)))[i]
				connection := &delayer{of: awshttp.NewBuildableClient()}
				cfg.HTTPClient = connection
				if err := row.edit(t.Context(), dynamo.New(cfg, tables), "mine", now); err != nil {
					t.Fatal(err)
				}
				text, version := "mine", int64(2)
				if another {
					if err := row.edit(t.Context(), store, "another", now.Add(time.Millisecond)); err != nil {
						t.Fatal(err)
					}
					text, version = "another", 3
				}
				connection.deliver(t)
				row.check(t, store, text, version)
			})
		}
	}
}
