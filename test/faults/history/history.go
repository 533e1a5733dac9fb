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
	Unknown      Outcome = iota // no response, or a 503: it may have been done, or be done later
	Acknowledged                // a success: it is done
	Refused                     // a response that says that it is not done
)

func (o Outcome) String() string { return [...]string{"unknown", "acknowledged", "refused"}[o] }

// Request is one request of one client that changes something.
type Request struct {
	Client     int
	Kind       Kind
	In         string        // the collection: all apps, the chats of an app or the messages of a chat
	Number     int64         // of a create the one in the response, 0 for none; else the one asked for
	Text       string        // name, title or body as sent, "" if an edit does not name it; no other create or edit sends the same, but for a retry with the same key
	Metadata   string        // as sent, in one form; "" if there is none
	Key        string        // the Idempotency-Key, "" for none
	IfMatch    int64         // the version that an edit allows, 0 for any
	Begin, End time.Duration // since the recorder's start
	Outcome    Outcome
	Status     int    // of the response, 0 for none
	Version    int64  // of the row as the response shows it, 0 for none
	Unexpected string // why the response is not one that the API allows, "" if it is
}

func (r Request) String() string {
	what := r.Kind.String()
	if r.Kind != Create {
		what = fmt.Sprintf("%s %d", what, r.Number)
	}
	if r.Text != "" {
		what += fmt.Sprintf(" %.60q", r.Text)
	}
	if r.Metadata != "" {
		what += fmt.Sprintf(" metadata %.60s", r.Metadata)
	}
	if r.Key != "" {
		what += " key " + r.Key
	}
	if r.IfMatch != 0 {
		what += fmt.Sprintf(" if version %d", r.IfMatch)
	}
	response := "no response"
	if r.Status != 0 {
		response = fmt.Sprintf("status %d", r.Status)
	}
	if r.Kind == Create && r.Number != 0 {
		response += fmt.Sprintf(" number %d", r.Number)
	}
	if r.Version != 0 {
		response += fmt.Sprintf(" version %d", r.Version)
	}
	return fmt.Sprintf("%v client %d %s in %s: %s, %s", span(r.Begin, r.End), r.Client, what, r.In, response, r.Outcome)
}

func span(begin, end time.Duration) string {
	return fmt.Sprintf("%v–%v", begin.Round(time.Microsecond), end.Round(time.Microsecond))
}

// ReadKind is what a read asked for.
type ReadKind uint8

// The kinds of reads.
const (
	Get    ReadKind = iota // one row
	List                   // a page
	Count                  // what the parent says of its number of rows
	Search                 // a page of what a search for a word of every text finds
)

func (k ReadKind) String() string { return [...]string{"get", "list", "count", "search"}[k] }

// Read is one read of one client that got a response other than a 503.
type Read struct {
	Client     int
	Kind       ReadKind
	In         string
	Number     int64 // that a Get asked for
	Page       Page  // that a List or a Search asked for
	Begin, End time.Duration
	Status     int
	Code       string // of the problem, "" for none
	Rows       []Row  // in the order of the response
	Next       bool   // whether there is a next page
	Count      int64
	Unexpected string // why the response is not one that the API allows, "" if it is
}

func (r Read) String() string {
	what := r.Kind.String()
	if r.Kind == Get {
		what = fmt.Sprintf("get %d", r.Number)
	}
	return fmt.Sprintf("%v client %d %s %+v in %s: status %d %s, %d rows, count %d",
		span(r.Begin, r.End), r.Client, what, r.Page, r.In, r.Status, r.Code, len(r.Rows), r.Count)
}

// Page is what a list asks for: rows above After and, if Before is not 0,
// below Before, Limit of them.
type Page struct {
	After, Before int64
	Limit         int
	Descending    bool
}

// Mark is one request of one client for a reader of a chat: it raises the
// reader's mark or, if LastRead is 0, reads it.
type Mark struct {
	Client     int
	In         string // the messages that are read
	Reader     string
	LastRead   int64 // as sent
	Begin, End time.Duration
	Outcome    Outcome
	Shown      int64 // last_read of the response
	Last       int64 // last_message_number of the response
	Unread     int64 // of the response
	Unexpected string
}

func (m Mark) String() string {
	return fmt.Sprintf("%v client %d reader %s marks %d in %s: %s, last_read %d, last_message_number %d, unread %d",
		span(m.Begin, m.End), m.Client, m.Reader, m.LastRead, m.In, m.Outcome, m.Shown, m.Last, m.Unread)
}

// History is what clients asked for and what they were told.
type History struct {
	Requests []Request
	Reads    []Read
	Marks    []Mark
}

// Recorder records a history. It is safe for concurrent use.
type Recorder struct {
	begun   time.Time
	mu      sync.Mutex
	history History
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
	r.history.Requests = append(r.history.Requests, request)
}

// AddRead records a read that has ended.
func (r *Recorder) AddRead(read Read) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Reads = append(r.history.Reads, read)
}

// AddMark records a request for a reader that has ended.
func (r *Recorder) AddMark(mark Mark) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Marks = append(r.history.Marks, mark)
}

// History returns what was recorded so far, in the order of the ends.
func (r *Recorder) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.history
	h.Requests = h.Requests[:len(h.Requests):len(h.Requests)]
	h.Reads = h.Reads[:len(h.Reads):len(h.Reads)]
	h.Marks = h.Marks[:len(h.Marks):len(h.Marks)]
	return h
}

// State is what is stored at the end: every collection by the name under which
// requests know it.
type State map[string]Collection

// Collection is all apps, the chats of an app or the messages of a chat.
type Collection struct {
	Count     int64            // as its parent tells
	Allocated int64            // the highest number that the API knows, 0 if it was not asked for
	Rows      []Row            // as the list tells, tombstones among them
	Searched  bool             // whether Found was asked for
	Found     []Row            // what a search for a word of every text finds
	Marks     map[string]int64 // last_read of each reader that was asked for
}

// Row is one app, chat or message.
type Row struct {
	Number   int64
	Text     string // "" in a tombstone
	Metadata string // "" for none
	Version  int64  // 0 if it was not asked for
	Deleted  bool
}
