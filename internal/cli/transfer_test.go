package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"chatapi/internal/transfer"

	"github.com/google/go-cmp/cmp"
)

// fill creates two chats with messages in an app, and deletes a message.
func fill(t *testing.T, sh shell) {
	t.Helper()
	sh.must("chats", "create", "Kitchen <1>", "--metadata", "floor=1")
	sh.must("chats", "create")
	sh.must("send", "1", "Hello, the café opens at 9 🎉", "--sender", "ada")
	sh.must("send", "1", "to be deleted")
	sh.must("send", "1", "two\nlines & \"more\"\u2028", "--metadata", "k=v", "--metadata", "empty=")
	sh.must("send", "2", "x", "--sender", "bob")
	storesChats(sh, 2)
	eventually(t, "all is stored", func() bool {
		return strings.Count(sh.must("tail", "1", "-f=false", "--json"), "\n") == 3 &&
			strings.Count(sh.must("tail", "2", "-f=false", "--json"), "\n") == 1
	})
	sh.must("delete", "1", "2")
}

// another returns a shell with a new app on the same server.
func (sh shell) another() shell {
	_, token, _ := strings.Cut(sh.must("apps", "create", "Copy"), "=")
	return sh.with("CHATAPI_APP", strings.Trim(token, "'\n"))
}

func TestExport(t *testing.T) {
	sh := newShell(t)
	empty := sh.must("export")
	if same(empty) != `{"type":"app","name":"Café","created_at":"…","updated_at":"…"}`+"\n" {
		t.Errorf("an empty app is %s", empty)
	}
	fill(t, sh)
	const message = `{"type":"message","chat_number":1,"message_number":`
	const whole = `{"type":"app","name":"Café","created_at":"…","updated_at":"…"}
{"type":"chat","title":"Kitchen <1>","chat_number":1,"metadata":{"floor":"1"},"created_at":"…","updated_at":"…"}
` + message + `1,"body":"Hello, the café opens at 9 🎉","sender":"ada","created_at":"…","updated_at":"…"}
` + message + `2,"deleted_at":"…"}
` + message + `3,"body":"two\nlines & \"more\"\u2028",` +
		`"metadata":{"empty":"","k":"v"},"created_at":"…","updated_at":"…"}
{"type":"chat","chat_number":2,"created_at":"…","updated_at":"…"}
{"type":"message","chat_number":2,"message_number":1,"body":"x","sender":"bob","created_at":"…","updated_at":"…"}
`
	if diff := cmp.Diff(whole, same(sh.must("export"))); diff != "" {
		t.Errorf("want (-) and got (+):\n%s", diff)
	}
	file := filepath.Join(t.TempDir(), "out.jsonl")
	sh.must("export", "--output", file, "--chat", "2")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.SplitAfter(whole, "\n")
	if diff := cmp.Diff(all[0]+all[5]+all[6], same(string(text))); diff != "" {
		t.Errorf("want (-) and got (+):\n%s", diff)
	}
	got := sh.run("", "export", "--chat", "7", "--output", file+"2")
	if got.Status != 1 || got.Stderr != "chatapi: the app has no chat 7\n" {
		t.Errorf("%+v", got)
	}
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestExportWhileMessagesArrive checks that each chat is exported without a gap, up
// to at least the last message that existed when the export began.
func TestExportWhileMessagesArrive(t *testing.T) {
	sh := newShell(t)
	sh.must("chats", "create")
	sh.must("chats", "create")
	ctx, stop := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	for chat := range 2 {
		for range 2 {
			senders.Go(func() {
				for ctx.Err() == nil {
					sh.must("send", fmt.Sprint(chat+1), "again")
				}
			})
		}
	}
	defer senders.Wait()
	defer stop()
	for range 5 {
		time.Sleep(100 * time.Millisecond)
		var existing [3]int64
		for chat := 1; chat <= 2; chat++ {
			if n := numbers(t, sh.must("tail", fmt.Sprint(chat), "-f=false", "-n", "1", "--json")); len(n) > 0 {
				existing[chat] = n[len(n)-1]
			}
		}
		var last [3]int64
		for _, l := range parse(t, sh.must("export")) {
			if l.Type != "message" {
				continue
			}
			if l.Message != last[l.Chat]+1 {
				t.Fatalf("chat %d: message %d after %d", l.Chat, l.Message, last[l.Chat])
			}
			last[l.Chat] = l.Message
		}
		if last[1] < existing[1] || last[2] < existing[2] {
			t.Errorf("exported up to %v, want at least %v", last, existing)
		}
	}
}

func parse(t *testing.T, text string) (all []transfer.Line) {
	t.Helper()
	for line := range strings.Lines(text) {
		var l transfer.Line
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, l)
	}
	return all
}

// essence returns what an import keeps of lines, in order: titles, bodies, senders
// and metadata, but not numbers, times or tombstones.
func essence(lines []transfer.Line) (kept []string) {
	for _, l := range lines {
		switch {
		case !l.DeletedAt.IsZero() || l.Type == "app":
		case l.Type == "chat":
			kept = append(kept, fmt.Sprintf("chat %q %v", l.Title, l.Metadata))
		default:
			kept = append(kept, fmt.Sprintf("message %q by %q %v", l.Body, l.Sender, l.Metadata))
		}
	}
	return kept
}

func TestExportImportExport(t *testing.T) {
	sh := newShell(t)
	fill(t, sh)
	file := filepath.Join(t.TempDir(), "app.jsonl")
	sh.must("export", "--output", file)
	copied := sh.another()
	for _, tt := range []struct {
		name string
		args []string
		want said
	}{
		{"the first time", nil, said{Stdout: "imported 3 messages, created 2 chats; skipped 1 deleted message\n"}},
		{"again", nil, said{
			Stdout: "imported 0 messages, created 0 chats; 3 messages imported before; skipped 1 deleted message\n",
		}},
		{"again as JSON", []string{"--json"}, said{Stdout: `{"before":3,"chats":0,"deleted":1,"messages":0}` + "\n"}},
		{"to a chat", []string{"--chat", "1"}, said{
			Status: 1, Stderr: "chatapi: invalid state file " + file + ".import: it is of an import with another --chat; " +
				"want the state of this import, or move it away to begin a new one\n",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, copied.run("", append([]string{"import", file}, tt.args...)...)); diff != "" {
				t.Errorf("want (-) and got (+):\n%s", diff)
			}
		})
	}
	want := essence(parse(t, sh.must("export")))
	eventually(t, "all is stored", func() bool { return len(essence(parse(t, copied.must("export")))) == len(want) })
	if diff := cmp.Diff(want, essence(parse(t, copied.must("export")))); diff != "" {
		t.Errorf("exported (-) and imported (+):\n%s", diff)
	}
}

func TestImportErrors(t *testing.T) {
	sh := newShell(t)
	sh.must("chats", "create")
	storesChats(sh, 1)
	file := filepath.Join(t.TempDir(), "in.jsonl")
	if err := os.WriteFile(file, []byte("{\"body\":\"a\"}\n{\"body\":\"\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		says string
	}{
		{"a missing file", []string{file + "x"}, "chatapi: open " + file + "x: no such file or directory\n"},
		{"an invalid message", []string{file, "--chat", "1"},
			"chatapi: " + file + ": line 2: body must have 1 to 16384 bytes of UTF-8 and not be blank\n"},
		{"an unknown chat", []string{file, "--chat", "7"}, "chatapi: the app has no chat with this number\n"},
		{"no chat", []string{file}, "chatapi: " + file + ": line 1: invalid message without a chat_number: " +
			"want one, or --chat N to import all messages into one chat\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := said{Status: 1, Stderr: tt.says}
			if diff := cmp.Diff(want, sh.run("", append([]string{"import"}, tt.args...)...)); diff != "" {
				t.Errorf("want (-) and got (+):\n%s", diff)
			}
		})
	}
}
