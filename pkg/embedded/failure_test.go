package embedded_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
	"chatapi/pkg/embedded/disk"

	"go.etcd.io/bbolt"
)

// brokenDisk fails once it is told to. A hook that is nil does not fail.
type brokenDisk struct {
	broken atomic.Bool
	sync   func(*os.File) error
	commit func(*bbolt.Tx) error
}

func (d *brokenDisk) options() embedded.Options {
	return embedded.Options{}.WithHooks(disk.Hooks{
		Sync: func(f *os.File) error {
			if d.broken.Load() && d.sync != nil {
				return d.sync(f)
			}
			return f.Sync()
		},
		Commit: func(tx *bbolt.Tx) error {
			if d.broken.Load() && d.commit != nil {
				return d.commit(tx)
			}
			return tx.Commit()
		},
	})
}

func rollBack(err error) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error { return errors.Join(tx.Rollback(), err) }
}

func commitThen(err error) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error { return errors.Join(tx.Commit(), err) }
}

var fullDisk = &fs.PathError{Op: "write", Path: "rows.db", Err: syscall.ENOSPC}

// TestFailedDisk breaks the disk for one write. What fails before any sync is
// rolled back, and the next write succeeds. After a failed sync nothing is
// written any more, though the disk works again, and nothing acknowledged is
// lost.
func TestFailedDisk(t *testing.T) {
	sendOne := func(t *testing.T, b *embedded.Backend, id chat.ChatID) error { return trySend(t, b, id) }
	createOne := func(t *testing.T, b *embedded.Backend, _ chat.ChatID) error { return tryCreate(t, b) }
	failedSync := func(*os.File) error { return syscall.EIO }
	for _, tt := range []struct {
		name  string
		disk  *brokenDisk
		write func(t *testing.T, b *embedded.Backend, id chat.ChatID) error
		final bool
	}{
		{"sync of the log", &brokenDisk{sync: failedSync}, sendOne, true},
		{"sync of rows.db before its meta page", &brokenDisk{commit: rollBack(syscall.EIO)}, createOne, true},
		{"sync of the meta page", &brokenDisk{commit: commitThen(syscall.EIO)}, createOne, true},
		{"sync of the meta page, which is not possible because the disk is full", &brokenDisk{commit: commitThen(syscall.ENOSPC)}, createOne, true},
		{"write of the meta page", &brokenDisk{commit: commitThen(fullDisk)}, createOne, true},
		{"write of data pages", &brokenDisk{commit: rollBack(fullDisk)}, createOne, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			b := open(t, dir, tt.disk.options())
			id := newChat(t, b)
			send(t, b, id, 3, "acknowledged")
			tt.disk.broken.Store(true)
			if err := tt.write(t, b, id); !errors.Is(err, chat.ErrUnavailable) {
				t.Errorf("error %v, want %v", err, chat.ErrUnavailable)
			}
			tt.disk.broken.Store(false)
			wantRefused(t, b, id, tt.final)

			b = open(t, killed(t, dir), embedded.Options{})
			_, numbers := receive(t, b, 3)
			if want := []int64{1, 2, 3}; !slices.Equal(numbers[:3], want) {
				t.Errorf("received %d after a restart, want %d", numbers, want)
			}
			wantRefused(t, b, id, false)
		})
	}
}

func trySend(t *testing.T, b *embedded.Backend, id chat.ChatID) error {
	t.Helper()
	m, err := chat.NewMessage(id, "text", "", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if m.Number, err = b.Store.AllocateMessageNumber(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return b.Queue.Send(t.Context(), chat.Create{Message: &m})
}

func tryCreate(t *testing.T, b *embedded.Backend) error {
	t.Helper()
	app, err := chat.NewApp("an app", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return b.Store.CreateApp(t.Context(), app)
}

func readChat(t *testing.T, b *embedded.Backend, id chat.ChatID) error {
	_, err := b.Store.Chat(t.Context(), id)
	if errors.Is(err, chat.ErrNotStoredYet) {
		return nil
	}
	return err
}

// wantRefused checks whether a backend refuses every write, and every read, which
// may show what a power loss takes away, and whether its pings and its failure
// say so.
func wantRefused(t *testing.T, b *embedded.Backend, id chat.ChatID, refused bool) {
	t.Helper()
	for name, err := range map[string]error{
		"send":            trySend(t, b, id),
		"create app":      tryCreate(t, b),
		"read a chat":     readChat(t, b, id),
		"ping the store":  b.Store.Ping(t.Context()),
		"ping the queue":  b.Queue.Ping(t.Context()),
		"ping the index":  b.Index.Ping(t.Context()),
		"index a message": errors.Join(b.Index.Apply(t.Context(), []chat.Message{newMessage(t, id)})...),
	} {
		if errors.Is(err, chat.ErrUnavailable) != refused || (err != nil) != refused {
			t.Errorf("%s: error %v, want a refusal: %t", name, err, refused)
		}
	}
	select {
	case err := <-b.Failed:
		if !refused {
			t.Errorf("the backend failed: %v", err)
		}
	default:
		if refused {
			t.Error("the backend does not say that it failed")
		}
	}
}

func newMessage(t *testing.T, id chat.ChatID) chat.Message {
	t.Helper()
	m, err := chat.NewMessage(id, "text", "", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	m.Number = 1
	return m
}

// TestOpenMakesDurableWhatItReads checks that Open syncs what the process before
// may have written without a sync that succeeded.
func TestOpenMakesDurableWhatItReads(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, embedded.Options{})
	id := newChat(t, b)
	send(t, b, id, 1, "enqueued")
	if errs := b.Index.Apply(t.Context(), []chat.Message{newMessage(t, id)}); errs != nil {
		t.Fatal(errs)
	}
	dir = killed(t, dir)
	var mu sync.Mutex
	var synced []string
	open(t, dir, embedded.Options{}.WithHooks(disk.Hooks{
		Sync: func(f *os.File) error {
			mu.Lock()
			defer mu.Unlock()
			synced = append(synced, f.Name())
			return f.Sync()
		},
		Commit: func(tx *bbolt.Tx) error {
			mu.Lock()
			defer mu.Unlock()
			synced = append(synced, "a transaction")
			return tx.Commit()
		},
	}))
	mu.Lock()
	defer mu.Unlock()
	first := slices.Index(synced, "a transaction")
	for _, path := range []string{"rows.db", "search/root.bolt", "creates/" + filepath.Base(logFiles(t, dir)[0])} {
		i := slices.Index(synced, filepath.Join(dir, path))
		if i < 0 || i > first {
			t.Errorf("%s is not synced before the first transaction, only %q", path, synced)
		}
	}
}

// TestFolderGone checks that a backend notices within a second that its folder is
// not there any more, and refuses writes.
func TestFolderGone(t *testing.T) {
	for _, tt := range []struct {
		name string
		lose func(dir string) error
		says string
	}{
		{"deleted", os.RemoveAll, "was deleted"},
		{"moved away", func(dir string) error { return os.Rename(dir, dir+".away") }, "was deleted"},
		{"replaced by a copy", func(dir string) error {
			return errors.Join(os.Rename(dir, dir+".away"), os.CopyFS(dir, os.DirFS(dir+".away")))
		}, "was replaced"},
		{"without its marker", func(dir string) error { return os.Remove(filepath.Join(dir, "chatapi.json")) }, "chatapi.json was deleted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			b := open(t, dir, embedded.Options{})
			id := newChat(t, b)
			failed := make(chan error, 1)
			if err := tt.lose(dir); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-b.Failed:
				if !strings.Contains(err.Error(), tt.says) {
					t.Errorf("failed with %v, want %q", err, tt.says)
				}
				failed <- err
			case <-time.After(time.Second):
				t.Fatal("it goes unnoticed for a second")
			}
			b.Failed = failed
			wantRefused(t, b, id, true)
		})
	}
}
