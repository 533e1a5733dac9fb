package chat

import "context"

// Rebuild is the port to an index that is built anew beside the live one. The
// live index is searched and written all the while.
//
// Every method may return an error that wraps ErrUnavailable, or ErrReplaced
// where another rebuild has taken over: then this one changes nothing any more.
type Rebuild interface {
	// Progress returns how far the build is, as Save noted it: the zero value
	// where it has just begun.
	Progress() Progress
	// Apply brings messages into the new index as Index.Apply does.
	Apply(ctx context.Context, messages []Message) []error
	// Save makes the progress durable, and what was applied before, so that the
	// next process goes on from here.
	Save(ctx context.Context, p Progress) error
	// CatchUp brings the messages that changed in the live index since the build
	// began, or since the last CatchUp, into the new one and returns how many.
	CatchUp(ctx context.Context) (int, error)
	// Switch catches up for the last time and puts the new index in the place of
	// the live one in one step: no search misses a message for it. Then it
	// removes the one that was live. Where it fails the live index goes on, be
	// it the old one or the new one.
	Switch(ctx context.Context) error
}

// Progress is how far a scan has brought messages into a new index.
type Progress struct {
	Cursor   string `json:"cursor,omitempty"` // of the next page; "" at the start and after the last
	Messages int64  `json:"messages"`         // brought into the index so far
	Scanned  bool   `json:"scanned"`          // the last page is in
}
