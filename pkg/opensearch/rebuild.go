package opensearch

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"chatapi/pkg/chat"

	"github.com/opensearch-project/opensearch-go/v2/opensearchapi"
)

// Rebuild is a chat.Rebuild on OpenSearch: the index <alias>-<n+1> beside the
// live one, <alias>-<n>.
//
// While it is built it stands behind an alias <alias>-next-<random>, which is
// how the next process finds it, and its mapping's _meta holds how far it is.
// The alias belongs to one process: whoever goes on with a build gives it
// another in the same step that takes the first one away. All that a process
// does to the new index, it does through its alias, so one that was taken over
// from, or whose build was abandoned, can change and switch nothing any more.
//
// What changes meanwhile is found by the sequence numbers that OpenSearch gives
// the writes of each shard of the live index: they only grow, so the documents
// with numbers above the ones of the begin are those that changed. The table
// has all else, and versions decide where both have a message.
//
// Switch blocks writes to the live index for the last catch-up, which is done
// when all writes under way have ended. The indexer's writes fail for that
// moment and are repeated, then into the new index; searches go on. Another
// process may end the block in that moment, so what the old index took since
// is brought over after the switch too, before that index is removed.
type Rebuild struct {
	live  *Index // the alias
	own   *Index // <alias>-next-<random>
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
// begun before; whoever built that one then gets chat.ErrReplaced. It calls
// Setup first, so there always is a live one.
func (x *Index) Rebuild(ctx context.Context) (*Rebuild, error) {
	own := x.name + nextInfix + strings.ToLower(rand.Text())
	b := &Rebuild{live: x, own: &Index{transport: x.transport, name: own}}
	if err := b.begin(ctx); err != nil {
		return nil, fmt.Errorf("begin index beside %s: %w", x.name, err)
	}
	return b, nil
}

// nextInfix stands between the live alias and the random part of a build's.
const nextInfix = "-next-"

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
	alias, err := b.find(ctx, from)
	if err != nil {
		return err
	}
	if alias == "" {
		return b.create(ctx, from)
	}
	return b.takeOver(ctx, alias)
}

// behindAlias returns the one index behind the alias, "" where there is none.
func (x *Index) behindAlias(ctx context.Context) (string, error) {
	indexes, err := x.behind(ctx, x.name)
	if err != nil {
		return "", err
	}
	if len(indexes) > 1 {
		return "", fmt.Errorf("there are %d indexes behind the alias %s, want one", len(indexes), x.name)
	}
	for name := range indexes {
		return name, nil
	}
	return "", nil
}

// behind returns the indexes behind an alias, or a pattern of aliases, each
// with one of them.
func (x *Index) behind(ctx context.Context, alias string) (map[string]string, error) {
	var answer map[string]struct {
		Aliases map[string]struct{} `json:"aliases"`
	}
	err := x.do(ctx, setupTimeout, opensearchapi.IndicesGetAliasRequest{Name: []string{alias}}, &answer)
	if hasStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for alias %s: %w", alias, err)
	}
	indexes := make(map[string]string, len(answer))
	for index, found := range answer {
		for name := range found.Aliases {
			indexes[index] = name
		}
	}
	return indexes, nil
}

// removeReplaced removes the index that the live one has replaced, where the
// process that switched did not come to it.
func (b *Rebuild) removeReplaced(ctx context.Context, live string) error {
	state, err := b.readState(ctx, live)
	if err != nil || state.From == "" {
		return err
	}
	replaced := &Rebuild{live: b.live, to: live, state: state}
	if err := replaced.settle(ctx); err != nil {
		return err
	}
	return b.remove(ctx, state.From)
}

// find looks for a build that was begun beside the live index, and returns its
// alias, "" where there is none. Others, beside an index that is live no more
// or begun in the same moment, are removed.
func (b *Rebuild) find(ctx context.Context, from string) (alias string, err error) {
	builds, err := b.live.behind(ctx, b.live.name+nextInfix+"*")
	if err != nil {
		return "", err
	}
	for _, to := range slices.Sorted(maps.Keys(builds)) {
		state, err := b.readState(ctx, to)
		if err != nil {
			return "", err
		}
		if state.From == from && alias == "" {
			alias, b.to, b.state = builds[to], to, state
			continue
		}
		if err := b.remove(ctx, to); err != nil {
			return "", err
		}
	}
	return alias, nil
}

// takeOver makes the build behind an alias this process's own.
func (b *Rebuild) takeOver(ctx context.Context, alias string) error {
	err := b.changeAliases(ctx,
		object{"remove": object{"index": b.to, "alias": alias, "must_exist": true}},
		object{"add": object{"index": b.to, "alias": b.own.name, "is_write_index": true}})
	if err != nil {
		return fmt.Errorf("take over index %s: %w", b.to, replaced(err))
	}
	return b.allowWrites(ctx) // where a process was killed while it switched
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
		"aliases":  object{b.own.name: object{"is_write_index": true}},
		"mappings": b.state.mapping(),
	})
	if err != nil {
		return err
	}
	err = b.live.do(ctx, setupTimeout, opensearchapi.IndicesCreateRequest{Index: to, Body: bytes.NewReader(body)}, nil)
	if alreadyExists(err) {
		return fmt.Errorf("create index %s: %w", to, chat.ErrReplaced)
	}
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
	errs := b.own.Apply(ctx, messages)
	for i, err := range errs {
		errs[i] = replaced(err)
	}
	return errs
}

// Save implements chat.Rebuild. OpenSearch answers a bulk when it is durable.
func (b *Rebuild) Save(ctx context.Context, p chat.Progress) error {
	b.state.Progress = p
	body, err := json.Marshal(b.state.mapping())
	if err != nil {
		return err
	}
	err = b.live.do(ctx, setupTimeout, opensearchapi.IndicesPutMappingRequest{Index: []string{b.own.name}, Body: bytes.NewReader(body)}, nil)
	if err != nil {
		return fmt.Errorf("note how far index %s is: %w", b.to, replaced(err))
	}
	return nil
}

// replaced returns chat.ErrReplaced where a request failed because the alias
// or the index that it names is gone.
func replaced(err error) error {
	if hasStatus(err, http.StatusNotFound) {
		return fmt.Errorf("%w (%v)", chat.ErrReplaced, err)
	}
	return err
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
		return chat.ErrReplaced
	}
	err = b.live.do(ctx, setupTimeout, opensearchapi.IndicesDeleteRequest{Index: []string{index}}, nil)
	if err != nil && !hasStatus(err, http.StatusNotFound) {
		return fmt.Errorf("remove index %s: %w", index, err)
	}
	return nil
}

// Close implements chat.Rebuild.
func (b *Rebuild) Close() error { return nil }
