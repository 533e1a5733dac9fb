package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"chatapi/pkg/chat"

	smithytime "github.com/aws/smithy-go/time"
	"github.com/opensearch-project/opensearch-go/v2/opensearchapi"
)

const (
	// closeEnough is how few changes may be left when writes are blocked, and
	// catchUps how often Switch catches up to come that close.
	closeEnough, catchUps = 100, 10
	// lastSearches is how long the old index is kept after the switch, for searches
	// that resolved the alias before: longer than a shard may search.
	lastSearches = engineTimeout + time.Second
)

// Switch implements chat.Rebuild. Writes are blocked for about a second. Then the
// old index stays for some seconds, for searches in progress. Called again after an
// error, Switch continues, even if only the response to the switch was lost.
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

// goLive replaces the live index by the new one.
func (b *Rebuild) goLive(ctx context.Context) error {
	for range catchUps {
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

// replace puts the new index behind the alias after the last catch-up.
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
	// Perhaps only the response was lost.
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

// changeAliases makes all of the changes, or none if one cannot be made.
func (b *Rebuild) changeAliases(ctx context.Context, changes ...object) error {
	body, err := json.Marshal(object{"actions": changes})
	if err != nil {
		return err
	}
	return b.live.do(ctx, setupTimeout, opensearchapi.IndicesUpdateAliasesRequest{Body: bytes.NewReader(body)}, nil)
}

// retire removes the old index after its last searches, and when all that was
// written to it is in the new one.
func (b *Rebuild) retire(ctx context.Context) error {
	if err := b.settle(ctx); err != nil {
		return err
	}
	if smithytime.SleepWithContext(ctx, lastSearches) != nil {
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

// settle indexes what the old index has accepted between the last catch-up and the
// switch, if another process has allowed writes to it, and blocks it permanently. It
// is not an error if that index does not exist: whoever removed it has settled.
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

// blockWrites blocks writes to the index that was live at the beginning, and returns
// when those in progress have ended. OpenSearch waits for them only if there was no
// block, so one that another process has left is removed first.
//
// https://docs.opensearch.org/latest/api-reference/index-apis/blocks/
func (b *Rebuild) blockWrites(ctx context.Context) error {
	if err := b.allowWrites(ctx); err != nil {
		return err
	}
	var blocked struct {
		Acknowledged       bool `json:"acknowledged"`
		ShardsAcknowledged bool `json:"shards_acknowledged"`
	}
	block := opensearchapi.IndicesAddBlockRequest{Index: []string{b.state.From}, Block: "write"}
	err := b.live.do(ctx, setupTimeout, block, &blocked)
	if err == nil && !(blocked.Acknowledged && blocked.ShardsAcknowledged) {
		err = fmt.Errorf("%w: not acknowledged by all shards", chat.ErrUnavailable)
	}
	if err != nil {
		return fmt.Errorf("block writes to index %s: %w", b.state.From, replaced(err))
	}
	return nil
}

// unblock allows writes to the live index after a switch that failed, even if the
// context has ended. If it is not known whether the switch was made, writes stay
// blocked until the next rebuild: late is better than lost.
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
	put := opensearchapi.IndicesPutSettingsRequest{Index: []string{b.state.From}, Body: bytes.NewReader(body)}
	err = b.live.do(ctx, setupTimeout, put, nil)
	if err != nil {
		return fmt.Errorf("allow writes to index %s: %w", b.state.From, replaced(err))
	}
	return nil
}
