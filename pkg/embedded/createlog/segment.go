package createlog

import (
	"errors"
	"fmt"
	"io"
	"os"

	"chatapi/pkg/embedded/disk"
)

// segment is one file of the log.
type segment struct {
	file     *os.File
	first    uint64 // sequence number
	entries  uint64 // durable ones
	size     int64  // of the durable entries in bytes
	consumed uint64
}

const (
	readSize  = 1 << 20 // bytes that are read together, if an entry is not longer
	visitSize = 1024    // entries that are read together when the log is opened
)

// holds reports whether an entry is in the file.
func (s *segment) holds(sequence uint64) bool {
	return s.first <= sequence && sequence < s.first+s.entries
}

// openSegment opens a file, calls visit with its entries, and cuts off what follows
// them. Only the last file can end with what was never acknowledged.
func (l *Log) openSegment(first uint64, last bool, visit visit) (*segment, error) {
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
		err = l.cutDamage(s, length, last)
	}
	if err == nil && last {
		err = s.rewrite(l.disk)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file.Name(), errors.Join(err, file.Close()))
	}
	return s, nil
}

// visit is called with each entry of the log when that is opened.
type visit func(sequence uint64, entry []byte) error

// visit calls visit with the whole entries that a file of some length begins
// with, and counts them.
func (s *segment) visit(length int64, visit visit) error {
	for {
		entries, size, err := s.read(s.size, length, visitSize)
		if err != nil || len(entries) == 0 {
			return err
		}
		for i, entry := range entries {
			if err := visit(s.first+s.entries+uint64(i), entry); err != nil {
				return err
			}
		}
		s.entries += uint64(len(entries))
		s.size += size
	}
}

// read returns up to limit whole entries from offset on, and the size of their
// records. It reads no further than end, and stops before a damaged record.
func (s *segment) read(offset, end int64, limit int) (entries [][]byte, size int64, err error) {
	data := make([]byte, min(end-offset, readSize))
	if _, err := s.file.ReadAt(data, offset); err != nil {
		return nil, 0, err
	}
	if need := recordLength(data); need > int64(len(data)) && need <= end-offset {
		data = make([]byte, need)
		if _, err := s.file.ReadAt(data, offset); err != nil {
			return nil, 0, err
		}
	}
	for len(entries) < limit {
		entry := firstEntry(data)
		if entry == nil {
			break
		}
		length := recordHead + int64(len(entry))
		entries, size, data = append(entries, entry), size+length, data[length:]
	}
	return entries, size, nil
}

func (s *segment) salvage(offset, end int64, last bool) (Damage, error) {
	data := make([]byte, end-offset)
	if _, err := s.file.ReadAt(data, offset); err != nil {
		return Damage{}, err
	}
	d := salvage(data, last)
	d.File, d.First, d.Offset = s.file.Name(), s.first, offset
	return d, nil
}

// rewrite writes the entries again and syncs them. In the process before, the
// sync of the last ones may have failed or not have happened: then they can be
// read, but are not on disk.
func (s *segment) rewrite(d *disk.Disk) error {
	data := make([]byte, s.size)
	if _, err := s.file.ReadAt(data, 0); err != nil {
		return err
	}
	if _, err := s.file.WriteAt(data, 0); err != nil {
		return err
	}
	return d.Sync(s.file)
}

// cut removes what follows the entries.
func (s *segment) cut(d *disk.Disk) error {
	if err := s.file.Truncate(s.size); err != nil {
		return err
	}
	return d.Sync(s.file)
}
