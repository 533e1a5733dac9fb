package search

import (
	"bytes"
	"container/list"
	"context"
	"index/suffixarray"
	"iter"
	"math"
	"sort"
	"sync"
)

// vocabulary is the words of an app in one segment, in byte order. It finds the
// words that begin with something or contain it. A walk over the segment's
// dictionary takes a thousand times as long.
type vocabulary struct {
	data      []byte   // the words, with a space before and after each
	starts    []uint32 // where each word begins in data
	documents []uint32 // how many documents of the segment have it
	suffixes  *suffixarray.Index
}

// word returns a word by its index.
func (v *vocabulary) word(i int) []byte {
	end := len(v.data)
	if i+1 < len(v.starts) {
		end = int(v.starts[i+1])
	}
	return v.data[v.starts[i] : end-1]
}

// beginning yields the indexes of the words that begin with prefix.
func (v *vocabulary) beginning(prefix string) iter.Seq[int] {
	sought := []byte(prefix)
	first := sort.Search(len(v.starts), func(i int) bool { return bytes.Compare(v.word(i), sought) >= 0 })
	return func(yield func(int) bool) {
		for i := first; i < len(v.starts) && bytes.HasPrefix(v.word(i), sought) && yield(i); i++ {
		}
	}
}

// containing yields the indexes of the words that contain sought or, if it ends
// with a space, end with it. A word that contains it twice is yielded twice.
func (v *vocabulary) containing(sought string) iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, at := range v.suffixes.Lookup([]byte(sought), -1) {
			i := sort.Search(len(v.starts), func(i int) bool { return int(v.starts[i]) > at }) - 1
			if !yield(i) {
				return
			}
		}
	}
}

// size returns how many bytes of memory the vocabulary takes.
func (v *vocabulary) size() int { return 5*cap(v.data) + 4*cap(v.starts) + 4*cap(v.documents) }

// readVocabulary reads the words with a prefix from a segment's dictionary.
func readVocabulary(ctx context.Context, s *segmentReader, prefix string) (*vocabulary, error) {
	terms, err := s.terms(wordsField)
	if err != nil {
		return nil, err
	}
	v := &vocabulary{data: []byte(" ")}
	entries := terms.AutomatonIterator(nil, []byte(prefix), after(prefix))
	for n := 1; ; n++ {
		entry, err := entries.Next()
		if err != nil {
			return nil, err
		}
		if entry == nil {
			v.suffixes = suffixarray.New(v.data)
			return v, nil
		}
		v.starts = append(v.starts, uint32(len(v.data)))
		v.documents = append(v.documents, uint32(min(entry.Count, math.MaxUint32)))
		v.data = append(append(v.data, entry.Term[len(prefix):]...), ' ')
		if n%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// after returns the first key after all keys that begin with prefix, or nil if
// there is none.
func after(prefix string) []byte {
	key := []byte(prefix)
	for i := len(key) - 1; i >= 0; i-- {
		if key[i] < 0xFF {
			key[i]++
			return key[:i+1]
		}
	}
	return nil
}

// vocabularyBytes bounds the memory of the vocabularies of an index, without the
// one that was used last.
const vocabularyBytes = 64 << 20

// vocabularies holds the vocabularies that were used last. A segment never changes,
// so they are valid as long as it exists.
type vocabularies struct {
	mu    sync.Mutex
	held  map[vocabularyKey]*list.Element // of *heldVocabulary
	order *list.List                      // last used first
	bytes int
}

type vocabularyKey struct {
	segment uint64
	prefix  string // of the app
}

// heldVocabulary is a vocabulary, or one that is being read: the goroutine that
// holds its lock reads the words, and others wait.
type heldVocabulary struct {
	key   vocabularyKey
	mu    sync.Mutex
	words *vocabulary // nil until they are read
	bytes int         // as counted in vocabularies
}

func newVocabularies() *vocabularies {
	return &vocabularies{held: make(map[vocabularyKey]*list.Element), order: list.New()}
}

// of returns the words of an app in a segment.
func (v *vocabularies) of(
	ctx context.Context, s *segmentReader, prefix string, present func(segment uint64) bool,
) (*vocabulary, error) {
	h := v.hold(vocabularyKey{s.Id(), prefix})
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.words != nil {
		return h.words, nil
	}
	words, err := readVocabulary(ctx, s, prefix)
	if err != nil {
		return nil, err
	}
	h.words = words
	v.count(h, words.size(), present)
	return words, nil
}

func (v *vocabularies) hold(key vocabularyKey) *heldVocabulary {
	v.mu.Lock()
	defer v.mu.Unlock()
	e, ok := v.held[key]
	if !ok {
		e = v.order.PushFront(&heldVocabulary{key: key})
		v.held[key] = e
	}
	v.order.MoveToFront(e)
	return e.Value.(*heldVocabulary)
}

// count adds the size of a vocabulary. It drops those of segments that do not exist
// any more and, above the limit, those that were not used for the longest time.
func (v *vocabularies) count(h *heldVocabulary, bytes int, present func(segment uint64) bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e, ok := v.held[h.key]; !ok || e.Value != h {
		return // dropped meanwhile
	}
	h.bytes, v.bytes = bytes, v.bytes+bytes
	for e := v.order.Back(); e != nil; {
		before, old := e.Prev(), e.Value.(*heldVocabulary)
		if v.bytes > vocabularyBytes || !present(old.key.segment) {
			v.order.Remove(e)
			delete(v.held, old.key)
			v.bytes -= old.bytes
		}
		e = before
	}
}
