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

// part is the state of one segment in a search, which goes from the best rank to
// the worst.
type part struct {
	*segmentReader
	newest  uint64          // bucket of the newest message in scope, or one before that
	left    *roaring.Bitmap // live messages in scope that are not known to match better
	rank    chat.Rank       // that was matched last
	found   *roaring.Bitmap // with this rank
	guessed bool            // some words were not looked up, so some messages of better ranks are left
}

// costs are measured costs, by which a search decides between two ways.
type costs struct {
	check int // look-ups of words that cost as much as reading and checking one message
	few   int // messages of a segment that are checked directly, because its words cost more

	misses int // messages without a match that are checked before all words are looked up

	// The places of all matches of a segment are read together if the square of
	// their number is at most this, for each of its messages: a place costs 0.1 µs,
	// a bucket 2 µs, and a page needs about 50 matches. A bucket of a chat has 512
	// messages; one of an app has at least one.
	ofChat, ofApp uint64
	// newest is the number of messages in scope up to which a segment is read
	// without finding its newest bucket first.
	newest uint64
}

var measuredCosts = costs{check: 2, few: 8, misses: 10_000, ofChat: 1, ofApp: 512, newest: 512}

// lookUpAll is a cost of a check at which all words are looked up instead.
const lookUpAll = math.MaxInt32

// newPart returns the live messages in scope of a segment, and its newest bucket.
func (f *finder) newPart(s *segmentReader) (p part, err error) {
	p.segmentReader = s
	if p.left, err = f.live(s); err != nil || p.left.GetCardinality() <= f.costs.newest {
		return p, err // they are read first, which costs less than finding the newest bucket
	}
	p.newest, err = f.newestBuckets.of(s, f.buckets)
	return p, err
}

// live returns the live messages in scope of a segment.
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

// manyFor reports whether reading the places of so many matches of a segment costs
// more than reading its buckets until a page is full.
func (f *finder) manyFor(s *segmentReader, matches uint64) bool {
	limit := f.costs.ofChat
	if f.search.Within.IsApp() {
		limit = f.costs.ofApp
	}
	return matches*matches > limit*uint64(s.FullSize())
}

// matching returns the messages of a part that may match with this rank: those
// that do, and others if words alone do not decide. Better ranks are matched
// first, so it must not be called with a better rank than before.
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

// match finds the messages of a part that may match with this rank.
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

// matchingTerm returns the messages in which a term may match with this rank or a
// better one.
func (f *finder) matchingTerm(
	ctx context.Context, p *part, in *roaring.Bitmap, t chat.Term, rank chat.Rank,
) (*roaring.Bitmap, error) {
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

// inOrder returns the messages that have all of the words. Words of a script
// without spaces must be neighbours in the same order.
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

// beginning returns the messages that have a word that begins with prefix.
func (f *finder) beginning(ctx context.Context, p *part, in *roaring.Bitmap, prefix string) (*roaring.Bitmap, error) {
	known := func(word []byte) bool { return len(word) == len(prefix) }
	return f.ofVocabulary(ctx, p, in, func(v *vocabulary) iter.Seq[int] { return v.beginning(prefix) }, known)
}

// containing returns the messages that have a word that contains sought or, if it
// ends with a space, ends with it.
func (f *finder) containing(ctx context.Context, p *part, in *roaring.Bitmap, sought string) (*roaring.Bitmap, error) {
	known := func(word []byte) bool { return bytes.HasPrefix(word, []byte(sought)) }
	return f.ofVocabulary(ctx, p, in, func(v *vocabulary) iter.Seq[int] { return v.containing(sought) }, known)
}

// ofVocabulary returns the messages that have any of these words of the app, or
// all messages if checking them costs less than looking up the words. It leaves
// out known words if the messages that have them were found with a better rank.
func (f *finder) ofVocabulary(
	ctx context.Context, p *part, in *roaring.Bitmap,
	of func(*vocabulary) iter.Seq[int], known func(word []byte) bool,
) (*roaring.Bitmap, error) {
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
	having := 0 // messages; one that has two of the words counts twice
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

// exact reports whether the words alone decide about a rank, so that no message is
// read again for lower ranks. They do not for a term of several words, which may
// match in different places.
func (f *finder) exact() bool {
	return !slices.ContainsFunc(f.search.Query.Terms, func(t chat.Term) bool { return len(t.Words) > 1 && !t.Phrase })
}

// certain reports whether all messages that were found in a part match.
func (f *finder) certain(p *part) bool {
	return !p.guessed && !slices.ContainsFunc(f.search.Query.Terms, func(t chat.Term) bool { return len(t.Words) > 1 })
}
