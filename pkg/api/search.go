package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"chatapi/pkg/chat"
)

// errMissingQuery is a 400, unlike other invalid fields, because existing clients
// expect it.
var errMissingQuery = errors.New("query is missing: send the words to search for")

// SearchQuery is what a client searches for: in a body or in the query of a
// URL.
type SearchQuery struct {
	Query  string    `json:"query,omitempty" query:"query" doc:"1 to 256 characters: words that must all match, and phrases in double quotes"`
	Limit  int       `json:"limit,omitzero" query:"limit" default:"50" minimum:"1" maximum:"200" doc:"The most messages on the page"`
	Sender string    `json:"sender,omitempty" query:"sender" maxLength:"128" doc:"Only messages of exactly this sender"`
	From   time.Time `json:"from,omitzero" query:"from" doc:"Only messages created at this time or later (RFC 3339)" example:"2026-01-01T00:00:00Z"`
	To     time.Time `json:"to,omitzero" query:"to" doc:"Only messages created before this time (RFC 3339)" example:"2027-01-01T00:00:00Z"`
	After  int64     `json:"after,omitzero" query:"after" minimum:"0" maximum:"9007199254740991" doc:"Only messages with a number above this" example:"0"`
	Before int64     `json:"before,omitzero" query:"before" minimum:"1" maximum:"9007199254740991" doc:"Only messages with a number below this"`
}

// search returns the search of the page after the cursor.
func (in SearchQuery) search(parent chat.Parent, cursor string) (chat.Search, error) {
	if strings.TrimSpace(in.Query) == "" {
		return chat.Search{}, errMissingQuery
	}
	query, err := chat.ParseQuery(in.Query)
	if err != nil {
		return chat.Search{}, err
	}
	last, err := decodePosition(cursor, parent)
	if err != nil {
		return chat.Search{}, err
	}
	limit := in.Limit
	if limit == 0 {
		limit = chat.DefaultPage
	}
	return chat.Search{
		Within: parent, Query: query,
		Sender: in.Sender, From: in.From, To: in.To, After: in.After, Before: in.Before,
		Last: last, Limit: limit,
	}, nil
}

// link returns the link to the page that begins after a cursor.
func (in SearchQuery) link(ctx context.Context, cursor string) string {
	query := url.Values{"query": {in.Query}, "limit": {strconv.Itoa(in.Limit)}, "next": {cursor}}
	if in.Sender != "" {
		query.Set("sender", in.Sender)
	}
	for name, at := range map[string]time.Time{"from": in.From, "to": in.To} {
		if !at.IsZero() {
			query.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	for name, number := range map[string]int64{"after": in.After, "before": in.Before} {
		if number != 0 {
			query.Set(name, strconv.FormatInt(number, 10))
		}
	}
	return linkToPage(ctx, query)
}

// FoundMessage is a message that a search found.
type FoundMessage struct {
	Message
	Highlights  []chat.Highlight `json:"highlights"`
	Highlighted string           `json:"highlighted"`
}

// Found is what a search found.
type Found struct {
	Status         string         `json:"status" doc:"Always success" example:"success"`
	Messages       []FoundMessage `json:"messages"`
	IndexedThrough Time           `json:"indexed_through,omitzero"`
}

// viewFound returns the hits that fit into a response, and the cursor of
// the next page, "" if there is none.
func viewFound(ctx context.Context, search chat.Search, found chat.SearchResult) (view Found, next string, err error) {
	page, all, err := pageOf(ctx, found.Hits, func(h chat.Hit) (FoundMessage, int) {
		return viewHit(search.Query, h.Message)
	})
	if err != nil {
		return Found{}, "", err
	}
	if found.More || !all {
		last := found.Hits[len(page)-1]
		next = encodePosition(search.Position(last), search.Within)
	}
	return Found{Status: "success", Messages: page, IndexedThrough: Time(found.IndexedThrough)}, next, nil
}

// viewHit returns a message with its highlights, and its bound.
func viewHit(query chat.Query, m chat.Message) (FoundMessage, int) {
	_, highlights := query.Match(m.Body)
	view := FoundMessage{Message: viewMessage(m), Highlights: highlights, Highlighted: chat.Mark(m.Body, highlights)}
	bound := sizeBound(m.Metadata, m.Body, m.Sender, view.Highlighted)
	for _, h := range highlights {
		bound += perHighlight + perByte*len(h.Text)
	}
	return view, bound
}

type searchInput struct {
	ChatPath
	Body struct {
		SearchQuery
		Next string `json:"next,omitempty" doc:"From the response of the previous page"`
	}
}

type searchOutput struct {
	Body struct {
		Found
		Next string `json:"next,omitempty" doc:"Send it back as next for the next page; absent on the last" example:"My4xMg"`
	}
}

// SearchMessages returns the operation that searches the messages of a chat:
// one call of the index, and one of the store if nothing was found.
func SearchMessages(store chat.Store, index chat.Index) Operation {
	op := Operation{
		Name: "search-messages", Method: http.MethodPost,
		Path:    "/api/v1/apps/{app_token}/chats/{chat_number}/messages/search",
		Summary: "Search the messages of a chat",
		Description: "Finds the messages that have all words of the query. " + howSearchWorks +
			" Within a rank the newest message comes first.",
		Errors: []error{chat.ErrAppNotFound, chat.ErrChatNotFound, errMissingQuery},
	}
	return operation(op, http.StatusOK, func(ctx context.Context, in *searchInput) (*searchOutput, error) {
		id, err := in.id()
		if err != nil {
			return nil, err
		}
		search, err := in.Body.search(id.Parent(), in.Body.Next)
		if err != nil {
			return nil, err
		}
		found, err := index.Search(ctx, search)
		if err == nil && len(found.Hits) == 0 {
			err = store.CheckChat(ctx, id)
		}
		if err != nil {
			return nil, err
		}
		var out searchOutput
		out.Body.Found, out.Body.Next, err = viewFound(ctx, search, found)
		if err != nil {
			return nil, err
		}
		return &out, nil
	})
}

const howSearchWorks = "Words that have no space between them in the query must follow each other in the message. " +
	"Whole words rank above beginnings of words, those above parts of words. " +
	"Case, accents and Arabic letter forms do not matter."

type searchAppInput struct {
	AppPath
	SearchQuery
	Next string `query:"next" doc:"From the next link of the previous page" example:"My4xMi4xLjE3NjQwODIwODAwMDA"`
}

type searchAppOutput struct {
	Link string `header:"Link"`
	Body struct {
		Found
		Next string `json:"next,omitempty" doc:"Link to the next page; absent on the last"`
	}
}

// SearchApp returns the operation that searches the messages of all chats of
// an app: one call of the index, and one of the store if nothing was found.
func SearchApp(store chat.Store, index chat.Index) Operation {
	op := Operation{
		Name: "search-app", Method: http.MethodGet, Path: "/api/v1/apps/{app_token}/messages/search",
		Summary: "Search the messages of an app",
		Description: "Finds the messages, in any chat of the app, that have all words of the query. " + howSearchWorks +
			" Within a rank the newest message comes first, by the time of its creation. Follow next until it is absent.",
		Errors: []error{chat.ErrAppNotFound, errMissingQuery},
	}
	return operation(op, http.StatusOK, func(ctx context.Context, in *searchAppInput) (*searchAppOutput, error) {
		token, err := in.token()
		if err != nil {
			return nil, err
		}
		search, err := in.search(chat.AppParent(token), in.Next)
		if err != nil {
			return nil, err
		}
		found, err := index.Search(ctx, search)
		if err == nil && len(found.Hits) == 0 {
			_, err = store.App(ctx, token)
		}
		if err != nil {
			return nil, err
		}
		var out searchAppOutput
		var next string
		out.Body.Found, next, err = viewFound(ctx, search, found)
		if err != nil {
			return nil, err
		}
		if next != "" {
			out.Body.Next = in.link(ctx, next)
			out.Link = nextLink(out.Body.Next)
		}
		return &out, nil
	})
}

// encodePosition returns a cursor, which clients send back and do not read. That
// of a search of an app has more in it than that of a search of a chat.
func encodePosition(p chat.Position, in chat.Parent) string {
	text := fmt.Appendf(nil, "%d.%d", p.Rank, p.Number)
	if in.IsApp() {
		text = fmt.Appendf(text, ".%d.%d", p.Chat, p.Created)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func decodePosition(cursor string, in chat.Parent) (p chat.Position, err error) {
	if cursor == "" {
		return p, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	switch {
	case err != nil:
	case in.IsApp():
		_, err = fmt.Sscanf(string(text), "%d.%d.%d.%d", &p.Rank, &p.Number, &p.Chat, &p.Created)
	default:
		_, err = fmt.Sscanf(string(text), "%d.%d", &p.Rank, &p.Number)
	}
	if err != nil || encodePosition(p, in) != cursor || p.Rank < chat.Part || p.Rank > chat.Whole {
		return chat.Position{}, &chat.InvalidError{Fields: []chat.FieldError{{
			Field: "next", Message: "must be the next of the previous page's response",
		}}}
	}
	return p, nil
}
