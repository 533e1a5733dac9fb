package search

import (
	"context"

	"chatapi/pkg/chat"

	index "github.com/blevesearch/bleve_index_api"
)

// TakeChatsAsLarge makes searches look up words where they would check all
// messages of a small chat.
func (x *Index) TakeChatsAsLarge() { x.limits.ofChat = -1 }

// LookUpNothing makes searches check each message for what no single word
// says, as they do in an index with very many words.
func (x *Index) LookUpNothing() { x.limits = limits{ofChat: -1, ofTerm: -1} }

// Walks searches and returns how often it went over words of the dictionary.
func (x *Index) Walks(ctx context.Context, search chat.Search) (int, error) {
	reader, err := x.engine.Reader()
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	counted := &walkCounter{snapshot: reader.(snapshot)}
	_, err = newFinder(counted, search, x.limits).page(ctx)
	return counted.walks, err
}

type walkCounter struct {
	snapshot
	walks int
}

func (c *walkCounter) FieldDictPrefix(field string, prefix []byte) (index.FieldDict, error) {
	c.walks++
	return c.snapshot.FieldDictPrefix(field, prefix)
}
