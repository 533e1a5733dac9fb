package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chatapi/pkg/chat"

	"github.com/opensearch-project/opensearch-go/v2/opensearchapi"
)

const (
	// closeEnough is how few changes may be left when writes are blocked, and
	// chases how often Switch tries to come that close.
	closeEnough, chases = 100, 10
	// lastSearches is how long the old index outlives its place, for searches
	// that looked up the alias before: longer than a shard searches at most.
	lastSearches = engineTimeout + time.Second
)

// Switch implements chat.Rebuild. Writes are blocked for about a second.
// Afterwards the old index stays for some seconds, for searches under way.
// Called again after an error, it goes on where it was, also where it was
// switched and the answer was lost.
func (b *Rebuild) Switch(ctx context.Context) error {
	live, err := b.live.behindAlias(ctx)
	if err != nil {
		return err
	}
	if live != b.to {
		if err := b.goLive(ctx); err != nil {
			return err
		}
	}
	return b.retire(ctx)
}

// goLive puts the new index in the place of the live one.
func (b *Rebuild) goLive(ctx context.Context) error {
	for range chases {
		n, err := b.CatchUp(ctx)
		if err != nil {
			return err
		}
		if n <= closeEnough {
			break
		}
	}
	if err := b.blockWrites(ctx); err != nil {
		return errors.Join(err, b.unblock(ctx))
	}
	if err := b.replace(ctx); err != nil {
		return errors.Join(err, b.unblock(ctx))
	}
	return nil
}

// replace puts the new index behind the alias once nothing is missing in it.
func (b *Rebuild) replace(ctx context.Context) error {
	if _, err := b.CatchUp(ctx); err != nil {
		return err
	}
	if err := b.refresh(ctx, b.to); err != nil {
		return err
	}
	err := b.changeAliases(ctx,
		object{"remove": object{"index": b.state.From, "alias": b.live.name, "must_exist": true}},
		object{"add": object{"index": b.to, "alias": b.live.name, "is_write_index": true}},
		object{"remove": object{"index": b.to, "alias": b.own.name, "must_exist": true}})
	if err == nil {
		return nil
	}
	// The answer may be lost of a switch that was made.
	live, lookErr := b.live.behindAlias(context.WithoutCancel(ctx))
	switch {
	case lookErr != nil:
		return errors.Join(err, lookErr)
	case live == b.to:
		return nil
	case live != b.state.From:
		return chat.ErrReplaced
	default:
		return fmt.Errorf("put index %s behind alias %s: %w", b.to, b.live.name, replaced(err))
	}
}

// changeAliases makes all of the changes, or none where one cannot be made.
func (b *Rebuild) changeAliases(ctx context.Context, changes ...object) error {
	body, err := json.Marshal(object{"actions": changes})
	if err != nil {
		return err
	}
	return b.live.do(ctx, setupTimeout, opensearchapi.IndicesUpdateAliasesRequest{Body: bytes.NewReader(body)}, nil)
}

// retire removes the old index after the last searches of it, and when all that
// was written to it is in the new one.
func (b *Rebuild) retire(ctx context.Context) error {
	if err := b.settle(ctx); err != nil {
		return err
	}
	select {
	case <-time.After(lastSearches):
	case <-ctx.Done():
		return nil // the next rebuild removes it
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	if err := b.remove(ctx, b.state.From); !errors.Is(err, chat.ErrUnavailable) {
		return err
	}
	return nil // it is switched, and the next rebuild removes it
}

// settle brings over what the old index took between the last catch-up and the
// switch, where another process let it be written again, and blocks it for
// good. It is no error where the index is gone: whoever removed it has settled.
func (b *Rebuild) settle(ctx context.Context) error {
	err := b.blockWrites(ctx)
	if err == nil {
		_, err = b.catchUp(ctx, b.live)
	}
	if errors.Is(err, chat.ErrReplaced) {
		return nil
	}
	return err
}

// blockWrites refuses writes to the index that was live at the begin, and
// returns when those under way have ended. OpenSearch waits for them only where
// there was no block, so one that another process left is taken away first.
//
// https://docs.opensearch.org/latest/api-reference/index-apis/blocks/
func (b *Rebuild) blockWrites(ctx context.Context) error {
	if err := b.allowWrites(ctx); err != nil {
		return err
	}
	var answer struct {
		Acknowledged       bool `json:"acknowledged"`
		ShardsAcknowledged bool `json:"shards_acknowledged"`
	}
	err := b.live.do(ctx, setupTimeout, opensearchapi.IndicesAddBlockRequest{Index: []string{b.state.From}, Block: "write"}, &answer)
	if err == nil && !(answer.Acknowledged && answer.ShardsAcknowledged) {
		err = fmt.Errorf("%w: not all shards know of it", chat.ErrUnavailable)
	}
	if err != nil {
		return fmt.Errorf("block writes to index %s: %w", b.state.From, replaced(err))
	}
	return nil
}

// unblock lets the live index be written again after a switch that failed,
// also where the context has ended. Where it cannot be told whether the switch
// was made, writes stay blocked until the next rebuild: better late than lost.
func (b *Rebuild) unblock(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	live, err := b.live.behindAlias(ctx)
	if err != nil {
		return fmt.Errorf("writes to index %s stay blocked until the next rebuild: %w", b.state.From, err)
	}
	if live != b.state.From {
		return nil
	}
	if err := b.allowWrites(ctx); err != nil {
		return fmt.Errorf("writes stay blocked until the next rebuild: %w", err)
	}
	return nil
}

func (b *Rebuild) allowWrites(ctx context.Context) error {
	body, err := json.Marshal(object{"index.blocks.write": nil})
	if err != nil {
		return err
	}
	err = b.live.do(ctx, setupTimeout, opensearchapi.IndicesPutSettingsRequest{Index: []string{b.state.From}, Body: bytes.NewReader(body)}, nil)
	if err != nil {
		return fmt.Errorf("allow writes to index %s: %w", b.state.From, replaced(err))
	}
	return nil
}
