package transfer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
)

// StateSuffix is appended to the name of the imported file to name the state file
// of its import.
const StateSuffix = ".import"

// KeyLifetime is how long after an import stopped it can be continued safely. The
// server knows an Idempotency-Key for 24 hours after its first request; an hour
// less allows for retries before the import stopped.
const KeyLifetime = 23 * time.Hour

// header is the first line of a state file. It identifies the import.
type header struct {
	Import uuid.UUID `json:"import"` // the Idempotency-Keys are derived from it
	File   string    `json:"sha256"` // SHA-256 of the imported file, in hex
	App    string    `json:"app"`    // SHA-256 of the app's token, in hex, because the token is a secret
	Chat   int64     `json:"chat"`   // chat for all messages; 0 for new chats
}

// entry is a further line of a state file. Messages are numbered from 1 in the
// order of the imported file.
type entry struct {
	Through int64      `json:"through,omitempty"` // the messages up to this one are imported
	Message int64      `json:"message,omitempty"` // this message is imported
	Source  int64      `json:"source,omitempty"`  // a chat's number in the file
	Chat    int64      `json:"chat,omitempty"`    // the chat's number in the app
	Done    *time.Time `json:"done,omitempty"`    // when the import was complete
}

// state is the progress of an import. Its file is only appended to while the
// import runs. It records the creates that were acknowledged; those that were in
// flight when the import stopped are sent again with the same Idempotency-Key.
type state struct {
	header
	path    string
	done    *time.Time
	touched time.Time // when an earlier run last wrote the file; zero if none did

	mu      sync.Mutex
	file    *os.File
	chats   map[int64]int64 // numbers in the app by numbers in the file
	through int64
	above   map[int64]bool // messages above through that are imported
}

// openState opens the state file, or creates one with the header. It returns an
// error if the file belongs to another import.
func openState(path string, h header) (*state, error) {
	s := &state{header: h, path: path, chats: map[int64]int64{}, above: map[int64]bool{}}
	err := s.read()
	if errors.Is(err, fs.ErrNotExist) {
		s.Import, err = uuid.NewRandom()
	}
	if err != nil {
		return nil, err
	}
	return s, s.compact()
}

// read reads the state that an earlier run left. It ignores a truncated last line:
// its create is sent again.
func (s *state) read() error {
	file, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("open the state of the import: %w", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil {
		s.touched = info.ModTime()
	}
	lines := bufio.NewScanner(file)
	var before header
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &before) != nil || before.Import == uuid.Nil {
		return fmt.Errorf("invalid state file %s: want the state of an import; move it away to begin a new one", s.path)
	}
	if err := s.header.continues(before, s.path); err != nil {
		return err
	}
	s.header = before
	for lines.Scan() {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			break
		}
		s.apply(e)
	}
	return lines.Err()
}

func (s *state) apply(e entry) {
	switch {
	case e.Done != nil:
		s.done = e.Done
	case e.Through > 0:
		s.through = e.Through
	case e.Message > 0:
		s.above[e.Message] = true
	case e.Chat > 0:
		s.chats[e.Source] = e.Chat
	}
	for s.above[s.through+1] {
		delete(s.above, s.through+1)
		s.through++
	}
}

// continues returns an error if an import with the header h is not the one that
// was begun.
func (h header) continues(begun header, path string) error {
	what := ""
	switch {
	case h.File != begun.File:
		what = "another version of the file"
	case h.App != begun.App:
		what = "another app"
	case h.Chat != begun.Chat:
		what = "another --chat"
	default:
		return nil
	}
	return fmt.Errorf("invalid state file %s: it is of an import with %s; "+
		"want the state of this import, or move it away to begin a new one", path, what)
}

// compact rewrites the state with fewer entries and opens it for appending. It
// keeps the modification time, from which checkAge derives the age of the creates
// that were in flight.
func (s *state) compact() error {
	part := s.path + ".new"
	err := s.write(part)
	if err == nil && s.begun() {
		err = os.Chtimes(part, time.Time{}, s.touched)
	}
	if err == nil {
		err = os.Rename(part, s.path)
	}
	if err == nil {
		s.file, err = os.OpenFile(s.path, os.O_APPEND|os.O_WRONLY, 0)
	}
	if err != nil {
		return fmt.Errorf("write the state of the import: %w", err)
	}
	return nil
}

// write writes the whole state to a new file.
func (s *state) write(name string) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(file)
	encoder := json.NewEncoder(buffered)
	for _, line := range s.lines() {
		if err := encoder.Encode(line); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	return errors.Join(buffered.Flush(), file.Sync(), file.Close())
}

// lines returns the header and the entries that describe the state.
func (s *state) lines() []any {
	lines := []any{s.header}
	if s.through > 0 {
		lines = append(lines, entry{Through: s.through})
	}
	for source, chat := range s.chats {
		lines = append(lines, entry{Source: source, Chat: chat})
	}
	for message := range s.above {
		lines = append(lines, entry{Message: message})
	}
	if s.done != nil {
		lines = append(lines, entry{Done: s.done})
	}
	return lines
}

// add appends an entry to the file.
func (s *state) add(e entry) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.file.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("write the state of the import: %w", err)
	}
	return nil
}

// key returns the Idempotency-Key of a create, which is identified by its kind and
// a number.
func (s *state) key(kind string, number int64) string {
	return uuid.NewSHA1(s.Import, fmt.Appendf(nil, "%s %d", kind, number)).String()
}

// imported reports whether an earlier run imported a message.
func (s *state) imported(message int64) bool { return message <= s.through || s.above[message] }

// begun reports whether an earlier run left a state.
func (s *state) begun() bool { return !s.touched.IsZero() }

func (s *state) close() error { return errors.Join(s.file.Sync(), s.file.Close()) }
