package embedded_test

import (
	"encoding/base64"
	"encoding/binary"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
)

// records returns the offset of each record in a file of the log, and that of the
// end.
func records(data []byte) (begins []int) {
	at := 0
	for ; at < len(data); at += 8 + int(binary.BigEndian.Uint32(data[at:])) {
		begins = append(begins, at)
	}
	return append(begins, at)
}

// change rewrites a file of a folder's log in its place.
func change(t *testing.T, path string, how func(text []byte, begins []int) []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, how(text, records(text)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// wantDamaged holds that the dead letters are bytes with these parts.
func wantDamaged(t *testing.T, b *embedded.Backend, parts ...string) {
	t.Helper()
	letters, err := b.DeadLetters(t.Context())
	if err != nil || len(letters) != len(parts) {
		t.Fatalf("dead letters %v, error %v, want %d", letters, err, len(parts))
	}
	for i, part := range parts {
		text, err := base64.StdEncoding.DecodeString(letters[i].Body)
		if err != nil || !strings.Contains(string(text), part) || !strings.Contains(letters[i].Reason, "damaged") {
			t.Errorf("dead letter %+v has %q, error %v, want %q in it", letters[i], text, err, part)
		}
	}
}

// TestLetterOfAnyBytes holds that nothing is too broken for the dead letters.
func TestLetterOfAnyBytes(t *testing.T) {
	b := open(t, t.TempDir(), embedded.Options{})
	if err := b.ChangeDeadLetters.Send(t.Context(), "not indexed: \xff", []byte("a \xff\xfe b")); err != nil {
		t.Fatal(err)
	}
	letters, err := b.DeadLetters(t.Context())
	if err != nil || len(letters) != 1 || letters[0].Body != "a \ufffd b" || letters[0].Reason != "not indexed: \ufffd" {
		t.Errorf("dead letters %+v, error %v", letters, err)
	}
}

// TestDamagedLog holds that damage costs the creates that it hit, which are
// kept with their bytes, and delays no other.
func TestDamagedLog(t *testing.T) {
	const sent = 5
	flip := func(i int) func(text []byte, begins []int) []byte {
		return func(text []byte, begins []int) []byte {
			text[begins[i+1]-40] ^= 0x20 // in a time, so that the number can still be read
			return text
		}
	}
	cases := []struct {
		name   string
		damage func(text []byte, begins []int) []byte
		lost   []int64
		parts  []string // of the dead letters
	}{
		{"the first", flip(0), []int64{1}, []string{`"message_number":1`}},
		{"one in the middle", flip(2), []int64{3}, []string{`"message_number":3`}},
		{"the last", flip(sent - 1), []int64{5}, []string{`"message_number":5`}},
		{"two", func(text []byte, begins []int) []byte {
			return flip(3)(flip(1)(text, begins), begins)
		}, []int64{2, 4}, []string{`"message_number":2`, `"message_number":4`}},
		{"a length that is too long", func(text []byte, begins []int) []byte {
			text[begins[1]+1] = 0x0e
			return text
		}, []int64{2}, []string{`"message_number":2`}},
		{"a length that is too short", func(text []byte, begins []int) []byte {
			text[begins[1]+3]--
			return text
		}, []int64{2}, []string{`"message_number":2`}},
		{"no length", func(text []byte, begins []int) []byte {
			clear(text[begins[1] : begins[1]+4])
			return text
		}, []int64{2}, []string{`"message_number":2`}},
		{"a hole over two", func(text []byte, begins []int) []byte {
			clear(text[begins[1]+30 : begins[2]+30])
			return text
		}, []int64{2, 3}, []string{`"message_number":3`}},
	}
	for _, tt := range cases {
		t.Run("before it is opened: "+tt.name, func(t *testing.T) {
			dir := t.TempDir()
			b := open(t, dir, embedded.Options{})
			id := newChat(t, b)
			sendInOrder(t, b, id, sent)
			dir = killed(t, dir)
			change(t, logFiles(t, dir)[0], tt.damage)
			var log strings.Builder
			for range 2 { // another crash adds nothing
				b = open(t, dir, embedded.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
				wantWithout(t, b, sent, tt.lost)
				wantDamaged(t, b, tt.parts...)
				dir = killed(t, dir)
			}
			if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
				t.Errorf("the log reports damage %d times: %s", n, log.String())
			}
			if n, err := b.Store.AllocateMessageNumber(t.Context(), id); n <= sent-1 || err != nil {
				t.Errorf("number %d, error %v, is allocated again", n, err)
			}
		})
		t.Run("while it is open: "+tt.name, func(t *testing.T) {
			dir := t.TempDir()
			var log strings.Builder
			b := open(t, dir, embedded.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			id := newChat(t, b)
			sendInOrder(t, b, id, sent)
			change(t, logFiles(t, dir)[0], tt.damage)
			wantWithout(t, b, sent, tt.lost)
			sendInOrder(t, b, id, 1) // and the log goes on
			if _, numbers := receive(t, b, 1); !slices.Equal(numbers, []int64{sent + 1}) {
				t.Errorf("received %d, want %d", numbers, sent+1)
			}
			wantDamaged(t, b, tt.parts...)
			if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
				t.Errorf("the log reports damage %d times: %s", n, log.String())
			}
			b = open(t, killed(t, dir), embedded.Options{})
			wantDamaged(t, b, tt.parts...)
		})
	}
}

// sendInOrder enqueues n messages in order.
func sendInOrder(t *testing.T, b *embedded.Backend, id chat.ChatID, n int) {
	t.Helper()
	for range n {
		send(t, b, id, 1, "text")
	}
}

// wantWithout holds that of the numbers up to sent all but those that are lost
// are received.
func wantWithout(t *testing.T, b *embedded.Backend, sent int64, lost []int64) {
	t.Helper()
	var want []int64
	for n := range sent {
		if !slices.Contains(lost, n+1) {
			want = append(want, n+1)
		}
	}
	if _, numbers := receive(t, b, len(want)); !slices.Equal(numbers, want) {
		t.Errorf("received %d, want %d", numbers, want)
	}
}

// TestDamagedFileBeforeOthers: a file that is not the last cannot end with what
// was never acknowledged.
func TestDamagedFileBeforeOthers(t *testing.T) {
	const sent = 1200 // about two files
	dir := t.TempDir()
	b := open(t, dir, embedded.Options{})
	send(t, b, newChat(t, b), sent, strings.Repeat("x", chat.MaxBody))
	dir = killed(t, dir)
	if files := logFiles(t, dir); len(files) < 2 {
		t.Fatalf("files %v, want two at least", files)
	}
	left := 0
	change(t, logFiles(t, dir)[0], func(text []byte, begins []int) []byte {
		left = sent - len(begins) + 2 // of the begins one is the end, and one is cut off
		return text[:begins[len(begins)-2]+100]
	})
	b = open(t, dir, embedded.Options{})
	receive(t, b, left)
	wantDamaged(t, b, `"app_token"`)
}

// TestDamagedEntry: an entry that moved to the file and is damaged there.
func TestDamagedEntry(t *testing.T) {
	dir, options := t.TempDir(), embedded.Options{Visibility: time.Millisecond}
	b := open(t, dir, options)
	id := newChat(t, b)
	sendInOrder(t, b, id, 1)
	for range 2 { // the second delivery moves it
		receive(t, b, 1)
	}
	dir = killed(t, dir)
	b, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.CutRows("creates", 5); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, dir, options)
	sendInOrder(t, b, id, 1)
	if _, numbers := receive(t, b, 1); !slices.Equal(numbers, []int64{2}) {
		t.Errorf("received %d, want 2", numbers)
	}
	wantDamaged(t, b, "")
}

// TestDamagedChange: a change that cannot be decoded delays no other.
func TestDamagedChange(t *testing.T) {
	var log strings.Builder
	b := open(t, t.TempDir(), embedded.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	id := newChat(t, b)
	store := func(number int64) {
		t.Helper()
		m, err := chat.NewMessage(id, "text", "", nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		m.Number = number
		if err := b.Store.StoreMessages(t.Context(), id, []chat.Message{m}); err != nil {
			t.Fatal(err)
		}
	}
	store(1)
	store(2)
	if err := b.CutRows("changes", 30); err != nil {
		t.Fatal(err)
	}
	store(3)
	changes, err := b.Stream.Read(t.Context(), 10)
	if err != nil || len(changes) != 1 || changes[0].New.Number != 3 {
		t.Errorf("read %v, error %v, want the change of message 3", changes, err)
	}
	wantDamaged(t, b, `{"app`, `{"app`)
	if !strings.Contains(log.String(), "damaged") {
		t.Errorf("the log says %q", log.String())
	}
}
