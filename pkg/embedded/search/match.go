package search

import (
	"bytes"
	"context"
	"iter"
	"math"
	"slices"

	"chatapi/pkg/chat"

	"github.com/RoaringBitmap/roaring/v2"
)

// part is one segment on the way through a search, from the best rank to the
// worst.
type part struct {
	*segmentReader
	newest  uint64          // bucket that has the newest message of what is searched, or one before that
	left    *roaring.Bitmap // live messages of what is searched that are not known to match better
	rank    chat.Rank       // that was looked for last
	found   *roaring.Bitmap // with it
	guessed bool            // some words were not looked up, so some messages of better ranks are left
}

// costs say which of two ways a search takes, by what they were measured to
// cost.
type costs struct {
	check int // look-ups of a word that cost as much as to read and check one message
	few   int // messages of a segment that are checked at once, which costs no more than to go over its words

	misses int // messages that are checked in vain before all words are looked up after all

	// The places of all matches of a segment are read where their square is no
	// more than this for each of its messages: one costs 0.1 µs, a bucket 2 µs,
	// and a page needs some 50 matches. A bucket of a chat has 512 messages; one
	// of an app may have as few as one.
	ofChat, ofApp uint64
	// newest is how many messages of a segment are looked at without finding out
	// first how new they are.
	newest uint64
}

var measuredCosts = costs{check: 2, few: 8, misses: 10_000, ofChat: 1, ofApp: 512, newest: 512}

// lookUpAll is the cost of a check with which nothing is checked that words can
// tell.
const lookUpAll = math.MaxInt32

// newPart returns the live messages of what is searched in a segment, and how
// new they are.
func (f *finder) newPart(s *segmentReader) (p part, err error) {
	p.segmentReader = s
	if p.left, err = f.live(s); err != nil || p.left.GetCardinality() <= f.costs.newest {
		return p, err // they are looked at before any that are newer, which costs less than to find out
	}
	p.newest, err = f.newestBuckets.of(s, f.buckets)
	return p, err
}

// live returns the live messages of what is searched in a segment.
func (f *finder) live(s *segmentReader) (*roaring.Bitmap, error) {
	live, err := s.having(scopeField, []byte(f.search.Within.String()))
	if err == nil && f.search.Sender != "" && !live.IsEmpty() {
		var by *roaring.Bitmap
		if by, err = s.having(senderField, []byte(f.prefix+f.search.Sender)); err == nil {
			live = roaring.And(live, by)
		}
	}
	if deleted := s.Deleted(); err == nil && deleted != nil && !live.IsEmpty() {
		live = roaring.AndNot(live, deleted)
	}
	return live, err
}

// manyFor reports whether to read the places of so many matches of a segment
// costs more than to go over its buckets until a page is full.
func (f *finder) manyFor(s *segmentReader, matches uint64) bool {
	most := f.costs.ofChat
	if f.search.Within.IsApp() {
		most = f.costs.ofApp
	}
	return matches*matches > most*uint64(s.FullSize())
}

// matching returns the messages of a part that may match with this rank: those
// that do, and some more where the words do not tell. Those of better ranks are
// looked for before, so it may not be called with a better rank than before.
func (f *finder) matching(ctx context.Context, p *part, rank chat.Rank) (found *roaring.Bitmap, err error) {
	for _, r := range chat.Ranks() {
		known := p.found != nil && r >= p.rank
		if r < rank || known && r != rank {
			continue
		}
		if err := f.match(ctx, p, r); err != nil {
			return nil, err
		}
	}
	return p.found, nil
}

// match looks for the messages of a part that may match with this rank.
func (f *finder) match(ctx context.Context, p *part, rank chat.Rank) error {
	if p.rank > rank && f.exact() && !p.guessed {
		p.left = roaring.AndNot(p.left, p.found)
	}
	found := p.left
	for _, t := range f.search.Query.Terms {
		if found.IsEmpty() {
			break
		}
		var err error
		if found, err = f.matchingTerm(ctx, p, found, t, rank); err != nil {
			return err
		}
	}
	p.rank, p.found = rank, found
	return nil
}

// matchingTerm returns those of the messages in which a term may match with
// this rank or a better one.
func (f *finder) matchingTerm(ctx context.Context, p *part, in *roaring.Bitmap, t chat.Term, rank chat.Rank) (*roaring.Bitmap, error) {
	words, last := t.Words, len(t.Words)-1
	if t.Phrase || rank == chat.Whole {
		return f.inOrder(p, in, words)
	}
	if last == 0 && (rank == chat.Prefix || chat.IsUnspaced(words[0])) {
		return f.beginning(ctx, p, in, words[0])
	}
	if last == 0 {
		return f.containing(ctx, p, in, words[0])
	}
	in, err := f.inOrder(p, in, words[1:last])
	if err != nil {
		return nil, err
	}
	if rank == chat.Prefix || chat.IsUnspaced(words[0]) {
		in, err = f.inOrder(p, in, words[:1])
	} else {
		in, err = f.containing(ctx, p, in, words[0]+" ")
	}
	if err != nil {
		return nil, err
	}
	return f.beginning(ctx, p, in, words[last])
}

// inOrder returns the messages that have all of the words, and those of a script
// without spaces one after the other.
func (f *finder) inOrder(p *part, in *roaring.Bitmap, words []string) (*roaring.Bitmap, error) {
	paired := false // with the word before
	for i, w := range words {
		field, term := wordsField, w
		pairs := i+1 < len(words) && chat.IsUnspaced(w) && chat.IsUnspaced(words[i+1])
		if pairs {
			field, term = pairsField, pair(w, words[i+1])
		}
		if pairs || !paired {
			found, err := p.having(field, []byte(f.prefix+term))
			if err != nil {
				return nil, err
			}
			in = roaring.And(in, found)
		}
		paired = pairs
	}
	return in, nil
}

// beginning returns the messages that have a word that begins with a text.
func (f *finder) beginning(ctx context.Context, p *part, in *roaring.Bitmap, text string) (*roaring.Bitmap, error) {
	known := func(word []byte) bool { return len(word) == len(text) }
	return f.ofVocabulary(ctx, p, in, func(v *vocabulary) iter.Seq[int] { return v.beginning(text) }, known)
}

// containing returns the messages that have a word that contains a text or,
// where that ends with a space, ends with it.
func (f *finder) containing(ctx context.Context, p *part, in *roaring.Bitmap, text string) (*roaring.Bitmap, error) {
	known := func(word []byte) bool { return bytes.HasPrefix(word, []byte(text)) }
	return f.ofVocabulary(ctx, p, in, func(v *vocabulary) iter.Seq[int] { return v.containing(text) }, known)
}

// ofVocabulary returns those of the messages that have any of the words of the
// app; or all messages, where to check them costs less than to look up the
// words. It leaves out known words where nothing that has them is left.
func (f *finder) ofVocabulary(ctx context.Context, p *part, in *roaring.Bitmap, of func(*vocabulary) iter.Seq[int], known func(word []byte) bool) (*roaring.Bitmap, error) {
	messages := int(in.GetCardinality())
	if messages == 0 {
		return in, nil
	}
	if messages <= f.costs.few {
		p.guessed = true
		return in, nil
	}
	all, err := f.vocabularies.of(ctx, p.segmentReader, f.prefix, f.present)
	if err != nil {
		return nil, err
	}
	var words []int
	having := 0 // messages, at most
	without := f.exact() && !p.guessed && len(f.search.Query.Terms) == 1
	for i := range of(all) {
		if without && known(all.word(i)) {
			continue
		}
		words, having = append(words, i), having+int(all.documents[i])
		checked := (f.search.Limit + 1) * int(p.FullSize()) / having // in all parts, until the page is full
		if len(words) > f.costs.check*messages || len(words)*len(f.parts) > f.costs.check*checked {
			p.guessed = true
			return in, nil
		}
	}
	found, err := f.havingAny(ctx, p, all, words)
	if err != nil {
		return nil, err
	}
	return roaring.And(in, found), nil
}

// havingAny returns the documents that have any of the words.
func (f *finder) havingAny(ctx context.Context, p *part, all *vocabulary, words []int) (*roaring.Bitmap, error) {
	found := make([]*roaring.Bitmap, len(words))
	term := []byte(f.prefix)
	for n, i := range words {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var err error
		if found[n], err = p.having(wordsField, append(term, all.word(i)...)); err != nil {
			return nil, err
		}
	}
	return roaring.FastOr(found...), nil
}

// exact reports whether what a rank needs is also enough for it, so that no
// message is looked for again in the ranks below. It is not for a term of
// several words, of which one may match here and one there.
func (f *finder) exact() bool {
	return !slices.ContainsFunc(f.search.Query.Terms, func(t chat.Term) bool { return len(t.Words) > 1 && !t.Phrase })
}

// certain reports whether all that is found in a part matches.
func (f *finder) certain(p *part) bool {
	return !p.guessed && !slices.ContainsFunc(f.search.Query.Terms, func(t chat.Term) bool { return len(t.Words) > 1 })
}
