package search

import (
	"encoding/binary"
	"errors"
	"time"

	"chatapi/pkg/chat"

	"github.com/go-json-experiment/json"
)

// encodeStored returns what the index keeps of a message besides its place: the
// version, how long after its creation it was changed, the sender and the
// metadata with their lengths, and the body.
func encodeStored(m chat.Message) (text []byte, err error) {
	var metadata []byte
	if len(m.Metadata) > 0 {
		if metadata, err = json.Marshal(m.Metadata, json.Deterministic(true)); err != nil {
			return nil, err
		}
	}
	text = make([]byte, 0, 4*binary.MaxVarintLen64+len(m.Sender)+len(metadata)+len(m.Body))
	text = binary.AppendVarint(text, m.Version)
	text = binary.AppendVarint(text, m.UpdatedAt.UnixMilli()-m.CreatedAt.UnixMilli())
	text = append(binary.AppendUvarint(text, uint64(len(m.Sender))), m.Sender...)
	text = append(binary.AppendUvarint(text, uint64(len(metadata))), metadata...)
	return append(text, m.Body...), nil
}

// decodeStored sets what encodeStored kept of a message, whose place is known.
func decodeStored(text []byte, m *chat.Message) error {
	version, text, err := cutVarint(text)
	if err != nil {
		return err
	}
	changed, text, err := cutVarint(text)
	if err != nil {
		return err
	}
	sender, text, err := cutText(text)
	if err != nil {
		return err
	}
	metadata, body, err := cutText(text)
	if err != nil {
		return err
	}
	m.Version, m.Sender, m.Body, m.Metadata = version, string(sender), string(body), nil
	m.UpdatedAt = m.CreatedAt.Add(time.Duration(changed) * time.Millisecond)
	if len(metadata) == 0 {
		return nil
	}
	return json.Unmarshal(metadata, &m.Metadata)
}

var errCutOff = errors.New("the message is cut off")

// cutVarint returns the number that a text begins with, and the rest.
func cutVarint(text []byte) (n int64, rest []byte, err error) {
	n, length := binary.Varint(text)
	if length <= 0 {
		return 0, nil, errCutOff
	}
	return n, text[length:], nil
}

// cutText returns the text that a text begins with, and the rest.
func cutText(text []byte) (first, rest []byte, err error) {
	n, length := binary.Uvarint(text)
	if length <= 0 || n > uint64(len(text)-length) {
		return nil, nil, errCutOff
	}
	text = text[length:]
	return text[:n], text[n:], nil
}
