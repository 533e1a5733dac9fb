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

// Rebuild implements chat.Rebuild on OpenSearch: it builds the index <alias>-<n+1>
// beside the live one, <alias>-<n>.
//
// While it is built, the new index has an alias <alias>-next-<random>, by which the
// next process finds it, and its mapping's _meta has the progress. The alias belongs
// to one process: whoever resumes a build replaces the alias by another in one step.
// A process changes the new index only through its alias, so that one whose build
// was taken over or abandoned can no longer change or switch anything.
//
// What changes meanwhile is found by the sequence numbers that OpenSearch gives the
// writes of each shard of the live index: they only grow, so the documents with
// numbers above those of the beginning are those that changed. All others are in
// the table, and versions decide if a message is in both.
//
// Switch blocks writes to the live index for the last catch-up, which begins when
// all writes in progress have ended. The indexer's writes fail meanwhile and are
// retried, then on the new index; searches continue. Another process may end the
// block at that moment, so what the old index has accepted since is indexed after
// the switch too, before that index is removed.
type Rebuild struct {
	live  *Index // the alias
	own   *Index // <alias>-next-<random>
	to    string // the new index
	state buildState
}

var _ chat.Rebuild = (*Rebuild)(nil)

// buildState is the state of a build, in _meta of the new index's mapping.
type buildState struct {
	From     string           `json:"from"`     // the index that was live at the beginning
	Shards   map[string]int64 `json:"shards"`   // per shard of it, the sequence number up to which changes are indexed
	Progress chat.Progress    `json:"progress"` // of the scan
}

// Rebuild begins a build beside the live index or resumes the one that was begun
// before; the process that built that one then gets chat.ErrReplaced. It calls Setup
// first, so that there is a live index.
func (x *Index) Rebuild(ctx context.Context) (*Rebuild, error) {
	own := x.name + nextInfix + strings.ToLower(rand.Text())
	b := &Rebuild{live: x, own: &Index{transport: x.transport, name: own}}
	if err := b.begin(ctx); err != nil {
		return nil, fmt.Errorf("begin rebuild of index %s: %w", x.name, err)
	}
	return b, nil
}

// nextInfix is between the live alias and the random part of a build's alias.
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
		return fmt.Errorf("the alias %s does not exist", b.live.name)
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

// behindAlias returns the one index behind the alias, "" if there is none.
func (x *Index) behindAlias(ctx context.Context) (string, error) {
	indexes, err := x.behind(ctx, x.name)
	if err != nil {
		return "", err
	}
	if len(indexes) > 1 {
		return "", fmt.Errorf("%d indexes behind the alias %s, want 1", len(indexes), x.name)
	}
	for name := range indexes {
		return name, nil
	}
	return "", nil
}

// behind returns the indexes behind an alias, or behind the aliases that match a
// pattern, each with one alias.
func (x *Index) behind(ctx context.Context, alias string) (map[string]string, error) {
	var found map[string]struct {
		Aliases map[string]struct{} `json:"aliases"`
	}
	err := x.do(ctx, setupTimeout, opensearchapi.IndicesGetAliasRequest{Name: []string{alias}}, &found)
	if hasStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for alias %s: %w", alias, err)
	}
	indexes := make(map[string]string, len(found))
	for index, aliases := range found {
		for name := range aliases.Aliases {
			indexes[index] = name
		}
	}
	return indexes, nil
}

// removeReplaced removes the index that the live one has replaced, if the process
// that switched has not done so.
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

// find returns the alias of a build that was begun beside the live index, "" if
// there is none. It removes others, which were begun at the same moment or beside an
// index that is no longer live.
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

// takeOver replaces the alias of a build by this process's own.
func (b *Rebuild) takeOver(ctx context.Context, alias string) error {
	err := b.changeAliases(ctx,
		object{"remove": object{"index": b.to, "alias": alias, "must_exist": true}},
		object{"add": object{"index": b.to, "alias": b.own.name, "is_write_index": true}})
	if err != nil {
		return fmt.Errorf("take over index %s: %w", b.to, replaced(err))
	}
	return b.allowWrites(ctx) // a process may have been killed while it switched
}

// create creates the new index. The sequence numbers are read before it and the
// table is scanned after it, so that each change is in one of them.
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

// freeName returns <alias>-<n> with the number after the highest existing one.
func (b *Rebuild) freeName(ctx context.Context) (string, error) {
	var found map[string]json.RawMessage
	list := opensearchapi.IndicesGetAliasRequest{Index: []string{b.live.name + "-*"}}
	err := b.live.do(ctx, setupTimeout, list, &found)
	if err != nil {
		return "", fmt.Errorf("list indexes: %w", err)
	}
	numbered := regexp.MustCompile("^" + regexp.QuoteMeta(b.live.name) + "-([0-9]{1,9})$")
	highest := 0
	for name := range found {
		if match := numbered.FindStringSubmatch(name); match != nil {
			n, err := strconv.Atoi(match[1])
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
	var found map[string]struct {
		Mappings struct {
			Meta struct {
				Rebuild buildState `json:"rebuild"`
			} `json:"_meta"`
		} `json:"mappings"`
	}
	err := b.live.do(ctx, setupTimeout, opensearchapi.IndicesGetMappingRequest{
		Index: []string{index}, FilterPath: []string{"*.mappings._meta"},
	}, &found)
	if err != nil {
		return buildState{}, fmt.Errorf("read progress of index %s: %w", index, err)
	}
	return found[index].Mappings.Meta.Rebuild, nil
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

// Save implements chat.Rebuild. OpenSearch responds to a bulk request when it is
// durable.
func (b *Rebuild) Save(ctx context.Context, p chat.Progress) error {
	b.state.Progress = p
	body, err := json.Marshal(b.state.mapping())
	if err != nil {
		return err
	}
	put := opensearchapi.IndicesPutMappingRequest{Index: []string{b.own.name}, Body: bytes.NewReader(body)}
	err = b.live.do(ctx, setupTimeout, put, nil)
	if err != nil {
		return fmt.Errorf("save progress of index %s: %w", b.to, replaced(err))
	}
	return nil
}

// replaced returns chat.ErrReplaced if a request failed because its alias or index
// no longer exists.
func replaced(err error) error {
	if hasStatus(err, http.StatusNotFound) {
		return fmt.Errorf("%w (%v)", chat.ErrReplaced, err)
	}
	return err
}

// Abandon removes what was built so far.
func (b *Rebuild) Abandon(ctx context.Context) error { return b.remove(ctx, b.to) }

// remove removes an index, unless it is behind the live alias. Removing again is
// safe.
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
