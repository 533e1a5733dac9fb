package api

import (
	"context"
	"net/url"
	"strconv"

	"chatapi/pkg/chat"
)

// PageQuery is how a client asks for a page of numbered items.
type PageQuery struct {
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"200" doc:"The most items on the page"`
	After  int64  `query:"after" minimum:"0" maximum:"9007199254740991" doc:"Only items with a number above this"`
	Before int64  `query:"before" minimum:"1" maximum:"9007199254740991" doc:"Only items with a number below this"`
	Order  string `query:"order" default:"asc" enum:"asc,desc" doc:"Lowest number first, or highest"`
}

func (in PageQuery) page() chat.Page {
	return chat.Page{After: in.After, Before: in.Before, Limit: in.Limit, Descending: in.Order == "desc"}
}

// next returns the link to the page that follows an item with this number.
func (in PageQuery) next(ctx context.Context, last int64) string {
	if in.Order == "desc" {
		in.Before = last
	} else {
		in.After = last
	}
	query := url.Values{"limit": {strconv.Itoa(in.Limit)}}
	if in.Order == "desc" {
		query.Set("order", "desc")
	}
	if in.After > 0 {
		query.Set("after", strconv.FormatInt(in.After, 10))
	}
	if in.Before > 0 {
		query.Set("before", strconv.FormatInt(in.Before, 10))
	}
	return linkToPage(ctx, query)
}

// nextLink is the Link header that leads to the next page (RFC 8288).
func nextLink(target string) string { return "<" + target + `>; rel="next"` }

// linkToPage returns the link to this request's list with another query.
func linkToPage(ctx context.Context, query url.Values) string {
	return link(ctx, "%s?%s", requestOf(ctx).path, query.Encode())
}
