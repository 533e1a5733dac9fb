package chat

import (
	"context"
	"strconv"
	"time"
)

// Index is the port to the search index.
type Index interface {
	// Apply brings messages into the index. A message that the index holds in
	// the same or a newer version is left as it is, so messages may arrive in
	// any order and any number of times. A deleted message is never found
	// again, nor brought back by an older version of it.
	//
	// It returns nil where all were applied, else one error per message, nil
	// for those that were applied. An error that wraps ErrUnavailable may pass;
	// any other will come again with the same message.
	Apply(ctx context.Context, messages []Message) []error
	// Search returns what the search finds, best rank first and newest first
	// within a rank: at most search.Limit hits, and whether there are more.
	Search(ctx context.Context, search Search) (hits []Hit, more bool, err error)
	// Ping returns an error where the index does not answer.
	Ping(ctx context.Context) error
}

// Search asks for messages of one chat. The zero value of a filter lets all
// messages through.
type Search struct {
	Chat   ChatID
	Query  Query
	Sender string    // the sender, to the letter
	From   time.Time // created at this time or later
	To     time.Time // created before this time
	After  Position  // of the last hit of the page before
	Limit  int       // hits, from 1 to MaxPage
}

// Hit is a message that a search found.
type Hit struct {
	Message Message
	Rank    Rank
}

// Position is the place of a hit in the order of hits. The zero value stands
// before all hits.
type Position struct {
	Rank   Rank
	Number int64
}

// Position returns the place of the hit.
func (h Hit) Position() Position { return Position{Rank: h.Rank, Number: h.Message.Number} }

// DocumentID names a message in an index: <app token>#<chat number>#<message
// number>, the same for all of its versions.
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
