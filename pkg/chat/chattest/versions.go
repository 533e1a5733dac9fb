package chattest

import (
	"context"
	"slices"
	"testing"

	"chatapi/pkg/chat"
)

// VersionIndex is the contract of the port chat.VersionIndex beyond that of
// chat.Index. It calls open once and runs its cases side by side, each in apps
// of its own.
func VersionIndex(t *testing.T, open func(t *testing.T) chat.VersionIndex) {
	x := open(t)
	for _, c := range []struct {
		name string
		run  func(t *testing.T, x versionTest)
	}{
		{"versions are those that were applied last", heldVersions},
		{"versions of a range of numbers", versionsInRange},
		{"chats and apps have versions of their own", versionsApart},
		{"the most numbers at once", mostVersions},
		{"an end of the context ends a read", cancelledVersions},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, versionTest{newIndexTest(t, x), x})
		})
	}
}

type versionTest struct {
	*indexTest
	versions chat.VersionIndex
}

func (x versionTest) want(t *testing.T, id chat.ChatID, first, last int64, want map[int64]chat.Indexed) {
	t.Helper()
	got, err := x.versions.Versions(t.Context(), id, first, last)
	if err != nil {
		t.Fatalf("versions: %v", err)
	}
	wantEqual(t, got, want)
}

func live(version int64) chat.Indexed { return chat.Indexed{Version: version} }

func heldVersions(t *testing.T, x versionTest) {
	messages := x.messages(t, 1, "red", "blue", "green")
	x.apply(t, messages...)
	x.apply(t, edited(messages[1], 4, "pink"), deleted(messages[2], 2))
	x.want(t, messages[0].ChatID(), 1, 10, map[int64]chat.Indexed{1: live(1), 2: live(4), 3: {Version: 2, Deleted: true}})
}

func versionsInRange(t *testing.T, x versionTest) {
	messages := x.messages(t, 1, "a", "b", "c", "d", "e")
	x.apply(t, slices.Delete(messages, 2, 3)...)
	id := messages[0].ChatID()
	x.want(t, id, 2, 4, map[int64]chat.Indexed{2: live(1), 4: live(1)})
	x.want(t, id, 3, 3, nil)
	x.want(t, id, 6, 9, nil)
}

func versionsApart(t *testing.T, x versionTest) {
	first, second := x.messages(t, 1, "red"), x.messages(t, 2, "red", "red")
	x.apply(t, slices.Concat(first, second)...)
	x.want(t, first[0].ChatID(), 1, 9, map[int64]chat.Indexed{1: live(1)})
	x.want(t, second[0].ChatID(), 1, 9, map[int64]chat.Indexed{1: live(1), 2: live(1)})
	x.want(t, chat.ChatID{AppToken: newAppToken(t), Number: 1}, 1, 9, nil)
}

func mostVersions(t *testing.T, x versionTest) {
	messages := x.messages(t, 1, slices.Repeat([]string{"red"}, chat.MaxVersions)...)
	x.apply(t, messages...)
	want := map[int64]chat.Indexed{}
	for _, m := range messages {
		want[m.Number] = live(1)
	}
	x.want(t, messages[0].ChatID(), 1, chat.MaxVersions, want)
}

func cancelledVersions(t *testing.T, x versionTest) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.versions.Versions(ctx, chat.ChatID{AppToken: x.app, Number: 1}, 1, 2); err == nil {
		t.Error("no error")
	}
}
