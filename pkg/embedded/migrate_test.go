package embedded_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"

	"github.com/google/go-cmp/cmp"
)

// unpackFormat1 unpacks a folder that the first release wrote. It has an app
// with two chats of three messages each, one a minute from 12:00 on; the changes
// of the second chat are not indexed yet.
func unpackFormat1(t *testing.T) (dir string, chats [2]chat.ChatID) {
	t.Helper()
	const token = "ly2wcj2acsq3fx3xmj4nnco3y2tu5tqemekz"
	return unpack(t, "format-1.tar.gz"), [2]chat.ChatID{{AppToken: token, Number: 1}, {AppToken: token, Number: 2}}
}

func unpack(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	packed, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unzipped, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeDir {
			makeDir(t, filepath.Join(dir, header.Name))
			continue
		}
		text, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, dir, header.Name, string(text))
	}
}

// index brings up to most changes into the index, as the indexer does.
func index(t *testing.T, b *embedded.Backend, most int) (indexed int) {
	t.Helper()
	changes, err := b.Stream.Read(t.Context(), most)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if err := errors.Join(b.Index.Apply(t.Context(), []chat.Message{*c.New})...); err != nil {
			t.Fatal(err)
		}
		if err := b.Stream.Checkpoint(t.Context(), c.Sequence); err != nil {
			t.Fatal(err)
		}
	}
	return len(changes)
}

func searchFor(t *testing.T, b *embedded.Backend, id chat.ChatID, text string) (bodies []string, through time.Time) {
	t.Helper()
	query, err := chat.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	found, err := b.Index.Search(t.Context(), chat.Search{Within: id.Parent(), Query: query, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range found.Hits {
		bodies = append(bodies, h.Message.Body)
	}
	return bodies, found.IndexedThrough
}

func TestMigrateFormat1(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, dir string) // what a process that was killed had done before
	}{
		{"as it was left", func(*testing.T, string) {}},
		{"killed when the old index was gone", func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "search")); err != nil {
				t.Fatal(err)
			}
		}},
		{"killed before the mark", func(t *testing.T, dir string) {
			open(t, dir, embedded.Options{})
			writeFile(t, dir, "chatapi.json", `{"chatapi_data_format":1}`)
		}},
		{"killed before the mark, and some is indexed", func(t *testing.T, dir string) {
			b := open(t, dir, embedded.Options{})
			index(t, b, 2)
			writeFile(t, dir, "chatapi.json", `{"chatapi_data_format":1}`)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, chats := unpackFormat1(t)
			t.Run("before", func(t *testing.T) { tt.prepare(t, dir) })
			b := open(t, dir, embedded.Options{})
			if got := index(t, b, 100); got != 6 {
				t.Errorf("%d changes to index, want one for each of 6 messages", got)
			}
			newest := time.Date(2026, 11, 23, 12, 2, 0, 0, time.UTC)
			for _, id := range []chat.ChatID{chats[0], chats[1]} {
				got, through := searchFor(t, b, id, "apple")
				if diff := cmp.Diff([]string{"an apple a day", "red apples"}, got); diff != "" {
					t.Errorf("chat %d (-want +got):\n%s", id.Number, diff)
				}
				if !through.Equal(newest) {
					t.Errorf("indexed through %v, want %v", through, newest)
				}
				stored, _, err := b.Store.Messages(t.Context(), id, chat.Page{Limit: 10})
				if err != nil || len(stored) != 3 {
					t.Errorf("chat %d has %d messages, error %v", id.Number, len(stored), err)
				}
			}
		})
	}
}

// TestMigrateFormat3: the folder has an app with two chats of three messages
// each, all of them in an index that has other fields.
func TestMigrateFormat3(t *testing.T) {
	dir := unpack(t, "format-3.tar.gz")
	b := open(t, dir, embedded.Options{})
	if got := index(t, b, 100); got != 6 {
		t.Errorf("%d changes to index, want one for each of 6 messages", got)
	}
	for number := range int64(2) {
		id := chat.ChatID{AppToken: "ydifr33wm7haaxcbhreerrf3wv2g2r3rvs6l", Number: number + 1}
		got, through := searchFor(t, b, id, "apple")
		if diff := cmp.Diff([]string{"an apple a day", "red apples"}, got); diff != "" || through.IsZero() {
			t.Errorf("chat %d: indexed through %v, found (-want +got):\n%s", id.Number, through, diff)
		}
	}
}

// TestMigrateFormat4: the folder has one chat with a message that was edited, one
// that was not and one that was deleted, not all of it indexed; a create in the
// log, with its key; and a dead letter. All JSON in it is by encoding/json.
func TestMigrateFormat4(t *testing.T) {
	id := chat.ChatID{AppToken: "zeh57vqhtlgrvhjr3zooxs2amytcj4tmhh6h", Number: 1}
	b := open(t, unpack(t, "format-4.tar.gz"), embedded.Options{})
	created, err := b.Receiver.Receive(t.Context(), 10)
	if err != nil || len(created) != 1 {
		t.Fatalf("%d creates in the log, error %v", len(created), err)
	}
	create, err := chat.DecodeCreate([]byte(created[0].Body))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Store.StoreMessages(t.Context(), id, []chat.Message{*create.Message}); err != nil {
		t.Fatal(err)
	}
	index(t, b, 100)
	got, _ := searchFor(t, b, id, "apple")
	if diff := cmp.Diff([]string{"an apple in the log <&>", "<b>apple</b> & \u2028 pear", "red apples"}, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	second, err := b.Store.Message(t.Context(), id, 2)
	if diff := cmp.Diff(chat.Metadata{"client": "<web>"}, second.Metadata); diff != "" || err != nil {
		t.Errorf("error %v, metadata (-want +got):\n%s", err, diff)
	}
	third, err := b.Store.Message(t.Context(), id, 3)
	if err != nil || !third.Deleted() || third.Version != 2 {
		t.Errorf("the tombstone is %+v, error %v", third, err)
	}
	app, err := b.Store.App(t.Context(), id.AppToken)
	if err != nil || app.Name != "format 4 <&>" || app.Metadata["plan"] != "<free>\u2028" || app.ChatCount != 1 {
		t.Errorf("the app is %+v, error %v", app, err)
	}
	c, err := b.Store.Chat(t.Context(), id)
	if err != nil || c.Title != "kitchen & garden" || c.MessageCount != 3 {
		t.Errorf("the chat is %+v, error %v", c, err)
	}
	claim, err := chat.NewClaim(id.Parent(), "the-key", map[string]string{"body": "keyed"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if claim, err = b.Idempotency.Claim(t.Context(), claim); err != nil || claim.Number != create.Message.Number {
		t.Errorf("the key has number %d, error %v, want %d", claim.Number, err, create.Message.Number)
	}
	letters, err := b.DeadLetters(t.Context())
	if err != nil || len(letters) != 1 || letters[0].Reason != "it is <damaged>" || letters[0].Body != "no JSON" {
		t.Errorf("dead letters %+v, error %v", letters, err)
	}
}

// TestRebuildDoesNotSayHowFreshItIs: the first messages that a rebuild feeds
// may be newer than the last.
func TestRebuildDoesNotSayHowFreshItIs(t *testing.T) {
	dir, chats := unpackFormat1(t)
	t.Run("one process", func(t *testing.T) {
		b := open(t, dir, embedded.Options{})
		index(t, b, 3)
		if got, through := searchFor(t, b, chats[0], "apple"); got == nil || !through.IsZero() {
			t.Errorf("found %v, indexed through %v", got, through)
		}
	})
	b := open(t, dir, embedded.Options{}) // the next
	if got, through := searchFor(t, b, chats[0], "apple"); got == nil || !through.IsZero() {
		t.Errorf("after a restart: found %v, indexed through %v", got, through)
	}
	if got := index(t, b, 100); got != 3 {
		t.Errorf("%d changes after the restart, want the 3 that were left", got)
	}
	if _, through := searchFor(t, b, chats[1], "apple"); through.IsZero() {
		t.Error("after the rebuild searches do not say how fresh the index is")
	}
}

// TestMigrationGoesOn: what is stored after a migration gets changes of its own.
func TestMigrationGoesOn(t *testing.T) {
	dir, chats := unpackFormat1(t)
	b := open(t, dir, embedded.Options{})
	m, err := chat.NewMessage(chats[1], "apple pie", "", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if m.Number, err = b.Store.AllocateMessageNumber(t.Context(), chats[1]); err != nil || m.Number != 4 {
		t.Fatalf("number %d, error %v", m.Number, err)
	}
	if err := b.Store.StoreMessages(t.Context(), chats[1], []chat.Message{m}); err != nil {
		t.Fatal(err)
	}
	if got := index(t, b, 100); got != 7 {
		t.Errorf("%d changes, want 7", got)
	}
	got, through := searchFor(t, b, chats[1], "apple pie")
	if diff := cmp.Diff([]string{"apple pie"}, got); diff != "" || !through.Equal(m.UpdatedAt) {
		t.Errorf("indexed through %v, want %v; found (-want +got):\n%s", through, m.UpdatedAt, diff)
	}
}

// TestMigrateMany has more messages than migrate feeds in one transaction.
func TestMigrateMany(t *testing.T) {
	const many = 1200
	dir := filepath.Join(t.TempDir(), "data")
	t.Run("before", func(t *testing.T) {
		b := open(t, dir, embedded.Options{})
		id := chat.ChatID{AppToken: strings.Repeat("a", chat.TokenLength), Number: 1}
		var all []chat.Message
		for n := range int64(many) {
			m, err := chat.NewMessage(id, strings.Repeat("x", chat.MaxBody), "", nil, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			m.Number = n + 1
			all = append(all, m)
		}
		if err := b.Store.StoreMessages(t.Context(), id, all); err != nil {
			t.Fatal(err)
		}
		writeFile(t, dir, "chatapi.json", `{"chatapi_data_format":1}`)
	})
	b := open(t, dir, embedded.Options{})
	for read := int64(0); read < many; {
		changes, err := b.Stream.Read(t.Context(), many+1)
		if err != nil {
			t.Fatal(err)
		}
		// So many of the longest messages do not fit into memory at once.
		if len(changes) == 0 || len(changes) > many/2 {
			t.Fatalf("%d changes at once after %d", len(changes), read)
		}
		for _, c := range changes {
			if read++; c.New.Number != read {
				t.Fatalf("change %d is of message %d", read, c.New.Number)
			}
		}
		if err := b.Stream.Checkpoint(t.Context(), changes[len(changes)-1].Sequence); err != nil {
			t.Fatal(err)
		}
	}
}
