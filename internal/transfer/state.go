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

// StateSuffix is what the name of an import's state file has beyond that of
// the imported file.
const StateSuffix = ".import"

// KeyLifetime is how long after an import stopped the server surely still
// knows the Idempotency-Keys of what was under way: it keeps them 24 hours,
// less some time for the tries that went before.
const KeyLifetime = 23 * time.Hour

// header is the first line of a state file: what is imported to where.
type header struct {
	Import uuid.UUID `json:"import"` // all Idempotency-Keys are made of it
	File   string    `json:"sha256"` // of the imported file
	App    string    `json:"app"`    // SHA-256 of the app's token, which is a secret
	Chat   int64     `json:"chat"`   // that takes all messages, 0 for new chats
}

// entry is any further line of a state file.
type entry struct {
	Through int64      `json:"through,omitempty"` // the file's messages up to this one, counted from 1, are imported
	Message int64      `json:"message,omitempty"` // this one is imported
	Source  int64      `json:"source,omitempty"`  // a chat's number in the file
	Chat    int64      `json:"chat,omitempty"`    // and in the app
	Done    *time.Time `json:"done,omitempty"`    // when all was imported
}

// state is what an import has done, in a file that only grows while it runs.
// Only what was answered is written to it; what was under way when an import
// stopped is asked for again with the same Idempotency-Key.
type state struct {
	header
	path    string
	done    *time.Time
	touched time.Time // when it was last written before it was opened

	mu      sync.Mutex
	file    *os.File
	chats   map[int64]int64 // numbers in the app by numbers in the file
	through int64
	above   map[int64]bool // messages above through that are imported
}

// openState opens the state file, or makes one with the header. It returns an
// error where the file is of another import.
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

// read reads what an earlier run left. A last line that is cut off is as good
// as none: it was not acted upon.
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
		return fmt.Errorf("%s is no state of an import; move it away", s.path)
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

// continues returns an error where an import with the header h is not the one
// that was begun.
func (h header) continues(begun header, path string) error {
	what := ""
	switch {
	case h.File != begun.File:
		what = "the file has changed since"
	case h.App != begun.App:
		what = "it went to another app"
	case h.Chat != begun.Chat:
		what = "it had another --chat"
	default:
		return nil
	}
	return fmt.Errorf("%s is the state of an import that was begun, but %s; move it away to begin a new import", path, what)
}

// compact writes the state anew, in fewer entries, and opens it to be added
// to. It stays as old as it was: its age is that of what was under way.
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

// write writes all of the state to a new file.
func (s *state) write(name string) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(file)
	encoder := json.NewEncoder(buffered)
	for _, row := range s.rows() {
		if err := encoder.Encode(row); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	return errors.Join(buffered.Flush(), file.Sync(), file.Close())
}

// rows returns the lines of the file.
func (s *state) rows() []any {
	rows := []any{s.header}
	if s.through > 0 {
		rows = append(rows, entry{Through: s.through})
	}
	for source, chat := range s.chats {
		rows = append(rows, entry{Source: source, Chat: chat})
	}
	for message := range s.above {
		rows = append(rows, entry{Message: message})
	}
	if s.done != nil {
		rows = append(rows, entry{Done: s.done})
	}
	return rows
}

// add writes an entry.
func (s *state) add(e entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.file.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("write the state of the import: %w", err)
	}
	return nil
}

// key returns the Idempotency-Key of the create that a word and a number name.
func (s *state) key(what string, number int64) string {
	return uuid.NewSHA1(s.Import, fmt.Appendf(nil, "%s %d", what, number)).String()
}

// imported reports whether an earlier run imported a message.
func (s *state) imported(message int64) bool { return message <= s.through || s.above[message] }

// begun reports whether an earlier run left anything.
func (s *state) begun() bool { return !s.touched.IsZero() }

func (s *state) close() error { return errors.Join(s.file.Sync(), s.file.Close()) }
