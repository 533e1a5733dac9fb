// Package history records what clients asked of the service and what they were
// told, and judges afterwards whether what is stored keeps the promises.
package history

import (
	"fmt"
	"sync"
	"time"
)

// Kind is what a request asked for.
type Kind uint8

// The kinds of requests that change something.
const (
	Create Kind = iota
	Edit
	Delete
)

func (k Kind) String() string { return [...]string{"create", "edit", "delete"}[k] }

// Outcome is what a client knows when its request has ended.
type Outcome uint8

// The outcomes.
const (
	Unknown      Outcome = iota // no answer, or a 503: it may have been done, or be done later
	Acknowledged                // a success: it is done
	Refused                     // an answer that says that it is not done
)

func (o Outcome) String() string { return [...]string{"unknown", "acknowledged", "refused"}[o] }

// Request is one request of one client.
type Request struct {
	Client     int
	Kind       Kind
	In         string        // the collection: the chats of an app or the messages of a chat
	Number     int64         // of a create the one answered, 0 for none; else the one asked for
	Text       string        // title or body as sent; no other create or edit sends the same, but for a retry with the same key
	Key        string        // the Idempotency-Key, "" for none
	Begin, End time.Duration // since the recorder's start
	Outcome    Outcome
	Status     int    // of the answer, 0 for none
	Unexpected string // why the answer is none that the API allows, "" where it is one
}

func (r Request) String() string {
	what := r.Kind.String()
	if r.Kind != Create {
		what = fmt.Sprintf("%s %d", what, r.Number)
	}
	if r.Text != "" {
		what += fmt.Sprintf(" %.60q", r.Text)
	}
	if r.Key != "" {
		what += " key " + r.Key
	}
	answer := "no answer"
	if r.Status != 0 {
		answer = fmt.Sprintf("status %d", r.Status)
	}
	if r.Kind == Create && r.Number != 0 {
		answer += fmt.Sprintf(" number %d", r.Number)
	}
	return fmt.Sprintf("%v–%v client %d %s in %s: %s, %s", r.Begin.Round(time.Microsecond), r.End.Round(time.Microsecond),
		r.Client, what, r.In, answer, r.Outcome)
}

// Recorder takes down requests. It is safe for concurrent use.
type Recorder struct {
	begun    time.Time
	mu       sync.Mutex
	requests []Request
}

// NewRecorder returns a recorder whose clock starts now.
func NewRecorder() *Recorder { return &Recorder{begun: time.Now()} }

// Now is the time since the recorder's start, for Begin and End. It is taken
// from a clock that does not jump.
func (r *Recorder) Now() time.Duration { return time.Since(r.begun) }

// Add takes down a request that has ended.
func (r *Recorder) Add(request Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, request)
}

// Requests returns what was taken down so far, in the order of the ends.
func (r *Recorder) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests[:len(r.requests):len(r.requests)]
}

// State is what is stored at the end: every collection by the name under which
// requests know it.
type State map[string]Collection

// Collection is the chats of an app or the messages of a chat.
type Collection struct {
	Count    int64 // as its parent tells
	Rows     []Row // as the list tells, tombstones among them
	Searched bool  // whether Found was asked for
	Found    []Row // what a search for a word of every text finds
}

// Row is one chat or message.
type Row struct {
	Number  int64
	Text    string // "" in a tombstone
	Version int64  // 0 where it was not asked for
	Deleted bool
}
