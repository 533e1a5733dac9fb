package embedded

import (
	"bytes"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// eachNumber calls row with the rows of a page in order, and with more than its
// limit, until row returns false. The keys are the parent's key and a number.
func eachNumber(bucket *bbolt.Bucket, parent []byte, page chat.Page, row func(data []byte) (bool, error)) error {
	rows := bucket.Cursor()
	first, end := numberKey(parent, page.After+1), numberKey(parent, beforeOf(page))
	step, key, data := rows.Next, []byte(nil), []byte(nil)
	if page.Descending {
		step = rows.Prev
		key, data = seekBefore(rows, end)
	} else {
		key, data = rows.Seek(first)
	}
	for ; key != nil; key, data = step() {
		if bytes.Compare(key, first) < 0 || bytes.Compare(key, end) >= 0 {
			return nil
		}
		if more, err := row(data); !more || err != nil {
			return err
		}
	}
	return nil
}

// beforeOf returns the number that ends a page.
func beforeOf(page chat.Page) int64 {
	if page.Before == 0 {
		return chat.MaxNumber + 1
	}
	return page.Before
}

func numberKey(parent []byte, number int64) []byte {
	return append(bytes.Clone(parent), sequenceKey(uint64(number))...)
}

// seekBefore moves to the last key before end.
func seekBefore(rows *bbolt.Cursor, end []byte) (key, data []byte) {
	if key, _ := rows.Seek(end); key == nil {
		return rows.Last()
	}
	return rows.Prev()
}
