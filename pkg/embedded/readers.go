package embedded

import (
	"context"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

var _ chat.Readers = (*Store)(nil)

// ReadState implements chat.Readers.
func (s *Store) ReadState(ctx context.Context, id chat.ChatID, reader string) (chat.ReadState, error) {
	state, err := s.readState(ctx, id, reader)
	return state, wrap(err, "get read state")
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

// MarkRead implements chat.Readers. A mark can only be at a durable number, which
// is not allocated again.
func (s *Store) MarkRead(ctx context.Context, id chat.ChatID, mark chat.ReadMark) (chat.ReadState, error) {
	state, err := s.readState(ctx, id, mark.Reader)
	if err == nil {
		err = mark.Check(state.LastMessage)
	}
	if err != nil || mark.LastRead <= state.LastRead {
		return state, wrap(err, "mark read")
	}
	mark, err = s.raiseMark(ctx, id, mark)
	if err != nil {
		return chat.ReadState{}, wrap(err, "mark read")
	}
	return chat.NewReadState(mark, state.LastMessage), nil
}

// raiseMark writes a mark, unless there is one as high or higher, and returns the
// stored one.
func (s *Store) raiseMark(ctx context.Context, id chat.ChatID, mark chat.ReadMark) (chat.ReadMark, error) {
	var stored chat.ReadMark
	err := s.commit(ctx, func(tx *bbolt.Tx) error {
		rows, key := tx.Bucket(bucketReaders), readerKey(id, mark.Reader)
		stored = chat.ReadMark{} // the write may run twice
		if _, err := get(rows, key, &stored); err != nil || stored.LastRead >= mark.LastRead {
			return err
		}
		stored = mark
		return put(rows, key, mark)
	})
	if err != nil {
		return chat.ReadMark{}, err // the write may still run
	}
	return stored, nil
}
