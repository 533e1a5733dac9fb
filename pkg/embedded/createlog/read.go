package createlog

import (
	"errors"
	"fmt"
	"os"
	"slices"
)

// ErrDamaged is returned by Read if an entry that was durable cannot be read.
var ErrDamaged = errors.New("the file is damaged")

// Logged is an entry of the log with its sequence number.
type Logged struct {
	Sequence uint64
	Entry    []byte
}

// Read returns up to limit durable entries that were not read before, of files
// that begin below a sequence number. If it returns ErrDamaged, SetAside lets
// reading go on. Entries that were read before an error are returned without it;
// the next call returns it.
func (l *Log) Read(limit int, below uint64) (found []Logged, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(found) < limit {
		s := l.segmentToRead()
		if s == nil || s.first >= below {
			return found, nil
		}
		entries, size, err := s.read(l.reading.offset, s.size, limit-len(found))
		if err == nil && len(entries) == 0 {
			err = fmt.Errorf("read %s after %d bytes: %w", l.path(s.first), l.reading.offset, ErrDamaged)
		}
		if err != nil && len(found) > 0 {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		for i, entry := range entries {
			found = append(found, Logged{Sequence: l.reading.sequence + uint64(i), Entry: entry})
		}
		l.reading.sequence += uint64(len(entries))
		l.reading.offset += size
	}
	return found, nil
}

// segmentToRead returns the segment that holds the first entry that was not read
// yet, or nil if all were read.
func (l *Log) segmentToRead() *segment {
	for _, s := range l.segments {
		if l.reading.sequence < s.first {
			l.reading = position{sequence: s.first}
		}
		if l.reading.sequence < s.first+s.entries {
			if l.reading.sequence == s.first {
				l.reading.offset = 0
			}
			return s
		}
	}
	return nil
}

// SetAside hands the rest of the file at whose damage Read has arrived to
// Options.Keep and cuts it off. Reading goes on with the next file.
func (l *Log) SetAside() error {
	s, offset, err := l.retire()
	if s == nil || err != nil {
		return err
	}
	found, err := s.salvage(offset, s.size, false)
	if err == nil {
		err = l.keep(found)
	}
	if err != nil {
		return fmt.Errorf("set aside the damage in %s: %w", l.path(s.first), err)
	}
	unread := l.skipRest(s, offset)
	_ = s.cut(l.disk) // after a failure, Keep is called again when the file is opened
	l.mu.Lock()
	defer l.mu.Unlock()
	s.consumed += unread
	l.removeConsumed()
	return nil
}

// retire ends the appends to the segment that is read next. It fails during a
// write to it.
func (l *Log) retire() (s *segment, offset int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s = l.segmentToRead()
	if s == nil {
		return nil, 0, nil
	}
	if s == l.writing || s == l.torn {
		return nil, 0, fmt.Errorf("%s is being written: %w", l.path(s.first), ErrDamaged)
	}
	if s == l.active {
		l.active = nil
	}
	return s, l.reading.offset, nil
}

// skipRest ends a segment at an offset and lets reading go on after it. It
// returns how many entries were not read.
func (l *Log) skipRest(s *segment, offset int64) (unread uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	unread = s.first + s.entries - l.reading.sequence
	s.size, l.reading = offset, position{sequence: s.first + s.entries}
	return unread
}

// cutDamage hands what follows the whole entries of a file to Options.Keep and
// cuts it off.
func (l *Log) cutDamage(s *segment, length int64, last bool) error {
	found, err := s.salvage(s.size, length, last)
	if err != nil {
		return err
	}
	if err := l.keep(found); err != nil {
		return err
	}
	return s.cut(l.disk)
}

// Holds reports whether an entry is in a file of the log.
func (l *Log) Holds(sequence uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.segments, func(s *segment) bool { return s.holds(sequence) })
}

// Consume notes that an entry is not needed any more. It must be called once for
// each.
func (l *Log) Consume(sequence uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segments {
		if s.holds(sequence) {
			s.consumed++
		}
	}
	l.removeConsumed()
}

// removeConsumed removes the files whose entries are all consumed, except the
// active one. If one cannot be removed, its entries are delivered again after a
// restart, which changes nothing.
func (l *Log) removeConsumed() {
	l.segments = slices.DeleteFunc(l.segments, func(s *segment) bool {
		if s == l.active || s == l.torn || s.consumed < s.entries {
			return false
		}
		_ = errors.Join(s.file.Close(), os.Remove(l.path(s.first)))
		return true
	})
}
