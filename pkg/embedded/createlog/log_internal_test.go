package createlog

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"testing"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/disk"
)

func openEmpty(t *testing.T) *Log {
	t.Helper()
	l, err := Open(t.TempDir(), Options{Disk: disk.New()})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestReadKeepsWhatItReadBeforeAnError checks that entries read before an error
// are returned.
func TestReadKeepsWhatItReadBeforeAnError(t *testing.T) {
	l := openEmpty(t)
	add := func(text string) {
		t.Helper()
		if err := l.Append(t.Context(), append(NewRecord(len(text)), text...)); err != nil {
			t.Fatal(err)
		}
	}
	add("the first entry")
	l.mu.Lock()
	l.active = nil // as when the file is full: the next record goes to another
	l.mu.Unlock()
	add("the second entry")
	second := l.segments[1]
	if err := second.file.Close(); err != nil { // no read of it succeeds …
		t.Fatal(err)
	}
	found, err := l.Read(10, math.MaxUint64)
	if len(found) != 1 || err != nil {
		t.Errorf("%d entries, error %v, want the first and none", len(found), err)
	}
	if _, err := l.Read(10, math.MaxUint64); err == nil {
		t.Error("a read that fails at once returns no error")
	}
	if second.file, err = os.OpenFile(l.path(second.first), os.O_RDWR, 0); err != nil { // … until it does
		t.Fatal(err)
	}
	found, err = l.Read(10, math.MaxUint64)
	if len(found) != 1 || err != nil {
		t.Errorf("%d entries, error %v, want the second and none", len(found), err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestWritesGoOnOnceTheDiskWorks checks that a failed write that cannot be cut off
// delays others only until it can.
func TestWritesGoOnOnceTheDiskWorks(t *testing.T) {
	l := openEmpty(t)
	add := func(text string) error {
		return l.Append(t.Context(), append(NewRecord(len(text)), text...))
	}
	if err := add("the first entry"); err != nil {
		t.Fatal(err)
	}
	s := l.segments[0]
	works := s.file
	var err error
	if s.file, err = os.Open(l.path(s.first)); err != nil { // which can neither be written nor cut …
		t.Fatal(err)
	}
	if _, err := works.WriteAt([]byte("half of a record"), s.size); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := add("refused entry"); !errors.Is(err, chat.ErrUnavailable) {
			t.Errorf("error %v, want %v", err, chat.ErrUnavailable)
		}
	}
	if found, err := l.Read(10, math.MaxUint64); len(found) != 1 || err != nil {
		t.Errorf("%d entries, error %v, want the first", len(found), err)
	}
	l.Consume(1) // the file stays while it is torn
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	s.file = works // … until it can
	if err := add("the second entry"); err != nil {
		t.Fatal(err)
	}
	found, err := l.Read(10, math.MaxUint64)
	if len(found) != 1 || err != nil || string(found[0].Entry) != "the second entry" {
		t.Errorf("%v, error %v, want the second entry", found, err)
	}
	if _, err := os.Stat(l.path(s.first)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file whose entries are consumed is left, error %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
