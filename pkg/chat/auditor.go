package chat

import (
	"context"
	"time"
)

// Auditor is the port to a store's counters and counts, and to their repair.
// Its methods are exact while others write: what they compare and what they
// repair holds at one instant.
//
// Every method may also return an error that wraps ErrUnavailable, among other
// reasons because others wrote too fast to count.
type Auditor interface {
	// Counter returns the highest number allocated within a parent. Found is
	// false if there is no such counter.
	Counter(ctx context.Context, parent Parent) (value int64, found bool, err error)
	// RaiseCounter sets a counter that is below value, or missing, to value. It
	// never lowers one.
	RaiseCounter(ctx context.Context, parent Parent, value int64) error

	// CountChats counts the stored chats of an app, or returns ErrAppNotFound.
	CountChats(ctx context.Context, appToken string) (Count, error)
	// CountMessages counts the stored messages of a chat that are not deleted.
	// The chat itself need not be stored.
	CountMessages(ctx context.Context, id ChatID) (Count, error)
	// RepairChatCount corrects an app's ChatCount if it is wrong, and returns
	// the count before.
	RepairChatCount(ctx context.Context, appToken string) (Count, error)
	// RepairMessageCount corrects a chat's MessageCount as RepairChatCount
	// corrects an app's ChatCount.
	RepairMessageCount(ctx context.Context, id ChatID) (Count, error)
}

// Count is a count as a row holds it and as it should be, at one instant.
type Count struct {
	Stored int64 // in the row
	Actual int64 // of the rows that are counted
}

// Exact reports whether the row holds the right count.
func (c Count) Exact() bool { return c.Stored == c.Actual }

// VersionIndex is the port to the versions of messages that an index holds.
type VersionIndex interface {
	Index
	// Versions returns, by number, the versions of a chat's messages from first
	// to last that the index holds: at most MaxVersions of them.
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
