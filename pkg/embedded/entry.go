package embedded

import (
	"encoding/binary"
	"errors"
	"strconv"
	"time"

	"chatapi/pkg/chat"
)

// entry is a create in the log and in the bucket of creates: when it was
// enqueued, how often it was delivered, and its body as it came.
type entry struct {
	sentAt   time.Time
	receives int // without the first delivery, which costs no write
	body     string
}

const entryHead = 9 // bytes

func (e entry) encode() []byte { return e.appendTo(make([]byte, 0, entryHead+len(e.body))) }

func (e entry) appendTo(data []byte) []byte {
	data = binary.BigEndian.AppendUint64(data, uint64(e.sentAt.UnixMilli()))
	return append(append(data, byte(e.receives)), e.body...)
}

func decodeEntry(data []byte) (entry, error) {
	if len(data) < entryHead {
		return entry{}, errors.New("decode create: it is cut off")
	}
	sentAt := time.UnixMilli(int64(binary.BigEndian.Uint64(data))).UTC()
	return entry{sentAt: sentAt, receives: int(data[8]), body: string(data[entryHead:])}, nil
}

func (e entry) delivery(sequence uint64, receives int) chat.Delivery {
	id := strconv.FormatUint(sequence, 10)
	return chat.Delivery{
		ID: id, Receipt: id + "." + strconv.Itoa(receives),
		Body: e.body, Receives: receives, SentAt: e.sentAt,
	}
}
