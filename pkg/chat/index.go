package chat

import (
	"cmp"
	"context"
	"strconv"
	"time"
)

// Index is the port to the search index.
type Index interface {
	// Apply indexes messages. A message that the index holds in the same or a
	// newer version stays as it is, so messages may arrive in any order and any
	// number of times. A deleted message is never found again, and an older
	// version does not bring it back. All versions of a message have the same
	// CreatedAt.
	//
	// It returns nil if all messages were indexed, else one error per message,
	// nil for those that were indexed. Unless the error is Retryable, the same
	// message will fail again.
	Apply(ctx context.Context, messages []Message) []error
	// Search returns what the search finds, best rank first. Within a rank the
	// newest comes first: by message number in one chat; by creation time, chat
	// number and message number in an app.
	Search(ctx context.Context, search Search) (SearchResult, error)
	// Ping returns an error if the index does not respond.
	Ping(ctx context.Context) error
}

// Search selects messages of one chat, or of all chats of an app. The zero
// value of a filter selects all messages.
type Search struct {
	Within Parent // one chat, or all chats of the app
	Query  Query
	Sender string    // exactly this sender
	From   time.Time // created at this time or later
	To     time.Time // created before this time
	After  int64     // with a message number above this
	Before int64     // with a message number below this
	Last   Position  // of the previous page; zero for the first page
	Limit  int       // hits, from 1 to MaxPage
}

// SearchResult is what a search found.
type SearchResult struct {
	Hits []Hit // at most Limit of the search
	More bool  // whether there are more
	// IndexedThrough is the UpdatedAt of the newest create, edit or delete that
	// the index held when it was searched, within the parent or in more than
	// that. It is zero if the index held none.
	IndexedThrough time.Time
}

// Hit is a message that a search found.
type Hit struct {
	Message Message
	Rank    Rank
}

// Position is the place of a hit in the order of a search's hits. In a search
// of one chat Created and Chat are 0, because rank and number decide.
type Position struct {
	Rank    Rank
	Created int64 // milliseconds since 1970
	Chat    int64
	Number  int64
}

// Position returns the place of a hit of this search.
func (s Search) Position(h Hit) Position {
	p := Position{Rank: h.Rank, Number: h.Message.Number}
	if s.Within.IsApp() {
		p.Created, p.Chat = h.Message.CreatedAt.UnixMilli(), h.Message.ChatNumber
	}
	return p
}

// Compare returns a negative number if p comes before o in the hits.
func (p Position) Compare(o Position) int {
	return cmp.Or(cmp.Compare(o.Rank, p.Rank), cmp.Compare(o.Created, p.Created),
		cmp.Compare(o.Chat, p.Chat), cmp.Compare(o.Number, p.Number))
}

// DocumentID returns <app token>#<chat number>#<message number>, the same for
// all versions of a message. It is the ID of the message's document in
// OpenSearch.
func (m Message) DocumentID() string {
	return m.ChatID().String() + "#" + strconv.FormatInt(m.Number, 10)
}

// NewestVersions returns the newest version of each message by its DocumentID,
// the first if several have the same version.
func NewestVersions(messages []Message) map[string]Message {
	newest := make(map[string]Message, len(messages))
	for _, m := range messages {
		id := m.DocumentID()
		if existing, ok := newest[id]; !ok || existing.Version < m.Version {
			newest[id] = m
		}
	}
	return newest
}

// CeilMilli returns the first whole millisecond since 1970 at or after t, for
// the filters From and To. Messages are created at whole milliseconds, so the
// filters select the same; an engine would round down.
func CeilMilli(t time.Time) int64 {
	return t.Add(time.Millisecond - 1).UnixMilli()
}
