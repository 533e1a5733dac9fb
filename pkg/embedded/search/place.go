package search

import (
	"encoding/binary"
	"fmt"

	"chatapi/pkg/chat"
)

// place is what a search sorts and filters by without reading the message. It is
// in the document's name, so it is the same in all versions of a message.
type place struct {
	chat    int64
	number  int64
	created int64 // milliseconds since 1970
}

// nameOf returns the name of a message's document: its creation time, its chat,
// its number and the hash of its app. The time comes first because scorch looks up
// the names of a batch in each segment, except those that are greater than all
// names of the segment: so new messages are not looked up.
func nameOf(m chat.Message) string {
	name := make([]byte, 0, 8+8+2*binary.MaxVarintLen64)
	name = binary.BigEndian.AppendUint64(name, uint64(m.CreatedAt.UnixMilli())^signBit)
	name = binary.AppendUvarint(name, uint64(m.ChatNumber))
	name = binary.AppendUvarint(name, uint64(m.Number))
	return string(append(name, prefixOf(m.AppToken)...))
}

// signBit makes times before 1970 less than those after.
const signBit = 1 << 63

func decodeName(name []byte) (place, error) {
	if len(name) < 8 {
		return place{}, fmt.Errorf("name %x of a document is incomplete", name)
	}
	created := binary.BigEndian.Uint64(name) ^ signBit
	chatNumber, n := binary.Uvarint(name[8:])
	number, m := binary.Uvarint(name[8+max(n, 0):])
	if n <= 0 || m <= 0 {
		return place{}, fmt.Errorf("name %x of a document is incomplete", name)
	}
	return place{chat: int64(chatNumber), number: int64(number), created: int64(created)}, nil
}
