package embedded

import (
	"encoding/binary"
	"fmt"

	"chatapi/pkg/chat"

	"github.com/go-json-experiment/json"
	"go.etcd.io/bbolt"
)

// The buckets of rows.db. Numbers in keys are big-endian, so that keys sort as
// numbers do.
var (
	bucketApps         = []byte("apps")          // app token → app
	bucketChats        = []byte("chats")         // app token, chat number → chat
	bucketMessages     = []byte("messages")      // app token, chat number, message number → message
	bucketCounters     = []byte("counters")      // app token [, chat number] → the highest durable number in it
	bucketReaders      = []byte("readers")       // app token, chat number, reader → how far it has read
	bucketKeys         = []byte("keys")          // chat.IdempotencyKey.String → its create
	bucketExpiries     = []byte("expiries")      // second, chat.IdempotencyKey.String → nothing
	bucketCreates      = []byte("creates")       // sequence → entry of the queue
	bucketDeadLettered = []byte("dead_lettered") // sequence → nothing: entry of the log that is a dead letter
	bucketSalvaged     = []byte("salvaged")      // sequence, offset → nothing: place in the log whose rest was set aside
	bucketChanges      = []byte("changes")       // sequence → change of a message
	bucketDeadLetters  = []byte("dead_letters")  // sequence → dead letter

	buckets = [][]byte{
		bucketApps, bucketChats, bucketMessages, bucketCounters, bucketReaders, bucketKeys, bucketExpiries,
		bucketCreates, bucketDeadLettered, bucketSalvaged, bucketChanges, bucketDeadLetters,
	}
)

func sequenceKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func keySequence(key []byte) uint64 { return binary.BigEndian.Uint64(key) }

// chatKey is also the key of the chat's counter.
func chatKey(id chat.ChatID) []byte {
	key := make([]byte, 0, chat.TokenLength+16) // room for a message number
	return binary.BigEndian.AppendUint64(append(key, id.AppToken...), uint64(id.Number))
}

func messageKey(id chat.ChatID, number int64) []byte {
	return binary.BigEndian.AppendUint64(chatKey(id), uint64(number))
}

func readerKey(id chat.ChatID, reader string) []byte { return append(chatKey(id), reader...) }

// get reads the JSON under a key into value and reports whether it is there.
func get(bucket *bbolt.Bucket, key []byte, value any) (bool, error) {
	data := bucket.Get(key)
	if data == nil {
		return false, nil
	}
	if err := decodeRow(data, value); err != nil {
		return false, err
	}
	return true, nil
}

func decodeRow(data []byte, row any) error {
	if err := json.Unmarshal(data, row); err != nil {
		return fmt.Errorf("decode row: %w", err)
	}
	return nil
}

// put writes value as JSON under a key.
func put(bucket *bbolt.Bucket, key []byte, value any) error {
	data, err := encodeRow(value)
	if err != nil {
		return err
	}
	return bucket.Put(key, data)
}

// encodeRow returns the same data for the same row. It refuses what is not
// UTF-8.
func encodeRow(row any) ([]byte, error) {
	data, err := json.Marshal(row, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("encode row: %w", err)
	}
	return data, nil
}

// appendTo writes value under the bucket's next sequence number. Keys only
// ever grow there, so pages are filled to the brim.
func appendTo(bucket *bbolt.Bucket, value []byte) error {
	bucket.FillPercent = 1
	n, err := bucket.NextSequence()
	if err != nil {
		return err
	}
	return bucket.Put(sequenceKey(n), value)
}
