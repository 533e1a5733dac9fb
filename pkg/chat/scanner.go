package chat

import "context"

// Scanner is the port to all messages that a store holds. Only what rebuilds
// an index uses it: nothing that a client waits for scans.
type Scanner interface {
	// ScanMessages returns up to limit messages, tombstones among them, in an
	// order of the store's own, from where the cursor of the page before points
	// ("" is the start), and the cursor of the next page ("" after the last). A
	// page may have fewer messages, or none, and not be the last. A message that
	// is stored all the while is on some page, in the version that it has then
	// or a later one; one that is stored meanwhile may be on none. A row that is
	// no message comes as one with its key and version 0, which no message has. A
	// cursor that the store did not give out is an *InvalidError.
	ScanMessages(ctx context.Context, cursor string, limit int) (messages []Message, next string, err error)
}
