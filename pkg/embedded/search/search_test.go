package search_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/embedded/disk"
	"chatapi/pkg/embedded/search"

	"github.com/google/go-cmp/cmp"
)

// TestIndex holds the contract on each of the ways in which a search may go.
func TestIndex(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(*search.Index)
	}{
		{"what costs less", func(*search.Index) {}},
		{"large chats", (*search.Index).CheckNothing},
		{"very many words", (*search.Index).CheckEverything},
		{"very many words, and few matches", (*search.Index).CheckFew},
		{"very many matches", (*search.Index).ReadByBucket},
	} {
		t.Run(tt.name, func(t *testing.T) {
			chattest.Index(t, func(t *testing.T) chat.Index {
				x := open(t, t.TempDir())
				tt.set(x)
				return x
			})
		})
	}
}

func open(t *testing.T, dir string) *search.Index {
	t.Helper()
	x, err := search.Open(dir, disk.New())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// newMessages returns messages 1, 2, 3 … of one chat.
func newMessages(t *testing.T, bodies ...string) []chat.Message {
	t.Helper()
	app, err := chat.NewApp("search", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var all []chat.Message
	for i, body := range bodies {
		m, err := chat.NewMessage(chat.ChatID{AppToken: app.Token, Number: 1}, body, "", nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		m.Number = int64(i + 1)
		all = append(all, m)
	}
	return all
}

func apply(t *testing.T, x *search.Index, messages ...chat.Message) {
	t.Helper()
	if err := errors.Join(x.Apply(t.Context(), messages)...); err != nil {
		t.Fatal(err)
	}
}

func find(t *testing.T, x *search.Index, id chat.ChatID, text string) []int64 {
	t.Helper()
	query, err := chat.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	found, err := x.Search(t.Context(), chat.Search{Within: id.Parent(), Query: query, Limit: chat.MaxPage})
	if err != nil {
		t.Fatal(err)
	}
	var numbers []int64
	for _, h := range found.Hits {
		numbers = append(numbers, h.Message.Number)
	}
	return numbers
}

func TestReopenKeepsEverything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	messages := newMessages(t, "red", "redder", "blue")
	gone := messages[2]
	gone.Version, gone.DeletedAt = 2, time.Now()

	x := open(t, dir)
	apply(t, x, messages...)
	apply(t, x, gone)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}

	x = open(t, dir)
	if diff := cmp.Diff([]int64{1, 2}, find(t, x, gone.ChatID(), "red")); diff != "" {
		t.Errorf("red (-want +got):\n%s", diff)
	}
	apply(t, x, messages[2]) // late: its tombstone is remembered
	if found := find(t, x, gone.ChatID(), "blue"); found != nil {
		t.Errorf("a deleted message came back: %v", found)
	}
}

// TestAppliedIsOnDisk copies the folder of an index that is never closed, as
// if the process had been killed, and opens the copy.
func TestAppliedIsOnDisk(t *testing.T) {
	dir, killed := t.TempDir(), t.TempDir()
	x := open(t, dir)
	messages := newMessages(t, "red", "red", "red")
	for _, m := range messages {
		apply(t, x, m)
	}
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{3, 2, 1}, find(t, open(t, killed), messages[0].ChatID(), "red")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDiskFails lets the engine fail to write, as a full disk does, and work
// again.
func TestDiskFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	x := open(t, dir)
	messages := newMessages(t, "red", "red", "red", "red")
	apply(t, x, messages[0])
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	for _, m := range messages[1:3] {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		for _, err := range x.Apply(ctx, []chat.Message{m}) {
			if !errors.Is(err, chat.ErrUnavailable) {
				t.Errorf("error %v, want %v", err, chat.ErrUnavailable)
			}
		}
		cancel()
		_ = find(t, x, messages[0].ChatID(), "red") // works, whatever it finds
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	apply(t, x, messages...)
	if got := find(t, x, messages[0].ChatID(), "red"); len(got) != len(messages) {
		t.Errorf("found %v after the disk works again", got)
	}
}

func TestFolderInUse(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if x, err := search.Open(dir, disk.New()); err == nil {
		x.Close()
		t.Error("a second index opened the same folder")
	}
}

func TestOpenFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, dir string }{
		{"no name", ""},
		{"a file in the place of the folder", file},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if x, err := search.Open(tt.dir, disk.New()); err == nil {
				x.Close()
				t.Errorf("Open(%q) succeeded", tt.dir)
			}
		})
	}
}

func TestClosed(t *testing.T) {
	x := open(t, t.TempDir())
	messages := newMessages(t, "red")
	query, err := chat.ParseQuery("red")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, searchErr := x.Search(t.Context(), chat.Search{Within: messages[0].ChatID().Parent(), Query: query, Limit: 1})
	for _, tt := range []struct {
		name string
		err  error
	}{
		{"Apply", errors.Join(x.Apply(t.Context(), messages)...)},
		{"Search", searchErr},
		{"Ping", x.Ping(t.Context())},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !errors.Is(tt.err, chat.ErrUnavailable) {
				t.Errorf("error %v, want ErrUnavailable", tt.err)
			}
		})
	}
}
