package chat

import "context"

// Scanner is the port to all messages of a store. Only a rebuild of the index
// uses it: no request scans.
type Scanner interface {
	// ScanMessages returns up to limit messages, including tombstones, in an
	// order of the store's own, and the cursor of the next page, "" after the
	// last. The cursor "" is the start. A page may have fewer messages, or none,
	// and not be the last. A message that is stored during the whole scan is on
	// some page, in its version at that time or a later one; a message that is
	// stored meanwhile may be on none. A row that is not a message is returned
	// as its key with version 0, which no message has. A cursor that the store
	// did not return is an *InvalidError.
	ScanMessages(ctx context.Context, cursor string, limit int) (messages []Message, next string, err error)
}
