package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"chatapi/pkg/chat"
)

// createLog is an append-only log of creates in a folder. It exists because a
// create waits for nothing but this: one write and one sync of a few bytes that
// all creates under way share, and no page of a tree to be written anew.
//
// The log is files of records that follow each other: the length of an entry
// and its CRC-32C, four bytes each, big-endian, and the entry. A file is named
// by the sequence number of its first entry, and is removed once all of its
// entries are consumed; what was consumed is not written down, so after a
// crash the entries of the files that are left are read again.
type createLog struct {
	dir     string
	waiting chan *appending
	closing chan struct{}
	stopped sync.WaitGroup

	// Of the one goroutine that writes.
	next   uint64 // sequence number
	broken error  // the file could not be brought back to what is durable
	buffer []byte

	mu       sync.Mutex // for what follows, never held over a disk write
	segments []*segment // oldest first
	active   *segment   // the last one, while it takes appends
	reading  position
}

// segment is one file.
type segment struct {
	file     *os.File
	first    uint64 // sequence number
	entries  uint64 // durable ones
	size     int64  // of the durable entries in bytes
	consumed uint64
}

// position is the place of the first entry that was not read yet.
type position struct {
	sequence uint64
	offset   int64 // in the segment that has the sequence number
}

// appending is a record that waits to be durable.
type appending struct {
	record []byte
	done   chan error
}

const (
	recordHead  = 8       // bytes
	segmentSize = 8 << 20 // bytes after which a new file begins
	readAtOnce  = 1 << 20 // bytes, or one entry
	// maxEntry bounds an entry, so that a damaged length is recognized.
	maxEntry = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// newRecord returns the head of a record, with room for an entry of this length
// behind it.
func newRecord(length int) []byte { return make([]byte, recordHead, recordHead+length) }

// seal completes a record that newRecord made.
func seal(record []byte) []byte {
	entry := record[recordHead:]
	binary.BigEndian.PutUint32(record, uint32(len(entry)))
	binary.BigEndian.PutUint32(record[4:], crc32.Checksum(entry, castagnoli))
	return record
}

// openLog opens the log in a folder, which it makes where there is none, and
// calls visit with each entry in it. Sequence numbers go on above last. A torn
// record at the very end was never acknowledged and is cut off.
func openLog(dir string, last uint64, visit func(sequence uint64, entry []byte) error) (*createLog, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := syncFolder(filepath.Dir(dir)); err != nil {
		return nil, err
	}
	l := &createLog{dir: dir, next: last + 1, waiting: make(chan *appending, maxGroup), closing: make(chan struct{})}
	if err := l.recover(visit); err != nil {
		return nil, errors.Join(err, l.closeFiles())
	}
	l.stopped.Go(l.run)
	return l, nil
}

func (l *createLog) recover(visit func(sequence uint64, entry []byte) error) error {
	firsts, err := l.list()
	if err != nil {
		return err
	}
	for i, first := range firsts {
		s, err := l.openSegment(first, visit)
		if err == nil && s.torn() {
			err = s.cut(i == len(firsts)-1)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", l.path(first), err)
		}
		l.segments = append(l.segments, s)
		l.next = max(l.next, first+s.entries)
	}
	if len(l.segments) > 0 {
		l.reading.sequence = l.segments[0].first
	} else {
		l.reading.sequence = l.next
	}
	l.removeConsumed()
	return nil
}

// list returns the sequence numbers that the files are named by, in order.
func (l *createLog) list() (firsts []uint64, err error) {
	files, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		name, isLog := strings.CutSuffix(f.Name(), ".log")
		first, err := strconv.ParseUint(name, 10, 64)
		if !isLog || err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(l.dir, f.Name()), ErrForeign)
		}
		firsts = append(firsts, first)
	}
	slices.Sort(firsts)
	return firsts, nil
}

func (l *createLog) path(first uint64) string {
	return filepath.Join(l.dir, fmt.Sprintf("%020d.log", first))
}

func (l *createLog) openSegment(first uint64, visit func(sequence uint64, entry []byte) error) (*segment, error) {
	file, err := os.OpenFile(l.path(first), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s := &segment{file: file, first: first}
	length, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	for {
		entries, read, err := s.read(s.size, length, maxGroup)
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		if len(entries) == 0 {
			return s, nil
		}
		for i, entry := range entries {
			if err := visit(first+s.entries+uint64(i), entry); err != nil {
				return nil, errors.Join(err, file.Close())
			}
		}
		s.entries += uint64(len(entries))
		s.size += read
	}
}

// read returns up to most whole entries from offset on, and the bytes of their
// records. It reads no further than end, and stops before a record that is
// damaged.
func (s *segment) read(offset, end int64, most int) (entries [][]byte, size int64, err error) {
	text := make([]byte, min(end-offset, readAtOnce))
	if _, err := s.file.ReadAt(text, offset); err != nil {
		return nil, 0, err
	}
	if need := recordLength(text); need > int64(len(text)) && need <= end-offset {
		text = make([]byte, need)
		if _, err := s.file.ReadAt(text, offset); err != nil {
			return nil, 0, err
		}
	}
	for len(entries) < most {
		length := recordLength(text)
		if length == 0 || length > int64(len(text)) {
			break
		}
		entry := text[recordHead:length:length]
		if crc32.Checksum(entry, castagnoli) != binary.BigEndian.Uint32(text[4:]) {
			break
		}
		entries, size, text = append(entries, entry), size+length, text[length:]
	}
	return entries, size, nil
}

// recordLength returns the length of the record that a text begins with, or 0
// where there is none.
func recordLength(text []byte) int64 {
	if len(text) < recordHead {
		return 0
	}
	length := binary.BigEndian.Uint32(text)
	if length == 0 || length > maxEntry {
		return 0
	}
	return recordHead + int64(length)
}

// torn reports whether there is more in the file than its whole entries.
func (s *segment) torn() bool {
	info, err := s.file.Stat()
	return err != nil || info.Size() != s.size
}

// errDamaged: an entry that was durable cannot be read.
var errDamaged = errors.New("the file is damaged")

// cut removes what follows the whole entries of the last segment. In another
// one nothing can follow.
func (s *segment) cut(last bool) error {
	if !last {
		return fmt.Errorf("after %d bytes: %w", s.size, errDamaged)
	}
	if err := s.file.Truncate(s.size); err != nil {
		return err
	}
	return s.file.Sync()
}

// append returns once a sealed record is durable.
func (l *createLog) append(ctx context.Context, record []byte) error {
	if err := alive(ctx); err != nil {
		return err
	}
	a := &appending{record: record, done: make(chan error, 1)}
	select {
	case l.waiting <- a:
	case <-l.closing:
		return unavailable(errClosed)
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	select {
	case err := <-a.done:
		return err
	case <-l.closing:
		return l.lastWord(a)
	case <-ctx.Done():
		return unavailable(ctx.Err()) // it may become durable all the same
	}
}

// lastWord returns what became of a record that was waiting when the log was
// closed.
func (l *createLog) lastWord(a *appending) error {
	l.stopped.Wait()
	select {
	case err := <-a.done:
		return err
	default:
		return unavailable(errClosed)
	}
}

func (l *createLog) run() {
	var group []*appending
	for {
		select {
		case first := <-l.waiting:
			group = l.gather(append(group[:0], first))
			err := l.write(group)
			for _, a := range group {
				a.done <- err
			}
		case <-l.closing:
			return
		}
	}
}

// gather adds to a group what is waiting, without waiting for more.
func (l *createLog) gather(group []*appending) []*appending {
	for len(group) < maxGroup {
		select {
		case a := <-l.waiting:
			group = append(group, a)
		default:
			return group
		}
	}
	return group
}

// write makes a group durable.
func (l *createLog) write(group []*appending) error {
	s, err := l.segmentToWrite()
	if err != nil {
		return fmt.Errorf("%w: log creates: %w", chat.ErrUnavailable, err)
	}
	l.buffer = l.buffer[:0]
	for _, a := range group {
		l.buffer = append(l.buffer, a.record...)
	}
	_, err = s.file.WriteAt(l.buffer, s.size)
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		l.abandon(s)
		return fmt.Errorf("%w: log creates: %w", chat.ErrUnavailable, err)
	}
	l.next += uint64(len(group))
	l.mu.Lock()
	defer l.mu.Unlock()
	s.entries += uint64(len(group))
	s.size += int64(len(l.buffer))
	return nil
}

// segmentToWrite returns the segment that takes the next group.
func (l *createLog) segmentToWrite() (*segment, error) {
	if l.broken != nil {
		return nil, l.broken
	}
	if l.active != nil && l.active.size < segmentSize {
		return l.active, nil
	}
	file, err := os.OpenFile(l.path(l.next), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syncFolder(l.dir); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s := &segment{file: file, first: l.next}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments = append(l.segments, s)
	l.active = s
	l.removeConsumed() // the one that was active may be consumed
	return s, nil
}

// abandon ends a segment after a write that failed: what the disk has of it is
// unknown, so it is cut off, and the next group goes to a new file. Where it
// cannot be cut off nothing is written any more, because only the last file
// may end with a torn record.
func (l *createLog) abandon(s *segment) {
	l.broken = s.cut(true)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active = nil
	l.removeConsumed()
}

// logged is an entry of the log.
type logged struct {
	sequence uint64
	entry    []byte
}

// read returns up to most durable entries that were not read before. What was
// read before an error is returned without it: the next call meets it.
func (l *createLog) read(most int) (found []logged, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(found) < most {
		s := l.segmentToRead()
		if s == nil {
			return found, nil
		}
		entries, size, err := s.read(l.reading.offset, s.size, most-len(found))
		if err == nil && len(entries) == 0 {
			err = fmt.Errorf("read %s after %d bytes: %w", l.path(s.first), l.reading.offset, errDamaged)
		}
		if err != nil && len(found) > 0 {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		for i, entry := range entries {
			found = append(found, logged{sequence: l.reading.sequence + uint64(i), entry: entry})
		}
		l.reading.sequence += uint64(len(entries))
		l.reading.offset += size
	}
	return found, nil
}

// segmentToRead returns the segment of the first entry that was not read yet,
// or nil where all were.
func (l *createLog) segmentToRead() *segment {
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

// consume notes that an entry is not needed any more. It must be called once
// for each.
func (l *createLog) consume(sequence uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segments {
		if s.first <= sequence && sequence < s.first+s.entries {
			s.consumed++
		}
	}
	l.removeConsumed()
}

// removeConsumed removes the files whose entries are all consumed, but for the
// active one. Where one cannot be removed, its entries are delivered again
// after a restart, which changes nothing.
func (l *createLog) removeConsumed() {
	l.segments = slices.DeleteFunc(l.segments, func(s *segment) bool {
		if s == l.active || s.consumed < s.entries {
			return false
		}
		_ = errors.Join(s.file.Close(), os.Remove(l.path(s.first)))
		return true
	})
}

// close waits for the writes under way.
func (l *createLog) close() error {
	close(l.closing)
	l.stopped.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active = nil
	l.removeConsumed()
	return l.closeFiles()
}

func (l *createLog) closeFiles() (err error) {
	for _, s := range l.segments {
		err = errors.Join(err, s.file.Close())
	}
	return err
}
