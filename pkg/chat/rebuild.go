package chat

import "context"

// Rebuild is the port to an index that is built anew beside the live one, which
// is searched and written meanwhile.
//
// Every method may return an error that wraps ErrUnavailable, or ErrReplaced
// after another rebuild has taken over; this one then changes nothing.
type Rebuild interface {
	// Progress returns how far the build is, as Save recorded it. It is zero if
	// the build has just begun.
	Progress() Progress
	// Apply writes messages into the new index as Index.Apply does.
	Apply(ctx context.Context, messages []Message) []error
	// Save makes the progress, and what was applied before, durable, so that
	// another process can resume from here.
	Save(ctx context.Context, p Progress) error
	// CatchUp writes the messages that changed in the live index since the
	// build began, or since the last CatchUp, into the new index, and returns
	// how many.
	CatchUp(ctx context.Context) (int, error)
	// Switch catches up for the last time and replaces the live index by the
	// new one in one step, so that no search misses a message. Then it removes
	// the old one. If it fails, one of the two is live.
	Switch(ctx context.Context) error
	// Abandon removes the new index.
	Abandon(ctx context.Context) error
	// Close ends this process's part of the rebuild. What was saved stays.
	Close() error
}

// Progress is how far a scan has come.
type Progress struct {
	Cursor   string `json:"cursor,omitempty"` // of the next page; "" at the start and after the last
	Messages int64  `json:"messages"`         // written into the index so far
	Scanned  bool   `json:"scanned"`          // the last page is written
}
