package embedded

import (
	"context"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

var _ chat.Readers = (*Store)(nil)

// ReadState returns how far a reader has read a chat.
func (s *Store) ReadState(ctx context.Context, id chat.ChatID, reader string) (chat.ReadState, error) {
	state, err := s.readState(ctx, id, reader)
	return state, wrap(err, "read how far a reader is")
}

func (s *Store) readState(ctx context.Context, id chat.ChatID, reader string) (chat.ReadState, error) {
	if err := s.CheckChat(ctx, id); err != nil {
		return chat.ReadState{}, err
	}
	mark := chat.ReadMark{Reader: reader}
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		_, err := get(tx.Bucket(bucketReaders), readerKey(id, reader), &mark)
		return err
	})
	if err != nil {
		return chat.ReadState{}, err
	}
	last, _, err := s.numbers.last(id.Parent())
	return chat.NewReadState(mark, last), err
}

// MarkRead raises a reader's mark. The number read becomes durable with it:
// else it could be given out again after a crash, to a message that would
// count as read.
func (s *Store) MarkRead(ctx context.Context, id chat.ChatID, mark chat.ReadMark) (chat.ReadState, error) {
	state, err := s.readState(ctx, id, mark.Reader)
	if err == nil {
		err = mark.Check(state.LastMessage)
	}
	if err != nil || mark.LastRead <= state.LastRead {
		return state, wrap(err, "mark read")
	}
	stands, err := s.raiseMark(ctx, id, mark)
	if err != nil {
		return chat.ReadState{}, wrap(err, "mark read")
	}
	s.numbers.stored(id.Parent(), mark.LastRead)
	return chat.NewReadState(stands, state.LastMessage), nil
}

// raiseMark writes a mark, unless it was raised as far or further meanwhile,
// and returns the one that stands then.
func (s *Store) raiseMark(ctx context.Context, id chat.ChatID, mark chat.ReadMark) (chat.ReadMark, error) {
	var stands chat.ReadMark
	err := s.commit(ctx, func(tx *bbolt.Tx) error {
		rows, key := tx.Bucket(bucketReaders), readerKey(id, mark.Reader)
		stands = chat.ReadMark{} // the write may run twice
		if _, err := get(rows, key, &stands); err != nil || stands.LastRead >= mark.LastRead {
			return err
		}
		stands = mark
		if err := put(rows, key, mark); err != nil {
			return err
		}
		return raise(tx, id.Parent(), mark.LastRead)
	})
	if err != nil {
		return chat.ReadMark{}, err // the write may still run
	}
	return stands, nil
}
