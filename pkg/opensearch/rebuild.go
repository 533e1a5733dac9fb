package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"chatapi/pkg/chat"

	"github.com/opensearch-project/opensearch-go/v2/opensearchapi"
)

const (
	// catchUpPage is how many changed documents are brought over at a time.
	catchUpPage = 200
	// closeEnough is how few changes may be left when writes are blocked, and
	// chases how often Switch tries to come that close.
	closeEnough, chases = 100, 10
	// lastSearches is how long the old index outlives its place, for searches
	// that looked up the alias before: longer than a shard searches at most.
	lastSearches = engineTimeout + time.Second
)

// ErrReplaced is returned where the index behind the alias is not the one that
// the build began beside, because someone else replaced it meanwhile.
var ErrReplaced = errors.New("another rebuild has replaced the live index meanwhile")

// Rebuild is a chat.Rebuild on OpenSearch: the index <alias>-<n+1> beside the
// live one, <alias>-<n>.
//
// While it is built it stands behind the alias <alias>-next, which is how the
// next process finds it, and its mapping's _meta holds how far it is. What
// changes meanwhile is found by the sequence numbers that OpenSearch gives the
// writes of each shard of the live index: they only grow, so the documents
// with numbers above the ones of the begin are those that changed. The table
// has all else, and versions decide where both have a message.
//
// Switch blocks writes to the live index for the last catch-up, which is done
// when all writes under way have ended. The indexer's writes fail for that
// moment and are repeated, then into the new index; searches go on.
type Rebuild struct {
	live  *Index // the alias
	next  *Index // <alias>-next
	to    string // the new index
	state buildState
}

var _ chat.Rebuild = (*Rebuild)(nil)

// buildState is what the new index's mapping holds in _meta.
type buildState struct {
	From     string           `json:"from"`     // the index that was live at the begin
	Shards   map[string]int64 `json:"shards"`   // per shard of it, the sequence number up to which changes are in
	Progress chat.Progress    `json:"progress"` // of the scan
}

// Rebuild begins an index beside the live one or goes on with the one that was
// begun before. It calls Setup first, so there always is a live one.
func (x *Index) Rebuild(ctx context.Context) (*Rebuild, error) {
	b := &Rebuild{live: x, next: &Index{transport: x.transport, name: x.name + "-next"}}
	if err := b.begin(ctx); err != nil {
		return nil, fmt.Errorf("begin index beside %s: %w", x.name, err)
	}
	return b, nil
}

func (b *Rebuild) begin(ctx context.Context) error {
	if err := b.live.Setup(ctx); err != nil {
		return err
	}
	from, err := b.live.behindAlias(ctx)
	if err != nil {
		return err
	}
	if from == "" {
		return fmt.Errorf("there is no alias %s", b.live.name)
	}
	if err := b.removeReplaced(ctx, from); err != nil {
		return err
	}
	begun, err := b.resume(ctx, from)
	if err != nil || begun {
		return err
	}
	return b.create(ctx, from)
}

// behindAlias returns the one index behind the alias, "" where there is none.
func (x *Index) behindAlias(ctx context.Context) (string, error) {
	var answer map[string]json.RawMessage
	err := x.do(ctx, setupTimeout, opensearchapi.IndicesGetAliasRequest{Name: []string{x.name}}, &answer)
	if hasStatus(err, http.StatusNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for alias %s: %w", x.name, err)
	}
	if len(answer) > 1 {
		return "", fmt.Errorf("there are %d indexes behind the alias %s, want one", len(answer), x.name)
	}
	for name := range answer {
		return name, nil
	}
	return "", nil
}

// removeReplaced removes the index that the live one has replaced, where the
// process that switched did not come to it.
func (b *Rebuild) removeReplaced(ctx context.Context, live string) error {
	state, err := b.readState(ctx, live)
	if err != nil || state.From == "" {
		return err
	}
	return b.remove(ctx, state.From)
}

// resume goes on with a build that was begun beside the live index, and
// reports whether there is one. One beside an index that is live no more is
// removed.
func (b *Rebuild) resume(ctx context.Context, from string) (bool, error) {
	to, err := b.next.behindAlias(ctx)
	if err != nil || to == "" {
		return false, err
	}
	state, err := b.readState(ctx, to)
	if err != nil {
		return false, err
	}
	if state.From != from {
		return false, b.remove(ctx, to)
	}
	b.to, b.state = to, state
	return true, b.allowWrites(ctx) // where a process was killed while it switched
}

// create creates the new index. The sequence numbers are read before, and the
// table is scanned after it, so no change is in neither.
func (b *Rebuild) create(ctx context.Context, from string) error {
	shards, err := b.checkpoints(ctx, from)
	if err != nil {
		return err
	}
	to, err := b.freeName(ctx)
	if err != nil {
		return err
	}
	b.to, b.state = to, buildState{From: from, Shards: shards}
	body, err := json.Marshal(object{
		"aliases":  object{b.next.name: object{"is_write_index": true}},
		"mappings": b.state.mapping(),
	})
	if err != nil {
		return err
	}
	err = b.live.do(ctx, setupTimeout, opensearchapi.IndicesCreateRequest{Index: to, Body: bytes.NewReader(body)}, nil)
	if err != nil {
		return fmt.Errorf("create index %s: %w", to, err)
	}
	return nil
}

// freeName returns <alias>-<n> with the number after the highest there is.
func (b *Rebuild) freeName(ctx context.Context) (string, error) {
	var answer map[string]json.RawMessage
	err := b.live.do(ctx, setupTimeout, opensearchapi.IndicesGetAliasRequest{Index: []string{b.live.name + "-*"}}, &answer)
	if err != nil {
		return "", fmt.Errorf("list indexes: %w", err)
	}
	numbered := regexp.MustCompile("^" + regexp.QuoteMeta(b.live.name) + "-([0-9]{1,9})$")
	highest := 0
	for name := range answer {
		if found := numbered.FindStringSubmatch(name); found != nil {
			n, err := strconv.Atoi(found[1])
			if err != nil {
				return "", fmt.Errorf("list indexes: %w", err)
			}
			highest = max(highest, n)
		}
	}
	return fmt.Sprintf("%s-%d", b.live.name, highest+1), nil
}

// mapping returns the part of a mapping that holds the state.
func (s buildState) mapping() object { return object{"_meta": object{"rebuild": s}} }

func (b *Rebuild) readState(ctx context.Context, index string) (buildState, error) {
	var answer map[string]struct {
		Mappings struct {
			Meta struct {
				Rebuild buildState `json:"rebuild"`
			} `json:"_meta"`
		} `json:"mappings"`
	}
	err := b.live.do(ctx, setupTimeout, opensearchapi.IndicesGetMappingRequest{Index: []string{index}, FilterPath: []string{"*.mappings._meta"}}, &answer)
	if err != nil {
		return buildState{}, fmt.Errorf("read how far index %s is: %w", index, err)
	}
	return answer[index].Mappings.Meta.Rebuild, nil
}

// Progress implements chat.Rebuild.
func (b *Rebuild) Progress() chat.Progress { return b.state.Progress }

// Apply implements chat.Rebuild as Index.Apply does.
func (b *Rebuild) Apply(ctx context.Context, messages []chat.Message) []error {
	return b.next.Apply(ctx, messages)
}

// Save implements chat.Rebuild. OpenSearch answers a bulk when it is durable.
func (b *Rebuild) Save(ctx context.Context, p chat.Progress) error {
	b.state.Progress = p
	body, err := json.Marshal(b.state.mapping())
	if err != nil {
		return err
	}
	err = b.live.do(ctx, setupTimeout, opensearchapi.IndicesPutMappingRequest{Index: []string{b.to}, Body: bytes.NewReader(body)}, nil)
	if err != nil {
		return fmt.Errorf("note how far index %s is: %w", b.to, err)
	}
	return nil
}

// CatchUp implements chat.Rebuild.
func (b *Rebuild) CatchUp(ctx context.Context) (int, error) {
	upTo, err := b.checkpoints(ctx, b.state.From)
	if err != nil {
		return 0, err
	}
	if err := b.refresh(ctx, b.state.From); err != nil {
		return 0, err
	}
	applied := 0
	for shard, last := range upTo {
		n, err := b.catchUpShard(ctx, shard, last)
		applied += n
		if err != nil {
			return applied, err
		}
	}
	return applied, nil
}

// catchUpShard brings over what changed in a shard up to a sequence number.
func (b *Rebuild) catchUpShard(ctx context.Context, shard string, last int64) (applied int, err error) {
	for done := b.state.Shards[shard]; done < last; {
		messages, highest, err := b.changed(ctx, shard, done, last)
		if err != nil {
			return applied, err
		}
		if err := errors.Join(b.Apply(ctx, messages)...); err != nil {
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

// changed returns the first documents of a shard with sequence numbers above
// one and up to another, and the highest of theirs.
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
	var answer struct {
		Hits struct {
			Hits []struct {
				Source chat.Message `json:"_source"`
				Sort   []int64      `json:"sort"`
			} `json:"hits"`
		} `json:"hits"`
	}
	whole := false
	err = b.live.do(ctx, setupTimeout, opensearchapi.SearchRequest{
		Index: []string{b.state.From}, Preference: "_shards:" + shard, AllowPartialSearchResults: &whole, Body: bytes.NewReader(body),
		FilterPath: []string{"hits.hits._source", "hits.hits.sort"},
	}, &answer)
	if hasStatus(err, http.StatusNotFound) {
		return nil, 0, ErrReplaced
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read changes of index %s: %w", b.state.From, err)
	}
	messages, highest := make([]chat.Message, len(answer.Hits.Hits)), after
	for i, h := range answer.Hits.Hits {
		messages[i], highest = h.Source, h.Sort[0]
	}
	return messages, highest, nil
}

// checkpoints returns, per shard of an index, the sequence number up to which
// all writes are done on every copy of it: a refresh makes all of them visible.
func (b *Rebuild) checkpoints(ctx context.Context, index string) (map[string]int64, error) {
	var answer struct {
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
	}, &answer)
	if hasStatus(err, http.StatusNotFound) {
		return nil, ErrReplaced
	}
	if err != nil {
		return nil, fmt.Errorf("read sequence numbers of index %s: %w", index, err)
	}
	found := map[string]int64{}
	for shard, copies := range answer.Indices[index].Shards {
		for _, c := range copies {
			if c.Routing.Primary {
				found[shard] = c.Sequence.Global
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: index %s has no shard at work", chat.ErrUnavailable, index)
	}
	return found, nil
}

func (b *Rebuild) refresh(ctx context.Context, index string) error {
	if err := b.live.do(ctx, setupTimeout, opensearchapi.IndicesRefreshRequest{Index: []string{index}}, nil); err != nil {
		return fmt.Errorf("refresh index %s: %w", index, err)
	}
	return nil
}

// Switch implements chat.Rebuild. Writes are blocked for about a second.
// Afterwards the old index stays for some seconds, for searches under way.
func (b *Rebuild) Switch(ctx context.Context) error {
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
	select {
	case <-time.After(lastSearches):
	case <-ctx.Done():
		return nil // the next rebuild removes it
	}
	if err := b.remove(ctx, b.state.From); !errors.Is(err, chat.ErrUnavailable) {
		return err
	}
	return nil // it is switched, and the next rebuild removes it
}

// replace puts the new index behind the alias once nothing is missing in it.
func (b *Rebuild) replace(ctx context.Context) error {
	if _, err := b.CatchUp(ctx); err != nil {
		return err
	}
	if err := b.refresh(ctx, b.to); err != nil {
		return err
	}
	err := b.switchAliases(ctx)
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
		return ErrReplaced
	default:
		return err
	}
}

func (b *Rebuild) switchAliases(ctx context.Context) error {
	body, err := json.Marshal(object{"actions": []object{
		{"remove": object{"index": b.state.From, "alias": b.live.name, "must_exist": true}},
		{"add": object{"index": b.to, "alias": b.live.name, "is_write_index": true}},
		{"remove": object{"index": b.to, "alias": b.next.name, "must_exist": true}},
	}})
	if err != nil {
		return err
	}
	if err := b.live.do(ctx, setupTimeout, opensearchapi.IndicesUpdateAliasesRequest{Body: bytes.NewReader(body)}, nil); err != nil {
		return fmt.Errorf("put index %s behind alias %s: %w", b.to, b.live.name, err)
	}
	return nil
}

// blockWrites refuses writes to the live index, and returns when those under
// way have ended.
//
// https://docs.opensearch.org/latest/api-reference/index-apis/blocks/
func (b *Rebuild) blockWrites(ctx context.Context) error {
	var answer struct {
		Acknowledged       bool `json:"acknowledged"`
		ShardsAcknowledged bool `json:"shards_acknowledged"`
	}
	err := b.live.do(ctx, setupTimeout, opensearchapi.IndicesAddBlockRequest{Index: []string{b.state.From}, Block: "write"}, &answer)
	if err == nil && !(answer.Acknowledged && answer.ShardsAcknowledged) {
		err = fmt.Errorf("%w: not all shards know of it", chat.ErrUnavailable)
	}
	if err != nil {
		return fmt.Errorf("block writes to index %s: %w", b.state.From, err)
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
	return b.allowWrites(ctx)
}

func (b *Rebuild) allowWrites(ctx context.Context) error {
	body, err := json.Marshal(object{"index.blocks.write": nil})
	if err != nil {
		return err
	}
	err = b.live.do(ctx, setupTimeout, opensearchapi.IndicesPutSettingsRequest{Index: []string{b.state.From}, Body: bytes.NewReader(body)}, nil)
	if err != nil {
		return fmt.Errorf("writes to index %s stay blocked until the next rebuild: %w", b.state.From, err)
	}
	return nil
}

// Abandon removes what was built so far.
func (b *Rebuild) Abandon(ctx context.Context) error { return b.remove(ctx, b.to) }

// remove removes an index, unless it stands behind the live alias. Again is no
// change.
func (b *Rebuild) remove(ctx context.Context, index string) error {
	live, err := b.live.behindAlias(ctx)
	if err != nil {
		return err
	}
	if index == live {
		return ErrReplaced
	}
	err = b.live.do(ctx, setupTimeout, opensearchapi.IndicesDeleteRequest{Index: []string{index}}, nil)
	if err != nil && !hasStatus(err, http.StatusNotFound) {
		return fmt.Errorf("remove index %s: %w", index, err)
	}
	return nil
}
