package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
)

const (
	victimData = "CHATAPI_TEST_VICTIM_DATA" // the folder of a process that a create ends
	poison     = "poison"                   // the text of that create
	poisoned   = 3                          // the status that it ends with
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimData); dir != "" {
		if err := store(context.Background(), dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// store stores all creates of a folder, batch by batch. Poison ends the
// process before anything of its batch is stored.
func store(ctx context.Context, dir string) error {
	b, err := embedded.Open(dir, embedded.Options{Visibility: time.Hour})
	if err != nil {
		return err
	}
	for {
		deliveries, err := b.Receiver.Receive(ctx, 1000)
		if err != nil || len(deliveries) == 0 {
			return errors.Join(err, b.Close())
		}
		if err := storeBatch(ctx, b, deliveries); err != nil {
			return err
		}
	}
}

func storeBatch(ctx context.Context, b *embedded.Backend, deliveries []chat.Delivery) error {
	var messages []chat.Message
	for _, d := range deliveries {
		c, err := chat.DecodeCreate([]byte(d.Body))
		if err != nil {
			return err
		}
		if c.Message.Body == poison {
			os.Exit(poisoned)
		}
		messages = append(messages, *c.Message)
	}
	if err := b.Store.StoreMessages(ctx, messages[0].ChatID(), messages); err != nil {
		return err
	}
	return b.Receiver.Delete(ctx, deliveries)
}

// TestPoison: a create that ends the process at each delivery is a dead letter
// after as many as on AWS, those that were sent with it are stored, and it does
// not come back from the log.
func TestPoison(t *testing.T) {
	const others = 500 // before it, and after it
	dir := t.TempDir()
	b, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	id := newChat(t, b)
	c, err := chat.NewChat(id.AppToken, "", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c.Number = id.Number
	if err := b.Store.StoreChats(t.Context(), id.AppToken, []chat.Chat{c}); err != nil {
		t.Fatal(err)
	}
	send(t, b, id, others, "before")
	send(t, b, id, 1, poison)
	send(t, b, id, others, "after")
	dir = killed(t, dir) // the log has all of it
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	deaths := 0
	for run(t, dir) == poisoned {
		if deaths++; deaths > embedded.MaxReceives {
			t.Fatal("it is still delivered")
		}
		dir = killed(t, dir)
	}
	// The process that sent it may have delivered it, which counts.
	if deaths != embedded.MaxReceives-1 {
		t.Errorf("%d deliveries, want %d", deaths, embedded.MaxReceives-1)
	}
	b = open(t, dir, embedded.Options{})
	c, err = b.Store.Chat(t.Context(), id)
	if err != nil || c.MessageCount != 2*others {
		t.Errorf("%d messages, error %v, want %d", c.MessageCount, err, 2*others)
	}
	wantLetters(t, b, poison)
}

// run returns the status of a process that stores the creates of a folder.
func run(t *testing.T, dir string) int {
	t.Helper()
	victim := exec.CommandContext(t.Context(), os.Args[0])
	victim.Env = append(os.Environ(), victimData+"="+dir)
	output, err := victim.CombinedOutput()
	if status := victim.ProcessState.ExitCode(); status == 0 || status == poisoned {
		return status
	}
	t.Fatalf("%v: %s", err, output)
	return 0
}

// wantLetters holds that the dead letters are these, by a part of each.
func wantLetters(t *testing.T, b *embedded.Backend, parts ...string) {
	t.Helper()
	letters, err := bodies(t.Context(), b)
	if err != nil || len(letters) != len(parts) {
		t.Fatalf("dead letters %q, error %v, want %q", letters, err, parts)
	}
	for i, part := range parts {
		if !strings.Contains(letters[i], part) {
			t.Errorf("dead letter %q, want %q", letters[i], part)
		}
	}
}

// TestDeadLettersDoNotComeBack: after a crash the log still has a create that
// is a dead letter. It is not delivered again.
func TestDeadLettersDoNotComeBack(t *testing.T) {
	options := embedded.Options{Visibility: 5 * time.Millisecond}
	dir := t.TempDir()
	b := open(t, dir, options)
	send(t, b, newChat(t, b), 1, "never stored")
	for range embedded.MaxReceives + 1 {
		if _, err := b.Receiver.Receive(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * options.Visibility)
	}
	wantLetters(t, b, "never stored")
	for range 2 {
		dir = killed(t, dir)
		b = open(t, dir, options)
		again, err := b.Receiver.Receive(t.Context(), 10)
		if len(again) > 0 || err != nil {
			t.Errorf("received %v, error %v, want nothing", again, err)
		}
		wantLetters(t, b, "never stored")
	}
	id := newChat(t, b) // and another create does not take it for itself
	send(t, b, id, 1, "another")
	if d, _ := receive(t, b, 1); !slices.ContainsFunc(d, func(d chat.Delivery) bool { return strings.Contains(d.Body, "another") }) {
		t.Errorf("received %v", d)
	}
}
