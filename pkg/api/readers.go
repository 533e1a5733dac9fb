package api

import (
	"context"
	"net/http"
	"time"

	"chatapi/pkg/chat"
)

// ReaderPath names a reader of a chat in a path.
type ReaderPath struct {
	ChatPath
	Reader string `path:"reader" doc:"Who reads: 1 to 128 characters, percent-encoded, with no slash and no control characters"`
}

func (p ReaderPath) reader() (chat.ChatID, error) {
	id, err := p.id()
	if err != nil {
		return chat.ChatID{}, err
	}
	return id, chat.CheckReader(p.Reader)
}

// Reader is how far a reader has read a chat, as clients see it.
type Reader struct {
	Reader            string `json:"reader"`
	LastRead          int64  `json:"last_read" doc:"The highest message number read, 0 for none"`
	Unread            int64  `json:"unread" doc:"Message numbers allocated above last_read"`
	LastMessageNumber int64  `json:"last_message_number" doc:"The highest message number allocated in the chat, 0 for none"`
	UpdatedAt         Time   `json:"updated_at,omitzero" doc:"When last_read rose; absent while it has not"`
}

type readerOutput struct {
	Body Reader
}

func viewReader(s chat.ReadState) *readerOutput {
	return &readerOutput{Body: Reader{
		Reader: s.Reader, LastRead: s.LastRead, Unread: s.Unread(),
		LastMessageNumber: s.LastMessage, UpdatedAt: Time(s.UpdatedAt),
	}}
}

const readerPath = "/api/v1/apps/{app_token}/chats/{chat_number}/readers/{reader}"

// GetReader returns the operation that reads how far a reader has read: one
// call of the store.
func GetReader(readers chat.Readers) Operation {
	op := Operation{
		Name: "get-reader", Method: http.MethodGet, Path: readerPath,
		Summary: "Get how far a reader has read a chat",
		Description: "Returns the highest message number that a reader has read and how many are above it. A " +
			"reader that was never seen has read nothing.",
		Errors: []error{chat.ErrAppNotFound, chat.ErrChatNotFound},
	}
	return operation(op, http.StatusOK, func(ctx context.Context, in *ReaderPath) (*readerOutput, error) {
		id, err := in.reader()
		if err != nil {
			return nil, err
		}
		state, err := readers.ReadState(ctx, id, in.Reader)
		if err != nil {
			return nil, err
		}
		return viewReader(state), nil
	})
}

type updateReaderInput struct {
	ReaderPath
	Body struct {
		LastRead int64 `json:"last_read" minimum:"0" maximum:"9007199254740991" doc:"The highest message number read; a lower one than before changes nothing"`
	}
}

// UpdateReader returns the operation that raises how far a reader has read:
// one read of the store and at most one write.
func UpdateReader(readers chat.Readers) Operation {
	op := Operation{
		Name: "update-reader", Method: http.MethodPut, Path: readerPath,
		Summary:     "Set how far a reader has read a chat",
		Description: "Raises the highest message number that a reader has read. A late, lower number changes nothing.",
		Errors:      []error{chat.ErrAppNotFound, chat.ErrChatNotFound},
	}
	return operation(op, http.StatusOK, func(ctx context.Context, in *updateReaderInput) (*readerOutput, error) {
		id, err := in.reader()
		if err != nil {
			return nil, err
		}
		mark, err := chat.NewReadMark(in.Reader, in.Body.LastRead, time.Now())
		if err != nil {
			return nil, err
		}
		state, err := readers.MarkRead(ctx, id, mark)
		if err != nil {
			return nil, err
		}
		return viewReader(state), nil
	})
}
