package createlog

import (
	"slices"
	"testing"
)

// FuzzSalvage checks that no byte of a damaged file is lost.
func FuzzSalvage(f *testing.F) {
	whole := seal(append(NewRecord(20), "an entry of 20 bytes"...))
	f.Add([]byte(nil), true)
	f.Add(slices.Concat(whole, whole), false)
	f.Add(slices.Concat([]byte("damage"), whole, []byte("damage"), whole, []byte("a tail")), false)
	f.Add(slices.Concat(whole, make([]byte, 100), whole[:15]), true)
	f.Fuzz(func(t *testing.T, data []byte, last bool) {
		found := salvage(data, last)
		size := found.Torn
		for _, entry := range found.Entries {
			size += recordHead + len(entry)
		}
		for _, damaged := range found.Damaged {
			size += len(damaged)
		}
		if size != len(data) {
			t.Errorf("%d bytes are entries, damaged or torn, want all %d", size, len(data))
		}
		if found.Torn > 0 && !last {
			t.Error("a tail is cut off a file that is not the last")
		}
	})
}
