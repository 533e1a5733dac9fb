package chat

import "context"

// Ports are the ports of a running service. A backend fills all of them; the
// API, the consumers and the commands take what they need.
type Ports struct {
	Store       Store
	Readers     Readers
	Idempotency Idempotency
	Auditor     Auditor
	Scanner     Scanner

	Queue             Queue
	Receiver          Receiver
	CreateDeadLetters DeadLetters

	Stream            Stream
	Batches           BatchStream // nil if the stream has no batches to read again
	ChangeDeadLetters DeadLetters

	Index   VersionIndex
	Rebuild func(ctx context.Context) (Rebuild, error) // begins or resumes a rebuild of the index

	// Failed receives an error once the backend accepts no writes until the
	// process is started again; nil if the backend has no such state.
	Failed <-chan error
}
