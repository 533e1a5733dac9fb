package search

import (
	"encoding/binary"
	"errors"
	"time"

	"chatapi/pkg/chat"

	"github.com/go-json-experiment/json"
)

// encodeStored returns what the index stores of a message besides its place: the
// version, the time from its creation to its last change, the sender and the
// metadata with their lengths, and the body.
func encodeStored(m chat.Message) (data []byte, err error) {
	var metadata []byte
	if len(m.Metadata) > 0 {
		if metadata, err = json.Marshal(m.Metadata); err != nil {
			return nil, err
		}
	}
	data = make([]byte, 0, 4*binary.MaxVarintLen64+len(m.Sender)+len(metadata)+len(m.Body))
	data = binary.AppendVarint(data, m.Version)
	data = binary.AppendVarint(data, m.UpdatedAt.UnixMilli()-m.CreatedAt.UnixMilli())
	data = append(binary.AppendUvarint(data, uint64(len(m.Sender))), m.Sender...)
	data = append(binary.AppendUvarint(data, uint64(len(metadata))), metadata...)
	return append(data, m.Body...), nil
}

// decodeStored sets the fields of a message that encodeStored stored.
func decodeStored(data []byte, m *chat.Message) error {
	s := stored{rest: data}
	version, changed, sender, metadata := s.number(), s.number(), s.field(), s.field()
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

// decodeVersion returns the version of a message that encodeStored stored.
func decodeVersion(data []byte) (int64, error) {
	s := stored{rest: data}
	version := s.number()
	return version, s.err
}

// stored reads what encodeStored returned.
type stored struct {
	rest []byte
	err  error // errCutOff once it is incomplete
}

var errCutOff = errors.New("the stored message is incomplete")

func (s *stored) number() int64 {
	n, length := binary.Varint(s.rest)
	if length <= 0 {
		s.cutOff()
		return 0
	}
	s.rest = s.rest[length:]
	return n
}

func (s *stored) field() []byte {
	n, length := binary.Uvarint(s.rest)
	if length <= 0 || n > uint64(len(s.rest)-length) {
		s.cutOff()
		return nil
	}
	value := s.rest[length:][:n]
	s.rest = s.rest[length:][n:]
	return value
}

func (s *stored) cutOff() { s.rest, s.err = nil, errCutOff }
