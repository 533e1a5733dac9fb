package chattest

import (
	"errors"
	"maps"
	"testing"
	"time"

	"chatapi/pkg/chat"
)

// RebuildUnderTest is an empty index and the way to build it anew. The suite
// never has both open at the same time, since not every engine can.
type RebuildUnderTest struct {
	Open  func(t *testing.T) (live chat.VersionIndex, closeIt func())
	Begin func(t *testing.T) (build chat.Rebuild, closeIt func())
}

// Rebuild is the contract of the port chat.Rebuild, where nothing changes while
// the index is built. It runs its cases side by side and calls open for each.
func Rebuild(t *testing.T, open func(t *testing.T) RebuildUnderTest) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, r rebuildTest)
	}{
		{"a build begins with nothing", beginRebuild},
		{"the new index holds what was brought into it and nothing else", switchIndex},
		{"versions decide in the new index too", versionsInBuild},
		{"a build goes on where it was left", resumeRebuild},
		{"a build that is not switched changes nothing", leaveRebuild},
		{"an index is built anew again and again", rebuildAgain},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, rebuildTest{RebuildUnderTest: open(t), indexTest: newIndexTest(t, nil)})
		})
	}
}

type rebuildTest struct {
	RebuildUnderTest
	*indexTest
}

// live applies messages to the live index.
func (r rebuildTest) live(t *testing.T, messages ...chat.Message) {
	t.Helper()
	index, closeIt := r.Open(t)
	defer closeIt()
	applyNow(t, index, messages)
}

// build begins a build or goes on with it.
func (r rebuildTest) build(t *testing.T, run func(chat.Rebuild)) {
	t.Helper()
	build, closeIt := r.Begin(t)
	defer closeIt()
	run(build)
}

// bring applies messages to a build.
func bring(t *testing.T, build chat.Rebuild, messages ...chat.Message) {
	t.Helper()
	if err := errors.Join(build.Apply(t.Context(), messages)...); err != nil {
		t.Fatalf("apply to the new index: %v", err)
	}
}

func switchTo(t *testing.T, build chat.Rebuild) {
	t.Helper()
	if err := build.Switch(t.Context()); err != nil {
		t.Fatalf("switch: %v", err)
	}
}

// wantLive waits until the live index holds these versions in chat 1, which is
// at once after a switch.
func (r rebuildTest) wantLive(t *testing.T, want map[int64]int64) {
	t.Helper()
	index, closeIt := r.Open(t)
	defer closeIt()
	var got map[int64]int64
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		held, err := index.Versions(t.Context(), chat.ChatID{AppToken: r.app, Number: 1}, 1, 100)
		if err != nil {
			t.Fatal(err)
		}
		got = map[int64]int64{}
		for n, indexed := range held {
			got[n] = indexed.Version
		}
		if maps.Equal(got, want) {
			return
		}
	}
	wantEqual(t, got, want)
}

func beginRebuild(t *testing.T, r rebuildTest) {
	r.live(t, r.messages(t, 1, "red")...)
	r.build(t, func(b chat.Rebuild) { wantEqual(t, b.Progress(), chat.Progress{}) })
}

func switchIndex(t *testing.T, r rebuildTest) {
	messages := r.messages(t, 1, "red", "blue", "green")
	r.live(t, messages[0], messages[1])
	r.build(t, func(b chat.Rebuild) {
		bring(t, b, edited(messages[1], 2, "pink"), messages[2])
		switchTo(t, b)
	})
	r.wantLive(t, map[int64]int64{2: 2, 3: 1})
}

func versionsInBuild(t *testing.T, r rebuildTest) {
	messages := r.messages(t, 1, "red", "blue")
	r.build(t, func(b chat.Rebuild) {
		bring(t, b, edited(messages[0], 3, "pink"), deleted(messages[1], 2))
		bring(t, b, edited(messages[0], 2, "late"), messages[1])
		switchTo(t, b)
	})
	r.wantLive(t, map[int64]int64{1: 3, 2: 2})
	r.live(t, edited(messages[0], 2, "later"), edited(messages[1], 5, "newer"))
	r.wantLive(t, map[int64]int64{1: 3, 2: 5})
}

func resumeRebuild(t *testing.T, r rebuildTest) {
	messages := r.messages(t, 1, "red", "blue", "green")
	half := chat.Progress{Cursor: "in the middle", Messages: 2}
	r.build(t, func(b chat.Rebuild) {
		bring(t, b, messages[:2]...)
		if err := b.Save(t.Context(), half); err != nil {
			t.Fatal(err)
		}
	})
	r.build(t, func(b chat.Rebuild) {
		wantEqual(t, b.Progress(), half)
		bring(t, b, messages[2])
		switchTo(t, b)
	})
	r.wantLive(t, map[int64]int64{1: 1, 2: 1, 3: 1})
}

func leaveRebuild(t *testing.T, r rebuildTest) {
	messages := r.messages(t, 1, "red", "blue")
	r.live(t, messages[0])
	r.build(t, func(b chat.Rebuild) { bring(t, b, messages...) })
	r.wantLive(t, map[int64]int64{1: 1})
}

func rebuildAgain(t *testing.T, r rebuildTest) {
	messages := r.messages(t, 1, "red", "blue", "green")
	for i := range messages {
		r.build(t, func(b chat.Rebuild) {
			wantEqual(t, b.Progress(), chat.Progress{})
			bring(t, b, messages[i])
			switchTo(t, b)
		})
		r.wantLive(t, map[int64]int64{messages[i].Number: 1})
	}
}
