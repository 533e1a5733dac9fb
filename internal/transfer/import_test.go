package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatapi/internal/transfer"
	"chatapi/pkg/chat"

	"github.com/google/go-cmp/cmp"
)

// app is a target in memory that knows keys and fails after some creates.
type app struct {
	mu       sync.Mutex
	keys     map[string]int64
	titles   []string
	messages map[int64][]string
	left     int  // creates until one fails
	lost     bool // the failing create is done, and only its response is lost
}

var errDown = errors.New("no response")

func newApp() *app {
	return &app{keys: map[string]int64{}, messages: map[int64][]string{}, left: 1 << 30}
}

// create returns the number that do returned for the key, and calls do if it is a
// new one.
func (a *app) create(key string, do func() int64) (int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left--
	if a.left < 0 || a.left == 0 && !a.lost {
		return 0, errDown
	}
	if _, done := a.keys[key]; !done {
		a.keys[key] = do()
	}
	if a.left == 0 {
		return 0, errDown
	}
	return a.keys[key], nil
}

func (a *app) CreateChat(_ context.Context, key, title string, metadata chat.Metadata) (int64, error) {
	return a.create(key, func() int64 {
		a.titles = append(a.titles, title)
		return int64(len(a.titles)) + 100
	})
}

func (a *app) CreateMessage(
	_ context.Context, key string, chat int64, body, sender string, metadata chat.Metadata,
) (int64, error) {
	return a.create(key, func() int64 {
		a.messages[chat] = append(a.messages[chat], sender+":"+body)
		return int64(len(a.messages[chat]))
	})
}

// write writes a file of lines and returns its name.
func write(t *testing.T, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "in.jsonl")
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// importer returns an import of a file that ignores its progress.
func importer(file string, to *app) transfer.Import {
	return transfer.Import{
		File: file, App: "token", Target: to, Concurrency: 3,
		Begin: func(int64) {}, Progress: func(int64) {},
	}
}

// lines returns the lines of three chats, the last two interleaved, and the
// messages that an import of them creates.
func lines() (all []string, want map[int64][]string) {
	all = []string{`{"type":"app","name":"A"}`, `{"type":"chat","chat_number":5,"title":"five"}`}
	want = map[int64][]string{}
	add := func(source, target int64, n int) {
		all = append(all, fmt.Sprintf(`{"type":"message","chat_number":%d,"body":"m%d","sender":"s%d"}`, source, n, source))
		want[target] = append(want[target], fmt.Sprintf("s%d:m%d", source, n))
	}
	for n := range 7 {
		add(5, 101, n)
	}
	all = append(all, `{"type":"message","chat_number":5,"message_number":8,"deleted_at":"2026-11-23T12:00:00Z"}`, "")
	for n := range 7 {
		add(9, 102, n)
		add(3, 103, n)
	}
	return all, want
}

func TestImport(t *testing.T) {
	all, want := lines()
	to := newApp()
	var seen, whole int64
	im := importer(write(t, all...), to)
	im.Concurrency = 1
	im.Begin, im.Progress = func(n int64) { whole = n }, func(n int64) { seen += n }
	got, err := im.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(transfer.Summary{Messages: 21, Chats: 3, Deleted: 1}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, to.messages); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"five", "", ""}, to.titles); diff != "" {
		t.Error(diff)
	}
	if seen != 21 || whole != 21 {
		t.Errorf("progress of %d in %d, want 21", seen, whole)
	}
	// A complete import does nothing.
	got, err = im.Run(t.Context())
	if diff := cmp.Diff(transfer.Summary{Before: 21, Deleted: 1}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if diff := cmp.Diff(want, to.messages); diff != "" {
		t.Error(diff)
	}
}

// TestImportContinues stops an import at each of its creates, before and after the
// create is done, with and without the last lines of the state.
func TestImportContinues(t *testing.T) {
	all, want := lines()
	for _, lost := range []bool{false, true} {
		for _, forgets := range []int{0, 1, 5} {
			for stop := 1; stop <= 24; stop++ {
				name := fmt.Sprintf("at create %d, response lost %v, last %d lines lost", stop, lost, forgets)
				t.Run(name, func(t *testing.T) {
					to := newApp()
					im := importer(write(t, all...), to)
					to.left, to.lost = stop, lost
					if _, err := im.Run(t.Context()); !errors.Is(err, errDown) {
						t.Fatalf("does not stop: %v", err)
					}
					forget(t, im.File+transfer.StateSuffix, forgets)
					to.left = 1 << 30
					got, err := im.Run(t.Context())
					if err != nil || got.Messages+got.Before != 21 {
						t.Errorf("%+v, %v", got, err)
					}
					sameChats(t, want, to.messages)
				})
			}
		}
	}
}

// sameChats compares the messages of chats, whose numbers may have been allocated
// in another order.
func sameChats(t *testing.T, want, got map[int64][]string) {
	t.Helper()
	chats := func(of map[int64][]string) (all []string) {
		for _, messages := range of {
			all = append(all, fmt.Sprint(messages))
		}
		slices.Sort(all)
		return all
	}
	if diff := cmp.Diff(chats(want), chats(got)); diff != "" {
		t.Error(diff)
	}
}

// forget removes the last lines of a state file, except for its first line, and
// leaves half of a line, as a power failure may.
func forget(t *testing.T, state string, lines int) {
	t.Helper()
	data, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.SplitAfter(string(data), "\n")
	all = all[:len(all)-1]
	lines = min(lines, len(all)-1)
	if lines == 0 {
		return
	}
	kept := all[:len(all)-lines]
	torn := all[len(all)-lines]
	if err := os.WriteFile(state, []byte(strings.Join(kept, "")+torn[:len(torn)/2]), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestImportToOneChat(t *testing.T) {
	to := newApp()
	file := write(t, `{"body":"a","sender":"x"}`,
		`{"type":"chat","chat_number":3}`, `{"chat_number":3,"body":"b"}`, `{"body":"c"}`)
	im := importer(file, to)
	im.Chat = 7
	got, err := im.Run(t.Context())
	if diff := cmp.Diff(transfer.Summary{Messages: 3}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if diff := cmp.Diff(map[int64][]string{7: {"x:a", ":b", ":c"}}, to.messages); diff != "" {
		t.Error(diff)
	}
}

func TestImportRefuses(t *testing.T) {
	good := `{"type":"message","chat_number":1,"body":"a"}`
	for _, tt := range []struct {
		name string
		line string
		says string
	}{
		{"invalid JSON", `{"body":`, "line 3: invalid line: unexpected EOF; want a JSON object as export writes it"},
		{"not an object", `"a"`, "line 3: invalid line: json: "},
		{"invalid UTF-8", "{\"chat_number\":1,\"body\":\"\xff\"}", "line 3: invalid line: want UTF-8"},
		{"an unknown type", `{"type":"user"}`, `line 3: invalid type "user": want app, chat or message`},
		{"a chat without a number", `{"type":"chat","title":"x"}`,
			"line 3: invalid chat_number 0 of a chat: want a number from 1"},
		{"a title above the limit", `{"type":"chat","chat_number":1,"title":"` + strings.Repeat("x", 201) + `"}`,
			"line 3: title must have at most 200 characters"},
		{"a message without a chat", `{"body":"a"}`, "line 3: invalid message without a chat_number: want one, or --chat N"},
		{"a message without a body", `{"chat_number":1,"sender":"a"}`, "line 3: body must have 1 to 16384 bytes"},
		{"an unknown field", `{"body":"a","sendr":"ada"}`, `line 3: invalid line: json: unknown field "sendr"`},
		{"two objects", `{"body":"a"} {"body":"b"}`, "line 3: invalid line: text after the JSON object; want one object"},
		{"a line above the limit", `{"chat_number":1,"body":"` + strings.Repeat("x", 1<<20) + `"}`,
			"line 3: invalid length: want at most 1048576 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to := newApp()
			im := importer(write(t, good, "", tt.line, good), to)
			_, err := im.Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %s", err, tt.says)
			}
			if len(to.keys) > 0 {
				t.Errorf("%d creates of a refused file", len(to.keys))
			}
			if _, err := os.Stat(im.File + transfer.StateSuffix); err == nil {
				t.Error("a refused import leaves a state file")
			}
		})
	}
}

func TestImportRefusesAnotherState(t *testing.T) {
	long := time.Now().Add(-transfer.KeyLifetime - time.Hour)
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, im *transfer.Import)
		says   string // "" if it continues
	}{
		{"nothing changed", func(*testing.T, *transfer.Import) {}, ""},
		{"another app", func(_ *testing.T, im *transfer.Import) { im.App = "another" }, "an import with another app"},
		{"another chat", func(_ *testing.T, im *transfer.Import) { im.Chat = 3 }, "an import with another --chat"},
		{"another file", func(t *testing.T, im *transfer.Import) {
			file, err := os.OpenFile(im.File, os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = file.WriteString("\n" + `{"chat_number":1,"body":"more"}`)
			}
			if err := errors.Join(err, file.Close()); err != nil {
				t.Fatal(err)
			}
		}, "an import with another version of the file"},
		{"not a state file", func(t *testing.T, im *transfer.Import) {
			if err := os.WriteFile(im.File+transfer.StateSuffix, []byte("notes\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "want the state of an import"},
		{"a day later", func(t *testing.T, im *transfer.Import) {
			if err := os.Chtimes(im.File+transfer.StateSuffix, long, long); err != nil {
				t.Fatal(err)
			}
		}, "--late accepts that"},
		{"a day later, with Late", func(t *testing.T, im *transfer.Import) {
			im.Late = true
			if err := os.Chtimes(im.File+transfer.StateSuffix, long, long); err != nil {
				t.Fatal(err)
			}
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all, _ := lines()
			to := newApp()
			im := importer(write(t, all...), to)
			to.left = 9
			if _, err := im.Run(t.Context()); !errors.Is(err, errDown) {
				t.Fatal(err)
			}
			to.left = 1 << 30
			keys := maps.Clone(to.keys)
			tt.change(t, &im)
			_, err := im.Run(t.Context())
			if tt.says != "" { // again, because a refusal changes nothing
				_, err = im.Run(t.Context())
			}
			switch {
			case tt.says == "" && err != nil:
				t.Error(err)
			case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
				t.Errorf("%v, want %s", err, tt.says)
			case tt.says != "" && !maps.Equal(keys, to.keys):
				t.Error("creates of a refused import")
			}
			// A refused state still works for the import that it belongs to.
			if tt.says == "an import with another app" {
				im.App = "token"
				if got, err := im.Run(t.Context()); err != nil || got.Messages+got.Before != 21 {
					t.Errorf("%+v, %v", got, err)
				}
			}
		})
	}
}

func TestImportNamesTheLineThatFails(t *testing.T) {
	all, _ := lines()
	to := newApp()
	to.left = 5
	im := importer(write(t, all...), to)
	im.Concurrency = 1
	if _, err := im.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "line ") {
		t.Errorf("no line in %v", err)
	}
}

func TestImportStops(t *testing.T) {
	all, _ := lines()
	ctx, stop := context.WithCancel(t.Context())
	im := importer(write(t, all...), newApp())
	im.Progress = func(int64) { stop() }
	if _, err := im.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("does not stop: %v", err)
	}
}
