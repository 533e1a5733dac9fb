package api

import (
	"context"
	"net/http"
	"time"

	"chatapi/pkg/chat"
)

// Message is a message as clients see it.
type Message struct {
	MessageNumber int64             `json:"message_number"`
	ChatNumber    int64             `json:"chat_number"`
	AppToken      string            `json:"app_token"`
	Body          string            `json:"body"`
	Sender        string            `json:"sender,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty" doc:"As the client sent it"`
	Version       int64             `json:"version" doc:"1 when created, one more with each edit"`
	CreatedAt     Time              `json:"created_at"`
	UpdatedAt     Time              `json:"updated_at"`
}

func viewMessage(m chat.Message) Message {
	return Message{
		MessageNumber: m.Number, ChatNumber: m.ChatNumber, AppToken: m.AppToken,
		Body: m.Body, Sender: m.Sender, Metadata: m.Metadata,
		Version: m.Version, CreatedAt: Time(m.CreatedAt), UpdatedAt: Time(m.UpdatedAt),
	}
}

// ListedMessage is a message in a list, or the tombstone of one, which has
// message_number and deleted_at and nothing else, or a void number, which has
// message_number and void.
type ListedMessage struct {
	MessageNumber int64             `json:"message_number"`
	ChatNumber    int64             `json:"chat_number,omitzero"`
	AppToken      string            `json:"app_token,omitempty"`
	Body          string            `json:"body,omitempty"`
	Sender        string            `json:"sender,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty" doc:"As the client sent it"`
	Version       int64             `json:"version,omitzero" doc:"1 when created, one more with each edit"`
	CreatedAt     Time              `json:"created_at,omitzero"`
	UpdatedAt     Time              `json:"updated_at,omitzero"`
	DeletedAt     Time              `json:"deleted_at,omitzero" doc:"Only of a deleted message, which has no other field but its number"`
	Void          bool              `json:"void,omitzero" doc:"true for a number whose message was never stored, which has no other field but its number"`
}

func listMessage(m chat.ListedMessage) ListedMessage {
	switch {
	case m.Void:
		return ListedMessage{MessageNumber: m.Number, Void: true}
	case m.Deleted():
		return ListedMessage{MessageNumber: m.Number, DeletedAt: Time(m.DeletedAt)}
	}
	return ListedMessage{
		MessageNumber: m.Number, ChatNumber: m.ChatNumber, AppToken: m.AppToken,
		Body: m.Body, Sender: m.Sender, Metadata: m.Metadata,
		Version: m.Version, CreatedAt: Time(m.CreatedAt), UpdatedAt: Time(m.UpdatedAt),
	}
}

type createMessageInput struct {
	ChatPath
	KeyHeader
	Body struct {
		Body     string            `json:"body" doc:"1 to 16,384 bytes of UTF-8, not blank"`
		Sender   string            `json:"sender,omitempty" doc:"At most 128 characters"`
		Metadata map[string]string `json:"metadata,omitempty" doc:"Keys and values of your own, at most 4,096 bytes together"`
	}
}

type createMessageOutput struct {
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     struct {
		Done string `json:"message" doc:"What was done" example:"Message created successfully"`
		Message
	}
}

// CreateMessage returns the operation that creates a message: it allocates the
// number, then enqueues the create. These two calls come before the 201, and two
// more if the request has an Idempotency-Key.
func CreateMessage(store chat.Store, queue chat.Queue, keys chat.Idempotency) Operation {
	create := creates{store: store, queue: queue, keys: keys}
	op := Operation{
		Name: "create-message", Method: http.MethodPost, Path: "/api/v1/apps/{app_token}/chats/{chat_number}/messages",
		Summary: "Create a message",
		Description: "Allocates the next number of the chat and makes the message durable. It is usually " +
			"stored, and found by searches, within a second.",
		Errors: []error{chat.ErrAppNotFound, chat.ErrChatNotFound, chat.ErrKeyInUse, chat.ErrKeyReused},
	}
	return operation(op, http.StatusCreated, func(ctx context.Context, in *createMessageInput) (*createMessageOutput, error) {
		id, err := in.id()
		if err != nil {
			return nil, err
		}
		m, err := chat.NewMessage(id, in.Body.Body, in.Body.Sender, in.Body.Metadata, time.Now())
		if err != nil {
			return nil, err
		}
		claim, err := in.claim(id.Parent(), in.Body, m.CreatedAt)
		if err != nil {
			return nil, err
		}
		m.Number, m.CreatedAt, err = create.number(ctx, claim, m.CreatedAt, func(ctx context.Context) (int64, error) {
			return store.AllocateMessageNumber(ctx, id)
		})
		if err != nil {
			return nil, err
		}
		m.UpdatedAt = m.CreatedAt
		if err := create.keep(ctx, chat.Create{Message: &m}); err != nil {
			return nil, err
		}
		var out createMessageOutput
		out.Location = link(ctx, "/api/v1/apps/%s/chats/%d/messages/%d", id.AppToken, id.Number, m.Number)
		out.ETag = etagOf(m.Version)
		out.Body.Done = "Message created successfully"
		out.Body.Message = viewMessage(m)
		return &out, nil
	})
}

type listMessagesInput struct {
	ChatPath
	PageQuery
}

type listMessagesOutput struct {
	Link string `header:"Link"`
	Body struct {
		Messages        []ListedMessage `json:"messages"`
		Next            string          `json:"next,omitempty" doc:"Link to the next page; absent on the last"`
		CompleteThrough *int64          `json:"complete_through,omitempty"`
	}
}

// ListMessages returns the operation that lists a chat's messages by number:
// one call of the store, or two if before is set and numbers are missing
// directly below it.
func ListMessages(store chat.Store, now func() time.Time) Operation {
	op := Operation{
		Name: "list-messages", Method: http.MethodGet, Path: "/api/v1/apps/{app_token}/chats/{chat_number}/messages",
		Summary:     "List the messages of a chat",
		Description: listMessagesDescription,
		Errors:      []error{chat.ErrAppNotFound, chat.ErrChatNotFound},
	}
	return operation(op, http.StatusOK, func(ctx context.Context, in *listMessagesInput) (*listMessagesOutput, error) {
		id, err := in.id()
		if err != nil {
			return nil, err
		}
		list, err := chat.ListMessages(ctx, store, id, in.page(), now())
		if err != nil {
			return nil, err
		}
		page, all, err := pageOf(ctx, list.Items, func(m chat.ListedMessage) (ListedMessage, int) {
			return listMessage(m), sizeBound(m.Metadata, m.Body, m.Sender)
		})
		if err != nil {
			return nil, err
		}
		var out listMessagesOutput
		out.Body.Messages = page
		if list.More || !all {
			out.Body.Next = in.next(ctx, page[len(page)-1].MessageNumber)
			out.Link = nextLink(out.Body.Next)
		}
		if in.Order != "desc" && in.Before == 0 {
			through := chat.CompleteThrough(in.After, list.Items[:len(page)])
			out.Body.CompleteThrough = &through
		}
		return &out, nil
	})
}

const listMessagesDescription = "Lists a chat's stored messages by number. Follow next until it is absent. " +
	"A deleted message is listed as its tombstone, {message_number, deleted_at}. A number whose message was never stored " +
	"is void: if the next stored message above it was created more than 24 hours and 15 minutes ago, it is listed as " +
	"{message_number, void: true}. In ascending order without before, complete_through says how far the list has no " +
	"gap."

// MessagePath names a message in a path.
type MessagePath struct {
	ChatPath
	MessageNumber int64 `path:"message_number" minimum:"1" maximum:"9007199254740991" doc:"The message's number in its chat"`
}

type getMessageInput struct {
	MessagePath
	IfNoneMatch
}

type messageOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   Message
}

// GetMessage returns the operation that reads a message: one call of the store.
func GetMessage(store chat.Store, now func() time.Time) Operation {
	op := Operation{
		Name: "get-message", Method: http.MethodGet,
		Path:        "/api/v1/apps/{app_token}/chats/{chat_number}/messages/{message_number}",
		Summary:     "Get a message",
		Description: "Returns a message.",
		Errors: []error{
			chat.ErrAppNotFound, chat.ErrChatNotFound, chat.ErrMessageNotFound,
			chat.ErrNotStoredYet, chat.ErrNumberVoid, chat.ErrMessageDeleted,
		},
		describe: describeNotModified,
	}
	return operation(op, http.StatusOK, func(ctx context.Context, in *getMessageInput) (*messageOutput, error) {
		id, err := in.id()
		if err != nil {
			return nil, err
		}
		m, err := store.Message(ctx, id, in.MessageNumber)
		if err != nil {
			return nil, chat.MissingMessage(ctx, store, id, in.MessageNumber, err, now())
		}
		if m.Deleted() {
			return nil, chat.ErrMessageDeleted
		}
		etag := etagOf(m.Version)
		return &messageOutput{Status: in.status(etag), ETag: etag, Body: viewMessage(m)}, nil
	})
}

type updateMessageInput struct {
	MessagePath
	IfMatch
	NoNulls
	Body struct {
		Body     *string            `json:"body,omitempty" doc:"1 to 16,384 bytes of UTF-8, not blank"`
		Metadata *map[string]string `json:"metadata,omitempty" doc:"Replaces all metadata"`
	}
}

// UpdateMessage returns the operation that changes a message's body or
// metadata: one call of the store. The indexer brings it into search.
func UpdateMessage(store chat.Store, now func() time.Time) Operation {
	op := Operation{
		Name: "update-message", Method: http.MethodPatch,
		Path:    "/api/v1/apps/{app_token}/chats/{chat_number}/messages/{message_number}",
		Summary: "Change a message",
		Description: "Changes the fields that the request has: the body, the metadata or both. With If-Match " +
			"it changes them only if nobody else has. Searches usually find the new text within a " +
			"second.",
		Errors: []error{
			chat.ErrAppNotFound, chat.ErrChatNotFound, chat.ErrMessageNotFound, chat.ErrNotStoredYet,
			chat.ErrNumberVoid, chat.ErrMessageDeleted, chat.ErrVersionChanged,
		},
	}
	return operation(op, http.StatusOK, func(ctx context.Context, in *updateMessageInput) (*messageOutput, error) {
		id, err := in.id()
		if err != nil {
			return nil, err
		}
		edit, err := chat.NewMessageEdit(in.Body.Body, (*chat.Metadata)(in.Body.Metadata), now())
		if err != nil {
			return nil, err
		}
		allowed, err := in.versions()
		if err != nil {
			return nil, err
		}
		m, err := store.UpdateMessage(ctx, id, in.MessageNumber, edit, allowed)
		if err != nil {
			return nil, chat.MissingMessage(ctx, store, id, in.MessageNumber, err, now())
		}
		return &messageOutput{Status: http.StatusOK, ETag: etagOf(m.Version), Body: viewMessage(m)}, nil
	})
}

type deleteMessageInput struct {
	MessagePath
	IfMatch
}

// DeleteMessage returns the operation that deletes a message and leaves its
// tombstone: one call of the store. Deleting again is a success, so that a
// client whose response was lost may retry.
func DeleteMessage(store chat.Store, now func() time.Time) Operation {
	op := Operation{
		Name: "delete-message", Method: http.MethodDelete,
		Path:    "/api/v1/apps/{app_token}/chats/{chat_number}/messages/{message_number}",
		Summary: "Delete a message",
		Description: "Deletes a message. It keeps its number, and lists show its tombstone there. Deleting it " +
			"again is a success.",
		Errors: []error{
			chat.ErrAppNotFound, chat.ErrChatNotFound, chat.ErrMessageNotFound,
			chat.ErrNotStoredYet, chat.ErrNumberVoid, chat.ErrVersionChanged,
		},
	}
	return operation(op, http.StatusNoContent, func(ctx context.Context, in *deleteMessageInput) (*struct{}, error) {
		id, err := in.id()
		if err != nil {
			return nil, err
		}
		allowed, err := in.versions()
		if err != nil {
			return nil, err
		}
		if err := store.DeleteMessage(ctx, id, in.MessageNumber, now(), allowed); err != nil {
			return nil, chat.MissingMessage(ctx, store, id, in.MessageNumber, err, now())
		}
		return nil, nil
	})
}
