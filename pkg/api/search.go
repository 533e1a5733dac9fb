package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"chatapi/pkg/chat"
)

// errMissingQuery is a 400, unlike other wrong fields, because clients of the
// API know it so.
var errMissingQuery = errors.New("query is missing: send the words to search for")

type searchInput struct {
	ChatPath
	Body struct {
		Query  string    `json:"query,omitempty" doc:"1 to 256 characters: words that must all match, and phrases in double quotes"`
		Limit  int       `json:"limit,omitempty" default:"50" minimum:"1" maximum:"200" doc:"Messages at most"`
		Next   string    `json:"next,omitempty" doc:"From the answer of the page before"`
		Sender string    `json:"sender,omitempty" maxLength:"128" doc:"Only messages of this sender"`
		From   time.Time `json:"from,omitzero" doc:"Only messages created at this time or later (RFC 3339)"`
		To     time.Time `json:"to,omitzero" doc:"Only messages created before this time (RFC 3339)"`
	}
}

// FoundMessage is a message that a search found.
type FoundMessage struct {
	Message
	Highlights []chat.Highlight `json:"highlights" doc:"Where the body matches"`
}

type searchOutput struct {
	Body struct {
		Status   string         `json:"status" doc:"Always success" example:"success"`
		Messages []FoundMessage `json:"messages"`
		Next     string         `json:"next,omitempty" doc:"Send it back as next for the next page; absent on the last" example:"My4xMg"`
	}
}

// SearchMessages returns the operation that searches the messages of a chat:
// one call of the index, and one of the store where nothing was found.
func SearchMessages(store chat.Store, index chat.Index) Operation {
	op := Operation{
		Name: "search-messages", Method: http.MethodPost, Path: "/api/v1/apps/{app_token}/chats/{chat_number}/messages/search",
		Summary:     "Search the messages of a chat",
		Description: "Finds the messages that have all words of the query. Whole words rank above beginnings of words, those above parts of words; within a rank the newest message comes first. Case, accents and Arabic letter forms do not matter.",
		Errors:      []error{chat.ErrAppNotFound, chat.ErrChatNotFound, errMissingQuery},
	}
	return operation(op, http.StatusOK, func(ctx context.Context, in *searchInput) (*searchOutput, error) {
		search, err := in.search()
		if err != nil {
			return nil, err
		}
		hits, more, err := index.Search(ctx, search)
		if err != nil {
			return nil, err
		}
		if len(hits) == 0 {
			if err := store.FindChat(ctx, search.Chat); err != nil {
				return nil, err
			}
		}
		return viewHits(search.Query, hits, more), nil
	})
}

func (in *searchInput) search() (chat.Search, error) {
	id, err := in.id()
	if err != nil {
		return chat.Search{}, err
	}
	if strings.TrimSpace(in.Body.Query) == "" {
		return chat.Search{}, errMissingQuery
	}
	query, err := chat.ParseQuery(in.Body.Query)
	if err != nil {
		return chat.Search{}, err
	}
	after, err := decodePosition(in.Body.Next)
	if err != nil {
		return chat.Search{}, err
	}
	limit := in.Body.Limit
	if limit == 0 {
		limit = chat.DefaultPage
	}
	return chat.Search{
		Chat: id, Query: query, Sender: in.Body.Sender, From: in.Body.From, To: in.Body.To,
		After: after, Limit: limit,
	}, nil
}

func viewHits(query chat.Query, hits []chat.Hit, more bool) *searchOutput {
	var out searchOutput
	out.Body.Status = "success"
	out.Body.Messages = make([]FoundMessage, len(hits))
	for i, h := range hits {
		_, marked := query.Match(h.Message.Body)
		out.Body.Messages[i] = FoundMessage{Message: viewMessage(h.Message), Highlights: marked}
	}
	if more {
		out.Body.Next = encodePosition(hits[len(hits)-1].Position())
	}
	return &out
}

// encodePosition makes a cursor that clients pass back and do not read.
func encodePosition(p chat.Position) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", p.Rank, p.Number))
}

func decodePosition(cursor string) (chat.Position, error) {
	if cursor == "" {
		return chat.Position{}, nil
	}
	var p chat.Position
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d.%d", &p.Rank, &p.Number)
	}
	if err != nil || encodePosition(p) != cursor || p.Rank < chat.Part || p.Rank > chat.Whole {
		return chat.Position{}, &chat.InvalidError{Fields: []chat.FieldError{{Field: "next", Message: "must come from the answer of the page before"}}}
	}
	return p, nil
}
