//go:build engines

package opensearch_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/opensearch"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func TestVersionIndex(t *testing.T) {
	t.Parallel()
	chattest.VersionIndex(t, func(t *testing.T) chat.VersionIndex { return setUp(t) })
}

// rebuildable returns an index that is set up, whose followers are removed at
// the end too.
func rebuildable(t *testing.T) (x *opensearch.Index, name string) {
	t.Helper()
	x, name = newEngineIndex(t)
	if err := x.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, n := range []string{"-2", "-3", "-4"} {
			request(t, http.MethodDelete, "/"+name+n)
		}
	})
	return x, name
}

func begin(t *testing.T, x *opensearch.Index) *opensearch.Rebuild {
	t.Helper()
	b, err := x.Rebuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// applier is a live index or one that is built.
type applier interface {
	Apply(ctx context.Context, messages []chat.Message) []error
}

func applyTo(t *testing.T, x applier, messages ...chat.Message) {
	t.Helper()
	if err := errors.Join(x.Apply(t.Context(), messages)...); err != nil {
		t.Fatal(err)
	}
}

func wantVersions(t *testing.T, x *opensearch.Index, id chat.ChatID, want string) {
	t.Helper()
	var got string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		held, err := x.Versions(t.Context(), id, 1, 100)
		if err != nil {
			t.Fatal(err)
		}
		versions := map[int64]int64{}
		for n, message := range held {
			versions[n] = message.Version
		}
		if got = fmt.Sprint(versions); got == want { // maps print in order
			return
		}
	}
	t.Errorf("versions %s, want %s", got, want)
}

func TestRebuild(t *testing.T) {
	t.Parallel()
	chattest.Rebuild(t, func(t *testing.T) chattest.RebuildUnderTest {
		x, _ := rebuildable(t)
		return chattest.RebuildUnderTest{
			Open:  func(*testing.T) (chat.VersionIndex, func()) { return x, func() {} },
			Begin: func(t *testing.T) (chat.Rebuild, func()) { return begin(t, x), func() {} },
		}
	})
}

// TestRebuildCatchesUp holds that the new index has what changed in the live
// one since the build began, whichever process goes on with it, and no older
// version of it.
func TestRebuildCatchesUp(t *testing.T) {
	t.Parallel()
	x, name := rebuildable(t)
	m := newMessage(t, "red")
	id := m.ChatID()
	numbered := func(number, version int64) chat.Message {
		m := m
		m.Number, m.Version = number, version
		return m
	}
	before, many := numbered(1, 1), []chat.Message{}
	for n := range int64(450) { // more than two pages of one shard
		many = append(many, numbered(1000+n, 1))
	}
	applyTo(t, x, before, numbered(2, 1))
	b := begin(t, x)
	applyTo(t, x, numbered(2, 3), numbered(3, 1))
	applyTo(t, x, many...)
	applyTo(t, b, before, numbered(2, 2)) // as the scan found them
	if n, err := b.CatchUp(t.Context()); n != 2+len(many) || err != nil {
		t.Errorf("caught up with %d changes, error %v, want %d", n, err, 2+len(many))
	}
	if n, err := b.CatchUp(t.Context()); n != 0 || err != nil {
		t.Errorf("caught up with %d changes again, error %v", n, err)
	}
	if err := b.Save(t.Context(), chat.Progress{Messages: 2}); err != nil {
		t.Fatal(err)
	}
	deleted := numbered(3, 2)
	deleted.DeletedAt = m.CreatedAt
	applyTo(t, x, deleted, numbered(4, 1))

	b = begin(t, x) // another process
	if n, err := b.CatchUp(t.Context()); n != 2 || err != nil {
		t.Errorf("the next process caught up with %d changes, error %v, want 2", n, err)
	}
	applyTo(t, x, numbered(5, 1))
	if err := b.Switch(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantVersions(t, x, id, "map[1:1 2:3 3:2 4:1 5:1]")
	applyTo(t, x, numbered(6, 1))
	wantVersions(t, x, id, "map[1:1 2:3 3:2 4:1 5:1 6:1]")
	if status := request(t, http.MethodHead, "/"+name+"-1"); status != http.StatusNotFound {
		t.Errorf("the old index is left, status %d", status)
	}
	if b := begin(t, x); b.Progress() != (chat.Progress{}) {
		t.Errorf("the build is left, at %+v", b.Progress())
	}
}

// TestSwitchThatIsKilled leaves a switch where a kill could: writes are blocked
// until the next process goes on.
func TestSwitchThatIsKilled(t *testing.T) {
	t.Parallel()
	x, name := rebuildable(t)
	m := newMessage(t, "red")
	applyTo(t, x, m)
	begin(t, x)
	if status := request(t, http.MethodPut, "/"+name+"-1/_block/write"); status != http.StatusOK {
		t.Fatalf("block writes: status %d", status)
	}
	next := m
	next.Number, next.Version = 2, 1
	if errs := x.Apply(t.Context(), []chat.Message{next}); len(errs) != 1 || !errors.Is(errs[0], chat.ErrUnavailable) {
		t.Fatalf("a blocked write: errors %v, want one that may pass", errs)
	}
	waitFor(t, x, m) // searches go on
	b := begin(t, x)
	applyTo(t, x, next)
	applyTo(t, b, m)
	if err := b.Switch(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantVersions(t, x, m.ChatID(), "map[1:1 2:1]")
}

// TestTakenOver lets a second process go on with a build, or give it up and
// begin another of the same name, while the first is at work. The first one
// then changes nothing any more, least of all how far the other says it is.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		second func(t *testing.T, x *opensearch.Index) *opensearch.Rebuild
	}{
		{"another goes on with it", begin},
		{"another abandons it and begins anew", func(t *testing.T, x *opensearch.Index) *opensearch.Rebuild {
			if err := begin(t, x).Abandon(t.Context()); err != nil {
				t.Fatal(err)
			}
			return begin(t, x)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x, _ := rebuildable(t)
			m := newMessage(t, "red")
			applyTo(t, x, m)
			first := begin(t, x)
			second := tt.second(t, x)
			wantReplaced(t, "apply", errors.Join(first.Apply(t.Context(), []chat.Message{m})...))
			wantReplaced(t, "save", first.Save(t.Context(), chat.Progress{Messages: 7, Scanned: true}))
			wantReplaced(t, "switch", first.Switch(t.Context()))
			applyTo(t, x, edited(m, 2)) // writes are not blocked
			if p := begin(t, x).Progress(); p != (chat.Progress{}) {
				t.Errorf("the build is said to be at %+v", p)
			}
			wantReplaced(t, "the second one's switch", second.Switch(t.Context()))
			third := begin(t, x)
			applyTo(t, third, m)
			if err := third.Switch(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantVersions(t, x, m.ChatID(), "map[1:2]")
		})
	}
}

func wantReplaced(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, chat.ErrReplaced) || errors.Is(err, chat.ErrUnavailable) {
		t.Errorf("%s: error %v, want %v", what, err, chat.ErrReplaced)
	}
}

func edited(m chat.Message, version int64) chat.Message {
	m.Version = version
	return m
}

// TestSwitchLosesNothing lets other processes do their worst in the moment
// between a switch's last catch-up and its change of the aliases.
func TestSwitchLosesNothing(t *testing.T) {
	for _, tt := range []struct {
		name      string
		meanwhile func(t *testing.T, x *opensearch.Index, name string)
		want      error // of the switch
	}{
		{"writes are allowed again", func(t *testing.T, _ *opensearch.Index, name string) { allowWrites(t, name) }, nil},
		{"another goes on with the build", func(t *testing.T, x *opensearch.Index, _ string) { begin(t, x) }, chat.ErrReplaced},
		{"another goes on with the build and switches", func(t *testing.T, x *opensearch.Index, _ string) {
			b := begin(t, x)
			applyTo(t, x, edited(newMessage(t, "red"), 1)) // of another chat
			if err := b.Switch(t.Context()); err != nil {
				t.Error(err)
			}
		}, nil}, // as what the first one built is live
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x, name := rebuildable(t)
			m := newMessage(t, "red")
			applyTo(t, x, m)
			between := &proxy{target: endpoint(t)}
			b := begin(t, between.index(t, name))
			applyTo(t, b, m)
			between.beforeSwitch = func() {
				tt.meanwhile(t, x, name)
				applyTo(t, x, edited(m, 2))
			}
			if err := b.Switch(t.Context()); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			wantVersions(t, x, m.ChatID(), "map[1:2]")
			b = begin(t, x)
			applyTo(t, b, m)
			applyTo(t, x, edited(m, 3))
			if err := b.Switch(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantVersions(t, x, m.ChatID(), "map[1:3]")
		})
	}
}

// TestSwitchThatIsKilledAfterIt holds that the next process brings over what
// the old index took last, before it removes that index.
func TestSwitchThatIsKilledAfterIt(t *testing.T) {
	t.Parallel()
	x, name := rebuildable(t)
	m := newMessage(t, "red")
	applyTo(t, x, m)
	between := &proxy{target: endpoint(t)}
	b := begin(t, between.index(t, name))
	applyTo(t, b, m)
	between.beforeSwitch = func() {
		allowWrites(t, name)
		applyTo(t, x, edited(m, 2))
	}
	between.afterSwitch = func() (answered bool) {
		between.down.Store(true)
		return false
	}
	if err := b.Switch(t.Context()); !errors.Is(err, chat.ErrUnavailable) {
		t.Fatalf("error %v, want %v", err, chat.ErrUnavailable)
	}
	begin(t, x)
	wantVersions(t, x, m.ChatID(), "map[1:2]")
	if status := request(t, http.MethodHead, "/"+name+"-1"); status != http.StatusNotFound {
		t.Errorf("the old index is left, status %d", status)
	}
	between.down.Store(false)
	if err := b.Switch(t.Context()); err != nil {
		t.Errorf("a switch that was made is called again: %v", err)
	}
}

// TestSwitchAnswerLost loses the answer of a switch that was made.
func TestSwitchAnswerLost(t *testing.T) {
	t.Parallel()
	x, name := rebuildable(t)
	m := newMessage(t, "red")
	applyTo(t, x, m)
	between := &proxy{target: endpoint(t), afterSwitch: func() (answered bool) { return false }}
	b := begin(t, between.index(t, name))
	applyTo(t, b, m)
	if err := b.Switch(t.Context()); err != nil {
		t.Error(err)
	}
	wantVersions(t, x, m.ChatID(), "map[1:1]")
}

// allowWrites ends the block of the first index, as a process does that found
// it live a moment ago.
func allowWrites(t *testing.T, name string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, endpoint(t)+"/"+name+"-1/_settings", strings.NewReader(`{"index.blocks.write":null}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("allow writes: status %d", res.StatusCode)
	}
}

// proxy stands between a process and OpenSearch.
type proxy struct {
	target       string
	beforeSwitch func()                 // called once, before the first change of the live alias
	afterSwitch  func() (answered bool) // called once, after it
	down         atomic.Bool
}

// index returns an index that is reached through the proxy.
func (p *proxy) index(t *testing.T, name string) *opensearch.Index {
	t.Helper()
	target, err := url.Parse(p.target)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(p.handler(httputil.NewSingleHostReverseProxy(target)))
	t.Cleanup(server.Close)
	x, err := opensearch.New(aws.Config{}, opensearch.Config{Endpoint: server.URL, Index: name})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (p *proxy) handler(pass http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if p.down.Load() {
			panic(http.ErrAbortHandler)
		}
		if r.URL.Path != "/_aliases" {
			pass.ServeHTTP(w, r)
			return
		}
		before, after := p.beforeSwitch, p.afterSwitch
		p.beforeSwitch, p.afterSwitch = nil, nil
		if before != nil {
			before()
		}
		answer := httptest.NewRecorder()
		pass.ServeHTTP(answer, r)
		if after != nil && !after() {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = answer.Body.WriteTo(w)
	}
}

func TestAbandon(t *testing.T) {
	t.Parallel()
	x, name := rebuildable(t)
	m := newMessage(t, "red")
	applyTo(t, x, m)
	if err := begin(t, x).Abandon(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status := request(t, http.MethodHead, "/"+name+"-2"); status != http.StatusNotFound {
		t.Errorf("what was built is left, status %d", status)
	}
	waitFor(t, x, m)
}
