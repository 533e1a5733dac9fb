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

// held is what an index holds of messages, by their numbers.
func held(messages ...chat.Message) map[int64]chat.Indexed {
	all := map[int64]chat.Indexed{}
	for _, m := range messages {
		all[m.Number] = chat.Indexed{Version: m.Version, CreatedAt: m.CreatedAt, Deleted: m.Deleted()}
	}
	return all
}

func heldVersions(t *testing.T, x versionTest) {
	messages := x.messages(t, 1, "red", "blue", "green")
	x.apply(t, messages...)
	pink, gone := edited(messages[1], 4, "pink"), deleted(messages[2], 2)
	x.apply(t, pink, gone)
	x.want(t, messages[0].ChatID(), 1, 10, held(messages[0], pink, gone))
}

func versionsInRange(t *testing.T, x versionTest) {
	messages := x.messages(t, 1, slices.Repeat([]string{"red"}, 520)...)
	id := messages[0].ChatID()
	x.apply(t, slices.Delete(slices.Clone(messages), 510, 511)...)
	x.want(t, id, 500, 513, held(slices.Concat(messages[499:510], messages[511:513])...))
	x.want(t, id, 511, 511, nil)
	x.want(t, id, 521, 529, nil)
}

func versionsApart(t *testing.T, x versionTest) {
	first, second := x.messages(t, 1, "red"), x.messages(t, 2, "red", "red")
	x.apply(t, slices.Concat(first, second)...)
	x.want(t, first[0].ChatID(), 1, 9, held(first...))
	x.want(t, second[0].ChatID(), 1, 9, held(second...))
	x.want(t, chat.ChatID{AppToken: newAppToken(t), Number: 1}, 1, 9, nil)
}

func mostVersions(t *testing.T, x versionTest) {
	messages := x.messages(t, 1, slices.Repeat([]string{"red"}, chat.MaxVersions)...)
	x.apply(t, messages...)
	x.want(t, messages[0].ChatID(), 1, chat.MaxVersions, held(messages...))
}

func cancelledVersions(t *testing.T, x versionTest) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.versions.Versions(ctx, chat.ChatID{AppToken: x.app, Number: 1}, 1, 2); err == nil {
		t.Error("no error")
	}
}
