package embedded_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"

	"golang.org/x/sync/errgroup"
)

// newChat creates an app with one open chat.
func newChat(t *testing.T, b *embedded.Backend) chat.ChatID {
	t.Helper()
	app, err := chat.NewApp("log", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	id := chat.ChatID{AppToken: app.Token, Number: 1}
	if err := errors.Join(b.Store.CreateApp(t.Context(), app), b.Store.CreateCounter(t.Context(), id)); err != nil {
		t.Fatal(err)
	}
	return id
}

// send enqueues n messages of a chat concurrently, as the API does.
func send(t *testing.T, b *embedded.Backend, id chat.ChatID, n int, body string) {
	t.Helper()
	var sending errgroup.Group
	sending.SetLimit(64)
	for range n {
		sending.Go(func() error {
			m, err := chat.NewMessage(id, body, "", nil, time.Now())
			if err != nil {
				return err
			}
			if m.Number, err = b.Store.AllocateMessageNumber(t.Context(), id); err != nil {
				return err
			}
			return b.Queue.Send(t.Context(), chat.Create{Message: &m})
		})
	}
	if err := sending.Wait(); err != nil {
		t.Fatal(err)
	}
}

// receive takes all that is in the queue and returns the deliveries and the
// numbers of their messages, in order.
func receive(t *testing.T, b *embedded.Backend, want int) (deliveries []chat.Delivery, numbers []int64) {
	t.Helper()
	for len(deliveries) < want {
		more, err := b.Receiver.Receive(t.Context(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(more) == 0 {
			t.Fatalf("%d deliveries, want %d", len(deliveries), want)
		}
		deliveries = append(deliveries, more...)
	}
	for _, d := range deliveries {
		c, err := chat.DecodeCreate([]byte(d.Body))
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, c.Message.Number)
	}
	slices.Sort(numbers)
	return deliveries, numbers
}

// killed returns a copy of a folder, which is what the disk has of it were the
// process killed now.
func killed(t *testing.T, dir string) string {
	t.Helper()
	other := t.TempDir()
	if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return other
}

func logFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "creates", "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestLogAfterACrash holds that what was sent is received after a crash,
// whatever the crash left behind it, and that its numbers are not allocated
// again.
func TestLogAfterACrash(t *testing.T) {
	const sent = 5
	record := func(length uint32, entry string) string {
		head := make([]byte, 8) // with a checksum that is wrong
		binary.BigEndian.PutUint32(head, length)
		return string(head) + entry
	}
	for _, tt := range []struct {
		name    string
		tail    string
		letters int // what may have been acknowledged is kept
	}{
		{"nothing", "", 0},
		{"half a length", "\x00\x00", 0},
		{"a record without its entry", record(300, ""), 0},
		{"half a record", record(300, strings.Repeat("x", 200)), 0},
		{"zeros", strings.Repeat("\x00", 5000), 0},
		{"a record that is not what was written", record(300, strings.Repeat("x", 300)), 1},
		{"an enormous length", record(1<<31, "x"), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			b := open(t, dir, embedded.Options{})
			id := newChat(t, b)
			send(t, b, id, sent, "before")
			dir = killed(t, dir)
			appendFile(t, logFiles(t, dir)[0], tt.tail)

			b = open(t, dir, embedded.Options{})
			if n, err := b.Store.AllocateMessageNumber(t.Context(), id); n != sent+1 || err != nil {
				t.Errorf("number %d, error %v, want %d", n, err, sent+1)
			}
			send(t, b, id, 1, "after")
			want := []int64{1, 2, 3, 4, 5, 7}
			if _, numbers := receive(t, b, len(want)); !slices.Equal(numbers, want) {
				t.Errorf("received %d, want %d", numbers, want)
			}

			b = open(t, killed(t, dir), embedded.Options{}) // nothing is cut off that was added after the first crash
			if _, numbers := receive(t, b, len(want)); !slices.Equal(numbers, want) {
				t.Errorf("after another crash, received %d, want %d", numbers, want)
			}
			wantDamaged(t, b, make([]string, tt.letters)...)
		})
	}
}

func appendFile(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestLogFiles holds that the log goes on in new files, and gives back the
// space of creates that are dealt with.
func TestLogFiles(t *testing.T) {
	const sent = 1200 // about two files
	dir := t.TempDir()
	b, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	id := newChat(t, b)
	send(t, b, id, sent, strings.Repeat("x", chat.MaxBody))
	files := logFiles(t, dir)
	if len(files) < 2 {
		t.Fatalf("files %v, want two at least", files)
	}

	deliveries, numbers := receive(t, b, sent)
	if len(numbers) != sent || numbers[0] != 1 || numbers[sent-1] != sent {
		t.Errorf("received %d creates from %d to %d", len(numbers), numbers[0], numbers[len(numbers)-1])
	}
	if err := b.Receiver.Delete(t.Context(), deliveries); err != nil {
		t.Fatal(err)
	}
	if files := logFiles(t, dir); len(files) != 1 {
		t.Errorf("files %v, want only the one that is written to", files)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if files := logFiles(t, dir); len(files) != 0 {
		t.Errorf("files %v after the end, want none", files)
	}
}

// TestDeliveriesOutliveACrash holds that a create which brings the process down
// is not delivered forever: from the second delivery on they are counted.
func TestDeliveriesOutliveACrash(t *testing.T) {
	const brief = 50 * time.Millisecond
	dir := t.TempDir()
	b := open(t, dir, embedded.Options{Visibility: brief})
	send(t, b, newChat(t, b), 1, "fatal")
	for _, want := range []int{1, 2} {
		if d, _ := receive(t, b, 1); d[0].Receives != want {
			t.Errorf("delivery %d, want %d", d[0].Receives, want)
		}
	}
	b = open(t, killed(t, dir), embedded.Options{Visibility: time.Minute})
	d, _ := receive(t, b, 1)
	if d[0].Receives < 2 {
		t.Errorf("delivery %d after a crash, want more than the first", d[0].Receives)
	}
	if err := b.Receiver.Delete(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	more, err := b.Receiver.Receive(t.Context(), 10)
	if len(more) > 0 || err != nil {
		t.Errorf("received %v, error %v, want nothing", more, err)
	}
}

// TestDeadLettersKeepTheirNumbers checks that the number of a create is not
// allocated again after the writer made the create a dead letter.
func TestDeadLettersKeepTheirNumbers(t *testing.T) {
	dir := t.TempDir()
	b, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	id := newChat(t, b)
	send(t, b, id, 1, "never storable")
	deliveries, _ := receive(t, b, 1)
	err = b.CreateDeadLetters.Send(t.Context(), "it can never be stored", []byte(deliveries[0].Body))
	if err := errors.Join(err, b.Receiver.Delete(t.Context(), deliveries), b.Close()); err != nil {
		t.Fatal(err)
	}
	b = open(t, dir, embedded.Options{})
	if n, err := b.Store.AllocateMessageNumber(t.Context(), id); n != 2 || err != nil {
		t.Errorf("number %d, error %v, want 2", n, err)
	}
}

// TestNumbersOutliveTheLog: a create that moved from the log to the file, or
// to the dead letters, has still used its number.
func TestNumbersOutliveTheLog(t *testing.T) {
	for _, deliveries := range []int{2, embedded.MaxReceives + 1} {
		t.Run(fmt.Sprint(deliveries, " deliveries"), func(t *testing.T) {
			dir, options := t.TempDir(), embedded.Options{Visibility: 10 * time.Millisecond}
			b, err := embedded.Open(dir, options)
			if err != nil {
				t.Fatal(err)
			}
			app, err := chat.NewApp("a", nil, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Store.CreateApp(t.Context(), app); err != nil {
				t.Fatal(err)
			}
			number, err := b.Store.AllocateChatNumber(t.Context(), app.Token)
			if err != nil {
				t.Fatal(err)
			}
			c, err := chat.NewChat(app.Token, "", nil, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			c.Number = number
			if err := b.Queue.Send(t.Context(), chat.Create{Chat: &c}); err != nil {
				t.Fatal(err)
			}
			for range deliveries { // none is dealt with
				if _, err := b.Receiver.Receive(t.Context(), 10); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * options.Visibility)
			}
			if err := b.Close(); err != nil { // which removes the files of the log that are consumed
				t.Fatal(err)
			}
			b = open(t, dir, options)
			again, err := b.Store.AllocateChatNumber(t.Context(), app.Token)
			if err != nil || again <= number {
				t.Errorf("chat number %d is followed by %d, error %v", number, again, err)
			}
			if err := b.Store.CheckChat(t.Context(), c.ID()); err != nil {
				t.Errorf("the chat is not open any more: %v", err)
			}
		})
	}
}
