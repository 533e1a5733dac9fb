//go:build engines

package opensearch_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/opensearch"
)

func TestVersionIndex(t *testing.T) {
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
	if status := request(t, http.MethodHead, "/_alias/"+name+"-next"); status != http.StatusNotFound {
		t.Errorf("the alias of the build is left, status %d", status)
	}
}

// TestSwitchThatIsKilled leaves a switch where a kill could: writes are blocked
// until the next process goes on.
func TestSwitchThatIsKilled(t *testing.T) {
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

// TestReplacedMeanwhile lets two builds begin, of which one is switched.
func TestReplacedMeanwhile(t *testing.T) {
	x, _ := rebuildable(t)
	m := newMessage(t, "red")
	applyTo(t, x, m)
	first, second := begin(t, x), begin(t, x) // goes on with the same
	applyTo(t, first, m)
	if err := first.Switch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := second.Switch(t.Context()); !errors.Is(err, opensearch.ErrReplaced) {
		t.Errorf("error %v, want %v", err, opensearch.ErrReplaced)
	}
	wantVersions(t, x, m.ChatID(), "map[1:1]")
}

func TestAbandon(t *testing.T) {
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
