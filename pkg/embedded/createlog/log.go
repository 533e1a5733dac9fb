package createlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/disk"
	"chatapi/pkg/embedded/groupcommit"
)

// Log is a log of creates. Append may be called concurrently with the other
// methods.
type Log struct {
	dir   string
	keep  func(Damage) error
	disk  *disk.Disk
	group *groupcommit.Committer[*write]

	// Of the goroutine that writes.
	next   uint64   // sequence number
	torn   *segment // has a failed write at its end that could not be cut off
	buffer []byte

	mu       sync.Mutex // for what follows; never held during a disk write
	segments []*segment // oldest first
	active   *segment   // the last one, if it takes appends
	writing  *segment   // has a write in progress
	reading  position
}

// position is the place of the first entry that was not read yet.
type position struct {
	sequence uint64
	offset   int64 // in the segment that holds the entry
}

// write is a record that waits to be durable, and its error.
type write struct {
	record []byte
	err    error
}

// segmentSize is the size in bytes at which a new file begins.
const segmentSize = 8 << 20

// Options are what Open needs.
type Options struct {
	Disk *disk.Disk
	Last uint64 // sequence numbers go on after it
	// Visit is called with each entry, in order, before Open returns.
	Visit func(sequence uint64, entry []byte) error
	// Keep makes durable what was found after the whole entries of a file,
	// before it is cut off. It may be called again with the same.
	Keep func(Damage) error
}

// Open opens the log in a folder, and creates the folder if it does not exist. A
// torn record at the very end was never acknowledged and is cut off.
func Open(dir string, options Options) (*Log, error) {
	if err := options.Disk.CreateFolder(dir); err != nil {
		return nil, err
	}
	l := &Log{dir: dir, keep: options.Keep, disk: options.Disk, next: options.Last + 1}
	if err := l.openSegments(options.Visit); err != nil {
		return nil, errors.Join(err, l.closeFiles())
	}
	l.group = groupcommit.New(l.write)
	return l, nil
}

func (l *Log) openSegments(visit visit) error {
	firsts, err := l.list()
	if err != nil {
		return err
	}
	for i, first := range firsts {
		s, err := l.openSegment(first, i == len(firsts)-1, visit)
		if err != nil {
			return err
		}
		l.segments = append(l.segments, s)
		l.next = max(l.next, first+s.entries)
	}
	l.reading.sequence = l.next
	if len(l.segments) > 0 {
		l.reading.sequence = l.segments[0].first
	}
	l.removeConsumed()
	return nil
}

// list returns the sequence numbers that the files are named by, in order.
func (l *Log) list() (firsts []uint64, err error) {
	files, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		name, isLog := strings.CutSuffix(f.Name(), ".log")
		first, err := strconv.ParseUint(name, 10, 64)
		if !isLog || err != nil {
			path := filepath.Join(l.dir, f.Name())
			return nil, fmt.Errorf("unknown file %s in the log of creates: want names like %s", path, l.path(1))
		}
		firsts = append(firsts, first)
	}
	slices.Sort(firsts)
	return firsts, nil
}

func (l *Log) path(first uint64) string {
	return filepath.Join(l.dir, fmt.Sprintf("%020d.log", first))
}

// NextSequence returns the sequence number of the first entry that is appended
// after Open.
func (l *Log) NextSequence() uint64 { return l.next }

// Append makes the entry of a record durable. An error wraps chat.ErrUnavailable.
// If ctx has ended, the entry may be durable nevertheless.
func (l *Log) Append(ctx context.Context, record []byte) error {
	w := &write{record: seal(record)}
	if err := l.group.Commit(ctx, w); err != nil {
		return err
	}
	return w.err
}

// write makes a group durable.
func (l *Log) write(group []*write) {
	err := l.writeGroup(group)
	if err != nil {
		err = fmt.Errorf("%w: append to the log of creates: %w", chat.ErrUnavailable, err)
	}
	for _, w := range group {
		w.err = err
	}
}

func (l *Log) writeGroup(group []*write) error {
	if err := l.disk.Err(); err != nil {
		return err
	}
	s, err := l.segmentToWrite()
	if err != nil {
		return err
	}
	l.buffer = l.buffer[:0]
	for _, w := range group {
		l.buffer = append(l.buffer, w.record...)
	}
	if _, err := s.file.WriteAt(l.buffer, s.size); err != nil {
		l.abandon(s)
		return err
	}
	if err := l.disk.Sync(s.file); err != nil {
		return err // nothing is written any more
	}
	l.next += uint64(len(group))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = nil
	s.entries += uint64(len(group))
	s.size += int64(len(l.buffer))
	return nil
}

// segmentToWrite returns the segment that takes the next group.
func (l *Log) segmentToWrite() (*segment, error) {
	if err := l.cutTorn(); err != nil {
		return nil, err
	}
	if s := l.beginWrite(); s != nil {
		return s, nil
	}
	file, err := os.OpenFile(l.path(l.next), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := l.disk.SyncFolder(l.dir); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s := &segment{file: file, first: l.next}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments = append(l.segments, s)
	l.active, l.writing = s, s
	l.removeConsumed() // the one that was active may be consumed
	return s, nil
}

// beginWrite begins a write to the active segment. It returns nil if that is
// full or there is none.
func (l *Log) beginWrite() *segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.active == nil || l.active.size >= segmentSize {
		return nil
	}
	l.writing = l.active
	return l.active
}

// abandon ends a segment after a failed write. The part that was written is cut
// off, and the next group goes to a new file. As long as it cannot be cut off
// nothing is written, because only the last file may end with a torn record.
func (l *Log) abandon(s *segment) {
	l.mu.Lock()
	l.active, l.writing, l.torn = nil, nil, s
	l.mu.Unlock()
	_ = l.cutTorn() // the next write tries again, and returns its error
}

// cutTorn cuts off a torn record if there is one.
func (l *Log) cutTorn() error {
	if l.torn == nil {
		return nil
	}
	if err := l.torn.cut(l.disk); err != nil {
		return fmt.Errorf("cut off a failed write: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.torn = nil
	l.removeConsumed()
	return nil
}

// Close waits for the writes in progress and closes the files.
func (l *Log) Close() error {
	l.group.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active = nil
	l.removeConsumed()
	return l.closeFiles()
}

func (l *Log) closeFiles() (err error) {
	for _, s := range l.segments {
		err = errors.Join(err, s.file.Close())
	}
	return err
}
