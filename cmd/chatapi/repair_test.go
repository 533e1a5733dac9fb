package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
	"chatapi/pkg/verify"
)

// damagedFolder creates a data folder whose index lacks the first of two messages
// and has a wrong version of the second, with three dead letters: a create, a change
// of the first message, and one that cannot be decoded.
func damagedFolder(t *testing.T) (dir, token string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	b, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	app, err := chat.NewApp("damaged", nil, at)
	if err != nil {
		t.Fatal(err)
	}
	ctx, id := t.Context(), chat.ChatID{AppToken: app.Token, Number: 1}
	message := func(n, version int64) chat.Message {
		return chat.Message{
			AppToken: id.AppToken, ChatNumber: 1, Number: n, Body: "hello", Version: version, CreatedAt: at, UpdatedAt: at,
		}
	}
	c := chat.Chat{AppToken: app.Token, Number: 1, Version: 1, CreatedAt: at, UpdatedAt: at}
	third := message(3, 1)
	create, err := chat.EncodeCreate(chat.Create{Message: &third})
	if err != nil {
		t.Fatal(err)
	}
	record := `{"eventName":"INSERT","dynamodb":{"Keys":{"chat":{"S":"` + id.String() +
		`"},"message_number":{"N":"1"}},"NewImage":{"body":{"N":"1"}}}}`
	err = errors.Join(
		b.Store.CreateApp(ctx, app), b.Store.StoreChats(ctx, app.Token, []chat.Chat{c}),
		b.Store.StoreMessages(ctx, id, []chat.Message{message(1, 1), message(2, 1)}),
		b.Auditor.RaiseCounter(ctx, id.Parent(), 3),
		b.Stream.Checkpoint(ctx, 100), // so that nothing indexes the messages
		errors.Join(b.Index.Apply(ctx, []chat.Message{message(2, 4)})...),
		b.CreateDeadLetters.Send(ctx, "delivered 5 times and never stored", create),
		b.ChangeDeadLetters.Send(ctx, "attribute body is not a string", []byte(record)),
		b.ChangeDeadLetters.Send(ctx, "of no use", []byte("?")),
		b.Close(),
	)
	if err != nil {
		t.Fatal(err)
	}
	return dir, app.Token
}

// TestRepair runs the commands with which an operator repairs a damaged folder.
func TestRepair(t *testing.T) {
	dir, token := damagedFolder(t)
	for _, step := range []struct {
		name   string
		args   string
		status int
		says   []string // each on either stream; <app> is the token
	}{
		{"verify", "verify", 1, []string{
			"app <app> chat 1: message 1 is not in the index\n",
			"app <app> chat 1: message 2 has version 4 in the index and 1 stored\n",
			"app <app> chat 1: number 3 allocated but not stored: unused, or still to be stored\n",
			"verified 1 app, 1 chat, 2 messages: 2 differences left, 0 repaired; 1 unused number\n",
			"chatapi: 2 differences left; run chatapi verify --repair\n",
		}},
		{"verify as JSON", "verify --json --app <app>", 1, []string{
			`{"kind":"not_indexed","app_token":"<app>","chat_number":1,"first":1,"last":1,` +
				`"has":0,"want":1,"repaired":false}` + "\n",
			`{"apps":1,"chats":1,"messages":2,"differences":2,"repaired":0,"gaps":1,"unchecked":0}` + "\n",
		}},
		{"list dead letters", "dlq list", 0, []string{
			"1  creates  ", "message 3 of chat 1: delivered 5 times and never stored\n",
			"2  stream   ", "message 1 of chat 1: attribute body is not a string\n", "3  stream   ", "not a change",
		}},
		{"list dead letters as JSON", "dlq list --json --source creates", 0,
			[]string{`{"source":"creates","id":"1","reason":"delivered`}},
		{"show a dead letter", "dlq show 2", 0, []string{"id: 2\nsource: stream\n", `body: {"eventName":"INSERT"`}},
		{"dry run", "dlq redrive --dry-run", 0,
			[]string{"1  creates  message 3 of chat 1: would be redriven\n", "3  stream   not a change"}},
		{"redrive one", "dlq redrive 2", 0, []string{"2  stream   message 1 of chat 1: redriven\n"}},
		{"redrive one again", "dlq redrive 2", 1, []string{"1 of 1 dead letter not found; want ids"}},
		{"redrive all", "dlq redrive", 1,
			[]string{"1  creates  message 3 of chat 1: redriven\n", "3  stream   not a change",
				"1 of 2 dead letters not redriven"}},
		{"delete the rest", "dlq delete 3", 0, []string{"deleted\n"}},
		{"no dead letters", "dlq list", 0, nil},
		{"repair", "verify --repair", 1,
			[]string{"version 4 in the index and 1 stored\n", "1 difference left; run chatapi reindex to build a new index"}},
		{"reindex", "reindex", 0, []string{"3 messages after", "the new index is live: 3 messages, and 0 changes meanwhile"}},
		{"verify again", "verify", 0,
			[]string{"verified 1 app, 1 chat, 3 messages: 0 differences left, 0 repaired; 0 unused numbers\n"}},
		{"nothing to abandon", "reindex --abandon", 0, nil},
	} {
		t.Run(step.name, func(t *testing.T) {
			args := strings.Fields(strings.ReplaceAll(step.args, "<app>", token))
			var both bytes.Buffer
			status := run(t.Context(), append(args, "--data", dir), func(string) string { return "" }, nil, &both, &both)
			if status != step.status {
				t.Errorf("status %d, want %d", status, step.status)
			}
			for _, says := range step.says {
				if !strings.Contains(both.String(), strings.ReplaceAll(says, "<app>", token)) {
					t.Errorf("does not say %q", says)
				}
			}
			if t.Failed() || (step.says == nil && both.Len() > 0) {
				t.Errorf("said:\n%s", both.String())
			}
		})
	}
}

func TestRepairRefuses(t *testing.T) {
	dir, _ := damagedFolder(t)
	served, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	none := filepath.Join(t.TempDir(), "none")
	for _, tt := range []struct {
		name, args string
		status     int
		says       string
	}{
		{"verify during a server", "verify --data " + dir, 1, "in use by another process; stop the server first"},
		{"reindex during a server", "reindex --data " + dir, 1, "in use by another process; stop the server first"},
		{"dead letters during a server", "dlq list --data " + dir, 1, "in use by another process; stop the server first"},
		{"no folder", "verify --data " + none, 1, "there is no data folder"},
		{"no folder to index", "reindex --data " + none, 1, "there is no data folder"},
		{"an unknown backend", "verify --backend ram", 2, `invalid --backend "ram": want embedded or aws`},
		{"a folder on AWS", "dlq list --backend aws --data x", 2, "invalid --data with --backend aws"},
		{"an invalid token", "verify --app me", 2, "invalid --app: want an app token of 36 characters"},
		{"no ids", "dlq show", 2, "missing ID: want ids of dead letters"},
		{"an unknown source", "dlq list --source moon", 2, `invalid --source "moon": want creates or stream`},
		{"no environment", "verify --backend aws", 1, "AWS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			setEnvironment(t, nil)
			refuses(t, strings.Fields(tt.args), tt.status, tt.says)
		})
	}
}

func TestNotVerified(t *testing.T) {
	for _, tt := range []struct {
		name     string
		result   verify.Result
		repaired bool
		want     string // "" for no error
	}{
		{"no differences", verify.Result{Repaired: 3, Gaps: 2}, true, ""},
		{"a difference", verify.Result{Differences: 1, Unchecked: 1}, false,
			"1 difference left; run chatapi verify --repair"},
		{"a difference after a repair", verify.Result{Differences: 1}, true,
			"1 difference left; run chatapi reindex to build a new index"},
		{"counts that are not verified", verify.Result{Unchecked: 2}, true,
			"2 counts changed too fast to be verified; run chatapi verify again at a quieter time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := notVerified(tt.result, tt.repaired); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// TestDamagedCreateIsListed checks that a damaged create in the log becomes a dead
// letter when the folder is opened next.
func TestDamagedCreateIsListed(t *testing.T) {
	dir := t.TempDir()
	b, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	id := chat.ChatID{AppToken: strings.Repeat("a", chat.TokenLength), Number: 1}
	m, err := chat.NewMessage(id, "hello", "", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	m.Number = 1
	if err := errors.Join(b.Queue.Send(t.Context(), chat.Create{Message: &m}), b.Close()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "creates", "*.log"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, error %v, want one", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	var both bytes.Buffer
	status := run(t.Context(), []string{"dlq", "list", "--data", dir}, noEnvironment, nil, &both, &both)
	for _, want := range []string{
		"level=ERROR", "1  creates  ", "not a create",
		"damaged: its bytes in the log of creates do not match their checksum; the body is ",
	} {
		if status != 0 || !strings.Contains(both.String(), want) {
			t.Errorf("status %d, says %q, want %q", status, both.String(), want)
		}
	}
}
