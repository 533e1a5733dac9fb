package createlog

import "bytes"

// Damage is what follows the whole records that a file begins with.
type Damage struct {
	File   string
	First  uint64 // sequence number that the file begins with
	Offset int64  // of the damage in the file, in bytes

	Entries [][]byte // whole ones after the damage
	Damaged [][]byte // all bytes that are not whole records
	Torn    int      // bytes at the end that were never acknowledged
}

// Entry returns what would be the entry of a damaged record, or nil.
func Entry(damaged []byte) []byte { return damaged[min(recordHead, len(damaged)):] }

// salvage finds the whole records in data. Only a right checksum tells where one
// begins. A client cannot forge one: JSON has no zero byte, with which a length
// begins. last says that data ends the last file.
func salvage(data []byte, last bool) (d Damage) {
	for {
		begin := nextRecord(data)
		if begin < 0 {
			break
		}
		if begin > 0 {
			d.Damaged = append(d.Damaged, data[:begin])
		}
		entry := firstEntry(data[begin:])
		d.Entries = append(d.Entries, entry)
		data = data[begin+recordHead+len(entry):]
	}
	switch {
	case last && isTorn(data):
		d.Torn = len(data)
	case len(data) > 0:
		d.Damaged = append(d.Damaged, data)
	}
	return d
}

// nextRecord returns the offset of the first whole record in data, or -1.
func nextRecord(data []byte) int {
	for begin := 0; ; begin++ {
		zero := bytes.IndexByte(data[begin:], 0) // a length is below 1<<24
		if zero < 0 {
			return -1
		}
		begin += zero
		if firstEntry(data[begin:]) != nil {
			return begin
		}
	}
}

// isTorn reports whether the end of the last file may be what a crash left of a
// write that was never acknowledged: a record that is cut off, or space that was
// never written. Anything else is damage, because what was acknowledged was
// whole.
func isTorn(data []byte) bool {
	unwritten := len(bytes.Trim(data, "\x00")) == 0
	return unwritten || len(data) < recordHead || recordLength(data) > int64(len(data))
}
