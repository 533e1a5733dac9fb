package api

import (
	"context"
	"net/http"
	"time"

	"chatapi/pkg/chat"

	"golang.org/x/sync/errgroup"
)

// ChatPath names a chat in a path.
type ChatPath struct {
	AppPath
	ChatNumber int64 `path:"chat_number" minimum:"1" maximum:"9007199254740991" doc:"The chat's number in its app"`
}

func (p ChatPath) id() (chat.ChatID, error) {
	token, err := p.token()
	return chat.ChatID{AppToken: token, Number: p.ChatNumber}, err
}

// Chat is a chat as clients see it.
type Chat struct {
	ChatNumber   int64             `json:"chat_number"`
	AppToken     string            `json:"app_token"`
	Title        string            `json:"title"`
	Metadata     map[string]string `json:"metadata,omitempty" doc:"As the client sent it"`
	MessageCount int64             `json:"message_count" doc:"Stored messages that are not deleted"`
	Version      int64             `json:"version" doc:"1 when created, one more with each edit"`
	CreatedAt    Time              `json:"created_at"`
	UpdatedAt    Time              `json:"updated_at"`
}

func viewChat(c chat.Chat) Chat {
	return Chat{
		ChatNumber: c.Number, AppToken: c.AppToken, Title: c.Title, Metadata: c.Metadata, MessageCount: c.MessageCount,
		Version: c.Version, CreatedAt: Time(c.CreatedAt), UpdatedAt: Time(c.UpdatedAt),
	}
}

type createChatInput struct {
	AppPath
	KeyHeader
	Body *CreateChatRequest
}

// CreateChatRequest is the body of a request that creates a chat.
type CreateChatRequest struct {
	Title    string            `json:"title,omitempty" doc:"At most 200 characters"`
	Metadata map[string]string `json:"metadata,omitempty" doc:"Keys and values of your own, at most 4,096 bytes together"`
}

type createChatOutput struct {
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     struct {
		Done string `json:"message" doc:"What was done" example:"Chat created successfully"`
		Chat
	}
}

// CreateChat returns the operation that creates a chat: it allocates the
// number, then creates the counter of the chat's messages and enqueues the
// create concurrently.
func CreateChat(store chat.Store, queue chat.Queue, keys chat.Idempotency) Operation {
	create := creates{store: store, queue: queue, keys: keys}
	op := Operation{
		Name: "create-chat", Method: http.MethodPost, Path: "/api/v1/apps/{app_token}/chats",
		Summary: "Create a chat",
		Description: "Allocates the next number of the app and makes the chat durable. Messages can be " +
			"created in the chat at once, even before its row is stored. The body is optional.",
		Errors: []error{chat.ErrAppNotFound, chat.ErrKeyInUse, chat.ErrKeyReused},
	}
	return operation(op, http.StatusCreated, func(ctx context.Context, in *createChatInput) (*createChatOutput, error) {
		token, err := in.token()
		if err != nil {
			return nil, err
		}
		var asked CreateChatRequest
		if in.Body != nil {
			asked = *in.Body
		}
		c, err := chat.NewChat(token, asked.Title, asked.Metadata, time.Now())
		if err != nil {
			return nil, err
		}
		claim, err := in.claim(chat.AppParent(token), asked, c.CreatedAt)
		if err != nil {
			return nil, err
		}
		c.Number, c.CreatedAt, err = create.number(ctx, claim, c.CreatedAt, func(ctx context.Context) (int64, error) {
			return store.AllocateChatNumber(ctx, token)
		})
		if err != nil {
			return nil, err
		}
		c.UpdatedAt = c.CreatedAt
		open, openCtx := errgroup.WithContext(ctx)
		open.Go(func() error { return store.CreateCounter(openCtx, c.ID()) })
		open.Go(func() error { return create.keep(openCtx, chat.Create{Chat: &c}) })
		if err := open.Wait(); err != nil {
			return nil, err
		}
		var out createChatOutput
		out.Location = link(ctx, "/api/v1/apps/%s/chats/%d", token, c.Number)
		out.ETag = etagWithCount(c.Version, c.MessageCount)
		out.Body.Done = "Chat created successfully"
		out.Body.Chat = viewChat(c)
		return &out, nil
	})
}

type listChatsInput struct {
	AppPath
	PageQuery
}

type listChatsOutput struct {
	Link string `header:"Link"`
	Body struct {
		Chats []Chat `json:"chats"`
		Next  string `json:"next,omitempty" doc:"Link to the next page; absent on the last"`
	}
}

// ListChats returns the operation that lists an app's chats by number.
func ListChats(store chat.Store) Operation {
	op := Operation{
		Name: "list-chats", Method: http.MethodGet, Path: "/api/v1/apps/{app_token}/chats",
		Summary:     "List the chats of an app",
		Description: "Lists an app's stored chats by number. Follow next until it is absent.",
		Errors:      []error{chat.ErrAppNotFound},
	}
	return operation(op, http.StatusOK, func(ctx context.Context, in *listChatsInput) (*listChatsOutput, error) {
		token, err := in.token()
		if err != nil {
			return nil, err
		}
		chats, more, err := store.Chats(ctx, token, in.page())
		if err != nil {
			return nil, err
		}
		page, all, err := pageOf(ctx, chats, func(c chat.Chat) (Chat, int) {
			return viewChat(c), sizeBound(c.Metadata, c.Title)
		})
		if err != nil {
			return nil, err
		}
		var out listChatsOutput
		out.Body.Chats = page
		if more || !all {
			out.Body.Next = in.next(ctx, page[len(page)-1].ChatNumber)
			out.Link = nextLink(out.Body.Next)
		}
		return &out, nil
	})
}

type getChatInput struct {
	ChatPath
	IfNoneMatch
}

type chatOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   Chat
}

// GetChat returns the operation that reads a chat: one call of the store.
func GetChat(store chat.Store) Operation {
	op := Operation{
		Name: "get-chat", Method: http.MethodGet, Path: "/api/v1/apps/{app_token}/chats/{chat_number}",
		Summary:     "Get a chat",
		Description: "Returns a chat and how many of its messages are stored.",
		Errors:      []error{chat.ErrAppNotFound, chat.ErrChatNotFound, chat.ErrNotStoredYet},
		describe:    describeNotModified,
	}
	return operation(op, http.StatusOK, func(ctx context.Context, in *getChatInput) (*chatOutput, error) {
		id, err := in.id()
		if err != nil {
			return nil, err
		}
		c, err := store.Chat(ctx, id)
		if err != nil {
			return nil, err
		}
		etag := etagWithCount(c.Version, c.MessageCount)
		return &chatOutput{Status: in.status(etag), ETag: etag, Body: viewChat(c)}, nil
	})
}

type updateChatInput struct {
	ChatPath
	IfMatch
	NoNulls
	Body struct {
		Title    *string            `json:"title,omitempty" doc:"At most 200 characters; \"\" removes it"`
		Metadata *map[string]string `json:"metadata,omitempty" doc:"Replaces all metadata"`
	}
}

// UpdateChat returns the operation that changes a chat's title or metadata:
// one call of the store.
func UpdateChat(store chat.Store) Operation {
	op := Operation{
		Name: "update-chat", Method: http.MethodPatch, Path: "/api/v1/apps/{app_token}/chats/{chat_number}",
		Summary: "Change a chat",
		Description: "Changes the fields that the body has: the title, the metadata or both. With If-Match it " +
			"changes them only if nobody else has.",
		Errors: []error{chat.ErrAppNotFound, chat.ErrChatNotFound, chat.ErrNotStoredYet, chat.ErrVersionChanged},
	}
	return operation(op, http.StatusOK, func(ctx context.Context, in *updateChatInput) (*chatOutput, error) {
		id, err := in.id()
		if err != nil {
			return nil, err
		}
		edit, err := chat.NewChatEdit(in.Body.Title, (*chat.Metadata)(in.Body.Metadata), time.Now())
		if err != nil {
			return nil, err
		}
		allowed, err := in.versions()
		if err != nil {
			return nil, err
		}
		c, err := store.UpdateChat(ctx, id, edit, allowed)
		if err != nil {
			return nil, err
		}
		return &chatOutput{Status: http.StatusOK, ETag: etagWithCount(c.Version, c.MessageCount), Body: viewChat(c)}, nil
	})
}
