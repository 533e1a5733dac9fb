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
		if metadata, err = json.Marshal(m.Metadata); err != nil {
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
	s := stored{rest: text}
	version, changed, sender, metadata := s.number(), s.number(), s.text(), s.text()
	if s.err != nil {
		return s.err
	}
	m.Version, m.Sender, m.Body, m.Metadata = version, string(sender), string(s.rest), nil
	m.UpdatedAt = m.CreatedAt.Add(time.Duration(changed) * time.Millisecond)
	if len(metadata) == 0 {
		return nil
	}
	return json.Unmarshal(metadata, &m.Metadata)
}

// decodeVersion returns the version of a message that encodeStored kept.
func decodeVersion(text []byte) (int64, error) {
	s := stored{rest: text}
	version := s.number()
	return version, s.err
}

// stored is what encodeStored wrote, on its way to be read.
type stored struct {
	rest []byte
	err  error // errCutOff from where it is cut off
}

var errCutOff = errors.New("the message is cut off")

func (s *stored) number() int64 {
	n, length := binary.Varint(s.rest)
	if length <= 0 {
		s.cutOff()
		return 0
	}
	s.rest = s.rest[length:]
	return n
}

func (s *stored) text() []byte {
	n, length := binary.Uvarint(s.rest)
	if length <= 0 || n > uint64(len(s.rest)-length) {
		s.cutOff()
		return nil
	}
	text := s.rest[length:][:n]
	s.rest = s.rest[length:][n:]
	return text
}

func (s *stored) cutOff() { s.rest, s.err = nil, errCutOff }
