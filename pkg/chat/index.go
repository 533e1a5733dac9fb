package chat

import (
	"cmp"
	"context"
	"strconv"
	"time"
)

// Index is the port to the search index.
type Index interface {
	// Apply brings messages into the index. A message that the index holds in
	// the same or a newer version is left as it is, so messages may arrive in
	// any order and any number of times. A deleted message is never found
	// again, nor brought back by an older version of it. All versions of a
	// message have the same CreatedAt.
	//
	// It returns nil where all were applied, else one error per message, nil
	// for those that were applied. An error that wraps ErrUnavailable may pass;
	// any other will come again with the same message.
	Apply(ctx context.Context, messages []Message) []error
	// Search returns what the search finds, best rank first. Within a rank the
	// newest comes first: by message number in one chat; by creation time, chat
	// number and message number in an app.
	Search(ctx context.Context, search Search) (Found, error)
	// Ping returns an error where the index does not answer.
	Ping(ctx context.Context) error
}

// Search asks for messages of one chat, or of all chats of an app. The zero
// value of a filter lets all messages through.
type Search struct {
	Chat   ChatID // with number 0: all chats of the app
	Query  Query
	Sender string    // the sender, to the letter
	From   time.Time // created at this time or later
	To     time.Time // created before this time
	After  int64     // with a message number above this
	Before int64     // with a message number below this
	Last   Position  // of the page before; the zero value asks for the first page
	Limit  int       // hits, from 1 to MaxPage
}

// Found is what a search found.
type Found struct {
	Hits []Hit // at most Limit of the search
	More bool  // whether there are more
	// IndexedThrough is the UpdatedAt of the newest create, edit or delete that
	// the index held when it was searched: in what was searched, or in more than
	// that. The zero value says that it held none.
	IndexedThrough time.Time
}

// Hit is a message that a search found.
type Hit struct {
	Message Message
	Rank    Rank
}

// Position is the place of a hit in the order of a search's hits. A search of
// one chat leaves Created and Chat at 0, since they decide nothing there.
type Position struct {
	Rank    Rank
	Created int64 // milliseconds since 1970
	Chat    int64
	Number  int64
}

// Position returns the place of a hit of this search.
func (s Search) Position(h Hit) Position {
	p := Position{Rank: h.Rank, Number: h.Message.Number}
	if s.Chat.Number == 0 {
		p.Created, p.Chat = h.Message.CreatedAt.UnixMilli(), h.Message.ChatNumber
	}
	return p
}

// Compare returns a negative number where p comes before o in the hits, which
// is where it is higher.
func (p Position) Compare(o Position) int {
	return cmp.Or(cmp.Compare(o.Rank, p.Rank), cmp.Compare(o.Created, p.Created),
		cmp.Compare(o.Chat, p.Chat), cmp.Compare(o.Number, p.Number))
}

// DocumentID names a message: <app token>#<chat number>#<message number>, the
// same for all of its versions. Documents of OpenSearch have it as their id.
func (m Message) DocumentID() string {
	return m.ChatID().String() + "#" + strconv.FormatInt(m.Number, 10)
}

// NewestVersions returns the newest version of each message by its DocumentID,
// the first where several have the same version.
func NewestVersions(messages []Message) map[string]Message {
	newest := make(map[string]Message, len(messages))
	for _, m := range messages {
		id := m.DocumentID()
		if old, ok := newest[id]; !ok || old.Version < m.Version {
			newest[id] = m
		}
	}
	return newest
}

// CeilMilli returns the first whole millisecond since 1970 at or after t, for
// the filters From and To. Messages are created at whole milliseconds, so none
// lies between the two; an engine that rounds would round down.
func CeilMilli(t time.Time) int64 {
	return t.Add(time.Millisecond - 1).UnixMilli()
}
