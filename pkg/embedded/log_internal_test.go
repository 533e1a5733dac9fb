package embedded

import (
	"os"
	"testing"
)

// TestReadKeepsWhatItReadBeforeAnError: what a failing read has passed by is
// not lost until the next start.
func TestReadKeepsWhatItReadBeforeAnError(t *testing.T) {
	l, err := openLog(t.TempDir(), 0, func(uint64, []byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	add := func(text string) {
		t.Helper()
		if err := l.append(t.Context(), seal(append(newRecord(len(text)), text...))); err != nil {
			t.Fatal(err)
		}
	}
	add("first")
	l.mu.Lock()
	l.active = nil // as when the file is full: the next record goes to another
	l.mu.Unlock()
	add("second")
	second := l.segments[1]
	if err := second.file.Close(); err != nil { // no read of it succeeds …
		t.Fatal(err)
	}
	found, err := l.read(10)
	if len(found) != 1 || err != nil {
		t.Errorf("%d entries, error %v, want the first and none", len(found), err)
	}
	if _, err := l.read(10); err == nil {
		t.Error("a read that fails at once gives no error")
	}
	if second.file, err = os.OpenFile(l.path(second.first), os.O_RDWR, 0); err != nil { // … until it does
		t.Fatal(err)
	}
	found, err = l.read(10)
	if len(found) != 1 || err != nil {
		t.Errorf("%d entries, error %v, want the second and none", len(found), err)
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
}
