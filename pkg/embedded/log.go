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
// crash the entries of the files that are left are read again. What follows
// damage in a file is kept elsewhere and cut off, see setAside.
type createLog struct {
	dir     string
	keep    keep
	waiting chan *appending
	closing chan struct{}
	stopped sync.WaitGroup

	// Of the one goroutine that writes.
	next   uint64   // sequence number
	torn   *segment // it could not be brought back to what is durable
	buffer []byte

	mu       sync.Mutex // for what follows, never held over a disk write
	segments []*segment // oldest first
	active   *segment   // the last one, while it takes appends
	writing  *segment   // it has a write under way
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
	// minEntry and maxEntry bound an entry, so that a damaged length is
	// recognized.
	minEntry = entryHead
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

// keep makes durable what was found from a place on. It may be called again
// with the same.
type keep func(from place, found salvaged) error

// place is a record in a file.
type place struct {
	file   string
	first  uint64 // sequence number that the file begins with
	offset int64  // in bytes
}

// openLog opens the log in a folder, which it makes where there is none, and
// calls visit with each entry in it. Sequence numbers go on above last. A torn
// record at the very end was never acknowledged and is cut off; what is damaged
// and the entries behind it are handed to keep before.
func openLog(dir string, last uint64, visit func(sequence uint64, entry []byte) error, keep keep) (*createLog, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := syncFolder(filepath.Dir(dir)); err != nil {
		return nil, err
	}
	l := &createLog{dir: dir, keep: keep, next: last + 1, waiting: make(chan *appending, maxGroup), closing: make(chan struct{})}
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
		s, err := l.openSegment(first, i == len(firsts)-1, visit)
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

func (l *createLog) openSegment(first uint64, last bool, visit func(sequence uint64, entry []byte) error) (*segment, error) {
	file, err := os.OpenFile(l.path(first), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s := &segment{file: file, first: first}
	length, err := file.Seek(0, io.SeekEnd)
	if err == nil {
		err = s.visit(length, visit)
	}
	if err == nil && s.size < length {
		err = l.mend(s, length, last)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

// visit calls visit with the whole entries that a file of some length begins
// with, and counts them.
func (s *segment) visit(length int64, visit func(sequence uint64, entry []byte) error) error {
	for {
		entries, read, err := s.read(s.size, length, maxGroup)
		if err != nil || len(entries) == 0 {
			return err
		}
		for i, entry := range entries {
			if err := visit(s.first+s.entries+uint64(i), entry); err != nil {
				return err
			}
		}
		s.entries += uint64(len(entries))
		s.size += read
	}
}

// mend cuts off what follows the whole entries of a file. Only the last file
// can end with what was never acknowledged: all else is kept before.
func (l *createLog) mend(s *segment, length int64, last bool) error {
	found, err := s.salvage(s.size, length)
	if err != nil {
		return err
	}
	if err := l.keep(place{l.path(s.first), s.first, s.size}, found.withTail(last)); err != nil {
		return err
	}
	return s.cut()
}

func (s *segment) salvage(offset, end int64) (salvaged, error) {
	text := make([]byte, end-offset)
	if _, err := s.file.ReadAt(text, offset); err != nil {
		return salvaged{}, err
	}
	return salvage(text), nil
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
		entry := firstEntry(text)
		if entry == nil {
			break
		}
		length := recordHead + int64(len(entry))
		entries, size, text = append(entries, entry), size+length, text[length:]
	}
	return entries, size, nil
}

// firstEntry returns the entry of the record that a text begins with, or nil
// where that is none or not a whole one.
func firstEntry(text []byte) []byte {
	length := recordLength(text)
	if length == 0 || length > int64(len(text)) {
		return nil
	}
	entry := text[recordHead:length:length]
	if crc32.Checksum(entry, castagnoli) != binary.BigEndian.Uint32(text[4:]) {
		return nil
	}
	return entry
}

// recordLength returns the length of the record that a text begins with, or 0
// where there is none.
func recordLength(text []byte) int64 {
	if len(text) < recordHead {
		return 0
	}
	length := binary.BigEndian.Uint32(text)
	if length < minEntry || length > maxEntry {
		return 0
	}
	return recordHead + int64(length)
}

// errDamaged: an entry that was durable cannot be read.
var errDamaged = errors.New("the file is damaged")

// cut removes what follows the entries of a segment.
func (s *segment) cut() error {
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
	l.writing = nil
	s.entries += uint64(len(group))
	s.size += int64(len(l.buffer))
	return nil
}

// segmentToWrite returns the segment that takes the next group.
func (l *createLog) segmentToWrite() (*segment, error) {
	if err := l.cutTorn(); err != nil {
		return nil, err
	}
	if s := l.takeActive(); s != nil {
		return s, nil
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
	l.active, l.writing = s, s
	l.removeConsumed() // the one that was active may be consumed
	return s, nil
}

// takeActive begins a write to the active segment, and returns nil where that
// is full or there is none.
func (l *createLog) takeActive() *segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.active == nil || l.active.size >= segmentSize {
		return nil
	}
	l.writing = l.active
	return l.active
}

// abandon ends a segment after a write that failed: what the disk has of it is
// unknown, so it is cut off, and the next group goes to a new file. Where it
// cannot be cut off nothing is written before it can, because only the last
// file may end with a torn record.
func (l *createLog) abandon(s *segment) {
	l.mu.Lock()
	l.active, l.writing, l.torn = nil, nil, s
	l.mu.Unlock()
	_ = l.cutTorn() // the next write tries again, and says why it fails
}

// cutTorn cuts a torn record off, where there is one.
func (l *createLog) cutTorn() error {
	if l.torn == nil {
		return nil
	}
	if err := l.torn.cut(); err != nil {
		return fmt.Errorf("cut off a write that failed: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.torn = nil
	l.removeConsumed()
	return nil
}

// logged is an entry of the log.
type logged struct {
	sequence uint64
	entry    []byte
}

// read returns up to most durable entries that were not read before, of files
// that begin below a sequence number. What was read before an error is returned
// without it: the next call meets it.
func (l *createLog) read(most int, below uint64) (found []logged, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(found) < most {
		s := l.segmentToRead()
		if s == nil || s.first >= below {
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

// setAside hands what cannot be read of the segment that read has come to, and
// the entries behind it, to keep, and cuts them off. Reading goes on with the
// next segment.
func (l *createLog) setAside() error {
	s, offset, err := l.retire()
	if s == nil || err != nil {
		return err
	}
	found, err := s.salvage(offset, s.size)
	if err == nil {
		err = l.keep(place{l.path(s.first), s.first, offset}, found.withTail(false))
	}
	if err != nil {
		return fmt.Errorf("set aside what is damaged in %s: %w", l.path(s.first), err)
	}
	unread := l.skipRest(s, offset)
	_ = s.cut() // where it fails: what is kept is not kept again when the file is opened
	l.mu.Lock()
	defer l.mu.Unlock()
	s.consumed += unread
	l.removeConsumed()
	return nil
}

// skipRest lets reading go on behind a segment, and ends that at an offset. It
// returns how many entries were not read.
func (l *createLog) skipRest(s *segment, offset int64) (unread uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	unread = s.first + s.entries - l.reading.sequence
	s.size, l.reading = offset, position{sequence: s.first + s.entries}
	return unread
}

// retire ends the appends to the segment that read has come to. It fails while
// a write to it is under way.
func (l *createLog) retire() (s *segment, offset int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s = l.segmentToRead()
	if s == nil {
		return nil, 0, nil
	}
	if s == l.writing || s == l.torn {
		return nil, 0, fmt.Errorf("%s is being written: %w", l.path(s.first), errDamaged)
	}
	if s == l.active {
		l.active = nil
	}
	return s, l.reading.offset, nil
}

// holds reports whether an entry is in a file of the log.
func (l *createLog) holds(sequence uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.segments, func(s *segment) bool {
		return s.first <= sequence && sequence < s.first+s.entries
	})
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
		if s == l.active || s == l.torn || s.consumed < s.entries {
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
