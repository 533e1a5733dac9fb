package chat

import (
	"context"
	"time"
)

// Auditor is the port to what a store's counters and counts say and to their
// repair. Its methods are exact while others write: what they compare, and
// what they repair, is true of one instant.
//
// Every method may also return an error that wraps ErrUnavailable, also where
// others wrote too fast for a count.
type Auditor interface {
	// Counter returns the highest number given out to the messages of a chat or,
	// for chat number 0, to the chats of the app. Found is false where there is
	// no such counter.
	Counter(ctx context.Context, id ChatID) (value int64, found bool, err error)
	// RaiseCounter makes a counter that is below value, or not there, stand at
	// value. It never lowers one.
	RaiseCounter(ctx context.Context, id ChatID, value int64) error

	// TallyChats counts the stored chats of an app, or ErrAppNotFound.
	TallyChats(ctx context.Context, appToken string) (Tally, error)
	// TallyMessages counts the stored, not deleted messages of a chat. A chat
	// without a row is a Tally of what there is.
	TallyMessages(ctx context.Context, id ChatID) (Tally, error)
	// RepairChatCount makes an app's ChatCount right, where it is not, and
	// returns the tally that it found.
	RepairChatCount(ctx context.Context, appToken string) (Tally, error)
	// RepairMessageCount makes a chat's MessageCount right as RepairChatCount
	// does an app's ChatCount.
	RepairMessageCount(ctx context.Context, id ChatID) (Tally, error)
}

// Tally is a count as it is kept beside what was counted, at one instant.
type Tally struct {
	Kept    int64 // what the row says
	Counted int64 // how many there are
}

// Right reports whether the count is what was counted.
func (t Tally) Right() bool { return t.Kept == t.Counted }

// VersionIndex is the port to the versions that an index holds.
type VersionIndex interface {
	Index
	// Versions returns the versions of a chat's messages that the index holds by
	// their numbers from first to last: at most MaxVersions of them.
	Versions(ctx context.Context, id ChatID, first, last int64) (map[int64]Indexed, error)
}

// Indexed is what an index holds of a message.
type Indexed struct {
	Version   int64
	CreatedAt time.Time
	Deleted   bool // so that no search finds it
}

// MaxVersions is how many numbers a call of VersionIndex.Versions may span.
const MaxVersions = 1000
