package embedded

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// salvaged is what stands in a file of the log from a record on that cannot be
// read.
type salvaged struct {
	entries [][]byte // whole ones behind it
	damaged [][]byte // what stands between them, byte for byte
	tail    []byte   // what stands behind the last of them
	torn    int      // bytes that were never acknowledged
}

// salvage looks for whole records in a text. Nothing tells where one begins but
// that its checksum is right. A client cannot forge one: an entry is JSON but
// for its head, and has no zero byte for a length to begin with.
func salvage(text []byte) (found salvaged) {
	for {
		begin := nextRecord(text)
		if begin < 0 {
			found.tail = text
			return found
		}
		if begin > 0 {
			found.damaged = append(found.damaged, text[:begin])
		}
		entry := firstEntry(text[begin:])
		found.entries = append(found.entries, entry)
		text = text[begin+recordHead+len(entry):]
	}
}

// nextRecord returns where the first whole record of a text begins, or -1.
func nextRecord(text []byte) int {
	for begin := 0; ; begin++ {
		zero := bytes.IndexByte(text[begin:], 0) // a length is below 1<<24
		if zero < 0 {
			return -1
		}
		begin += zero
		if firstEntry(text[begin:]) != nil {
			return begin
		}
	}
}

// withTail says what the tail is. At the end of the last file it may be what a
// crash left of a write that nobody was answered: a record that the file ends
// in, or space that was never written. Anything else is damage, because what
// was acknowledged was whole.
func (s salvaged) withTail(last bool) salvaged {
	whole := recordLength(s.tail)
	unwritten := len(bytes.Trim(s.tail, "\x00")) == 0
	if last && (unwritten || len(s.tail) < recordHead || whole > int64(len(s.tail))) {
		s.torn, s.tail = len(s.tail), nil
	}
	if len(s.tail) > 0 {
		s.damaged, s.tail = append(s.damaged, s.tail), nil
	}
	return s
}

// salvagedKey begins the sequence numbers of entries that were found behind
// damage: their own numbers are not known, and those of the log stay below.
const salvagedKey = 1 << 63

// keep stores what was found behind damage in the log: entries as entries that
// may have been delivered, and damaged bytes as dead letters. It does so once
// for each place of the log.
func (q *Queue) keep(from place, found salvaged) error {
	if found.torn > 0 {
		q.logger.Info("cut off the end of the log of creates: it was never acknowledged", "file", from.file, "offset", from.offset, "bytes", found.torn)
	}
	if len(found.entries)+len(found.damaged) == 0 {
		return nil
	}
	key := binary.BigEndian.AppendUint64(sequenceKey(from.first), uint64(from.offset))
	var kept []uint64
	err := q.commit(context.Background(), func(tx *bbolt.Tx) (err error) {
		if kept = nil; tx.Bucket(bucketSalvaged).Get(key) != nil { // before a crash
			return nil
		}
		if kept, err = found.store(tx); err != nil {
			return err
		}
		return tx.Bucket(bucketSalvaged).Put(key, nil)
	})
	if err != nil {
		return err
	}
	q.logger.Error("creates in the log are damaged: they are dead letters now", "file", from.file, "offset", from.offset, "damaged", len(found.damaged), "whole_behind", len(found.entries))
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range kept {
		q.hidden[id] = delivery{receives: 1}
	}
	return nil
}

// store returns the keys of the entries.
func (s salvaged) store(tx *bbolt.Tx) (kept []uint64, err error) {
	rows, carried := tx.Bucket(bucketCreates), carriedNumbers{}
	for _, text := range s.entries {
		n, err := rows.NextSequence()
		if err != nil {
			return nil, err
		}
		if err := errors.Join(carried.add(0, text), rows.Put(sequenceKey(salvagedKey|n), text)); err != nil {
			return nil, err
		}
		kept = append(kept, salvagedKey|n)
	}
	for _, text := range s.damaged {
		if len(text) > recordHead {
			_ = carried.add(0, text[recordHead:]) // what it shows of its number is not given out again
		}
		if err := putDamaged(tx, sourceCreates, "its bytes in the log of creates do not match their checksum", text); err != nil {
			return nil, err
		}
	}
	return kept, carried.raise(tx)
}

// putDamaged keeps bytes that cannot be decoded. A dead letter is text, so it
// has them in base64.
func putDamaged(tx *bbolt.Tx, source deadLetterSource, reason string, data []byte) error {
	return putDeadLetter(tx, deadLetter{
		Source: source, Reason: fmt.Sprintf("damaged: %s; the body is %d bytes in base64", reason, len(data)),
		Body: base64.StdEncoding.EncodeToString(data), At: time.Now().UTC(),
	})
}
