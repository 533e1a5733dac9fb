package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"chatapi/pkg/chat"

	"github.com/opensearch-project/opensearch-go/v2/opensearchapi"
)

// catchUpPage is how many changed documents are indexed at a time.
const catchUpPage = 200

// CatchUp implements chat.Rebuild.
func (b *Rebuild) CatchUp(ctx context.Context) (int, error) { return b.catchUp(ctx, b) }

// applier is a Rebuild or the live index.
type applier interface {
	Apply(ctx context.Context, messages []chat.Message) []error
}

// catchUp indexes what has changed in the index that was live at the beginning into
// another index.
func (b *Rebuild) catchUp(ctx context.Context, into applier) (int, error) {
	upTo, err := b.checkpoints(ctx, b.state.From)
	if err != nil {
		return 0, err
	}
	if err := b.refresh(ctx, b.state.From); err != nil {
		return 0, err
	}
	applied := 0
	for shard, last := range upTo {
		n, err := b.catchUpShard(ctx, into, shard, last)
		applied += n
		if err != nil {
			return applied, err
		}
	}
	return applied, nil
}

// catchUpShard indexes what has changed in a shard up to a sequence number.
func (b *Rebuild) catchUpShard(ctx context.Context, into applier, shard string, last int64) (applied int, err error) {
	for done := b.state.Shards[shard]; done < last; {
		messages, highest, err := b.changed(ctx, shard, done, last)
		if err != nil {
			return applied, err
		}
		if err := errors.Join(into.Apply(ctx, messages)...); err != nil {
			return applied, fmt.Errorf("catch up: %w", err)
		}
		applied += len(messages)
		if done = highest; len(messages) < catchUpPage {
			done = last
		}
		b.state.Shards[shard] = done
	}
	return applied, nil
}

// changed returns the first documents of a shard with sequence numbers above after
// and up to upTo, and the highest of their numbers.
func (b *Rebuild) changed(ctx context.Context, shard string, after, upTo int64) ([]chat.Message, int64, error) {
	body, err := json.Marshal(object{
		"query":            object{"range": object{"_seq_no": object{"gt": after, "lte": upTo}}},
		"sort":             []object{{"_seq_no": "asc"}},
		"size":             catchUpPage,
		"track_total_hits": false,
		"_source":          object{"excludes": []string{"text"}},
	})
	if err != nil {
		return nil, 0, err
	}
	var found struct {
		Hits struct {
			Hits []struct {
				Source chat.Message `json:"_source"`
				Sort   []int64      `json:"sort"`
			} `json:"hits"`
		} `json:"hits"`
	}
	partial := false
	err = b.live.do(ctx, setupTimeout, opensearchapi.SearchRequest{
		Index: []string{b.state.From}, Preference: "_shards:" + shard,
		AllowPartialSearchResults: &partial, Body: bytes.NewReader(body),
		FilterPath: []string{"hits.hits._source", "hits.hits.sort"},
	}, &found)
	if err != nil {
		return nil, 0, fmt.Errorf("read changes of index %s: %w", b.state.From, replaced(err))
	}
	messages, highest := make([]chat.Message, len(found.Hits.Hits)), after
	for i, h := range found.Hits.Hits {
		messages[i], highest = h.Source, h.Sort[0]
	}
	return messages, highest, nil
}

// checkpoints returns, per shard of an index, the sequence number up to which all
// writes are done on every copy: a refresh makes all of them visible.
func (b *Rebuild) checkpoints(ctx context.Context, index string) (map[string]int64, error) {
	var found struct {
		Indices map[string]struct {
			Shards map[string][]struct {
				Routing struct {
					Primary bool `json:"primary"`
				} `json:"routing"`
				Sequence struct {
					Global int64 `json:"global_checkpoint"`
				} `json:"seq_no"`
			} `json:"shards"`
		} `json:"indices"`
	}
	err := b.live.do(ctx, setupTimeout, opensearchapi.IndicesStatsRequest{
		Index: []string{index}, Level: "shards",
		FilterPath: []string{"indices.*.shards.*.routing.primary", "indices.*.shards.*.seq_no"},
	}, &found)
	if err != nil {
		return nil, fmt.Errorf("read sequence numbers of index %s: %w", index, replaced(err))
	}
	checkpoints := map[string]int64{}
	for shard, copies := range found.Indices[index].Shards {
		for _, c := range copies {
			if c.Routing.Primary {
				checkpoints[shard] = c.Sequence.Global
			}
		}
	}
	if len(checkpoints) == 0 {
		return nil, fmt.Errorf("%w: index %s has no active shard", chat.ErrUnavailable, index)
	}
	return checkpoints, nil
}

func (b *Rebuild) refresh(ctx context.Context, index string) error {
	refresh := opensearchapi.IndicesRefreshRequest{Index: []string{index}}
	if err := b.live.do(ctx, setupTimeout, refresh, nil); err != nil {
		return fmt.Errorf("refresh index %s: %w", index, replaced(err))
	}
	return nil
}
