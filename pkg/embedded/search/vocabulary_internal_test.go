package search

import "testing"

// TestVocabulariesAreBounded: what was used last stays, within the bound, and
// what belongs to no segment any more goes.
func TestVocabulariesAreBounded(t *testing.T) {
	v := newVocabularies()
	present := func(segment uint64) bool { return segment != 1 }
	add := func(segment uint64, app string, bytes int) {
		h := v.hold(vocabularyKey{segment, app})
		v.count(h, bytes, func(s uint64) bool { return s == segment || present(s) })
	}
	const third = vocabularyBytes / 3
	add(1, "a", third)
	add(2, "a", third)
	add(2, "b", third)
	v.hold(vocabularyKey{2, "a"}) // is used again
	add(3, "a", third)
	add(4, "a", third/2)
	for _, tt := range []struct {
		name string
		key  vocabularyKey
		want bool
	}{
		{"of a segment that is gone", vocabularyKey{1, "a"}, false},
		{"used again", vocabularyKey{2, "a"}, true},
		{"not used for longest", vocabularyKey{2, "b"}, false},
		{"the one before the last", vocabularyKey{3, "a"}, true},
		{"the last", vocabularyKey{4, "a"}, true},
	} {
		if _, got := v.held[tt.key]; got != tt.want {
			t.Errorf("%s: held %v", tt.name, got)
		}
	}
	if want := 2*third + third/2; v.bytes != want {
		t.Errorf("%d bytes, want %d", v.bytes, want)
	}
	add(5, "a", 2*vocabularyBytes)
	if v.bytes != 0 || len(v.held) != 0 {
		t.Errorf("%d bytes in %d vocabularies, and one is larger than the bound", v.bytes, len(v.held))
	}
}
