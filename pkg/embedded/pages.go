package embedded

import (
	"bytes"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// eachNumber calls row with the rows of a page in its order, beyond its limit
// too, until row returns false. The keys are the parent's key and a number.
func eachNumber(bucket *bbolt.Bucket, parent []byte, page chat.Page, row func(text []byte) (bool, error)) error {
	rows := bucket.Cursor()
	first, end := numberKey(parent, page.After+1), numberKey(parent, beforeOf(page))
	step, key, text := rows.Next, []byte(nil), []byte(nil)
	if page.Descending {
		step = rows.Prev
		key, text = seekBefore(rows, end)
	} else {
		key, text = rows.Seek(first)
	}
	for ; key != nil; key, text = step() {
		if bytes.Compare(key, first) < 0 || bytes.Compare(key, end) >= 0 {
			return nil
		}
		if goOn, err := row(text); !goOn || err != nil {
			return err
		}
	}
	return nil
}

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
func seekBefore(rows *bbolt.Cursor, end []byte) (key, text []byte) {
	if key, _ := rows.Seek(end); key == nil {
		return rows.Last()
	}
	return rows.Prev()
}
