package createlog

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	recordHead = 8 // bytes
	// maxEntry bounds an entry, in bytes, so that a damaged length is
	// recognized.
	maxEntry = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// NewRecord returns the head of a record. Append takes it with an entry of this
// length, from 1 byte to 1 MiB, appended to it.
func NewRecord(length int) []byte { return make([]byte, recordHead, recordHead+length) }

// seal completes the head of a record.
func seal(record []byte) []byte {
	entry := record[recordHead:]
	binary.BigEndian.PutUint32(record, uint32(len(entry)))
	binary.BigEndian.PutUint32(record[4:], crc32.Checksum(entry, castagnoli))
	return record
}

// firstEntry returns the entry of the record that data begins with, or nil if
// there is no whole record.
func firstEntry(data []byte) []byte {
	length := recordLength(data)
	if length == 0 || length > int64(len(data)) {
		return nil
	}
	entry := data[recordHead:length:length]
	if crc32.Checksum(entry, castagnoli) != binary.BigEndian.Uint32(data[4:]) {
		return nil
	}
	return entry
}

// recordLength returns the length of the record that data begins with, or 0 if
// it does not begin with one.
func recordLength(data []byte) int64 {
	if len(data) < recordHead {
		return 0
	}
	length := binary.BigEndian.Uint32(data)
	if length == 0 || length > maxEntry {
		return 0
	}
	return recordHead + int64(length)
}
