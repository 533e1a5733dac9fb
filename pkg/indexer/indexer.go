// Package indexer is the consumer of the changes of messages: it writes them
// into the search index. It knows no engine and no AWS event.
package indexer

import (
	"context"

	"chatapi/pkg/chat"
)

// Indexer indexes changed messages.
type Indexer struct {
	index chat.Index
}

// New returns an indexer to an index.
func New(index chat.Index) *Indexer { return &Indexer{index: index} }

// Index indexes the messages of a batch of changes in one call of the index. It
// returns one error per change, nil for those that were indexed. Unless the
// error is chat.Retryable, the change can never be indexed.
func (x *Indexer) Index(ctx context.Context, changes []chat.Change) []error {
	errs := make([]error, len(changes))
	messages := make([]chat.Message, 0, len(changes))
	places := make([]int, 0, len(changes)) // of the messages among the changes
	for i, c := range changes {
		m, err := c.Message()
		if err != nil {
			errs[i] = err
			continue
		}
		messages, places = append(messages, m), append(places, i)
	}
	for i, err := range x.index.Apply(ctx, messages) {
		errs[places[i]] = err
	}
	return errs
}
