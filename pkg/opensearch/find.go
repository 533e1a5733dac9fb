package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"

	"chatapi/pkg/chat"

	"github.com/opensearch-project/opensearch-go/v2/opensearchapi"
)

// engineTimeout is how long a shard may search: less than a request may take, so
// that the shard ends first.
const engineTimeout = searchTimeout / 2

// response is OpenSearch's response to one search of a request.
type response struct {
	Status   int    `json:"status"`
	Error    reason `json:"error"`
	TimedOut bool   `json:"timed_out"`
	Hits     struct {
		Hits []struct {
			Score  float64      `json:"_score"` // the rank
			Source chat.Message `json:"_source"`
		} `json:"hits"`
	} `json:"hits"`
}

func (r response) err() error {
	if r.Status >= http.StatusBadRequest {
		return &statusError{status: r.Status, reason: r.Error}
	}
	if r.TimedOut {
		return fmt.Errorf("%w: the search took over %v", chat.ErrUnavailable, engineTimeout)
	}
	return nil
}

// Search implements chat.Index in one request. It finds nothing before Setup.
func (x *Index) Search(ctx context.Context, search chat.Search) (chat.SearchResult, error) {
	newest, hits, err := x.search(ctx, search)
	if err != nil {
		return chat.SearchResult{}, fmt.Errorf("search: %w", err)
	}
	var found chat.SearchResult
	for _, h := range newest.Hits.Hits {
		found.IndexedThrough = h.Source.UpdatedAt
	}
	for _, h := range hits.Hits.Hits {
		found.Hits = append(found.Hits, chat.Hit{Message: h.Source, Rank: chat.Rank(h.Score)})
	}
	if found.More = len(found.Hits) > search.Limit; found.More {
		found.Hits = found.Hits[:search.Limit]
	}
	return found, nil
}

// search sends both searches. The second begins when the first has ended.
func (x *Index) search(ctx context.Context, search chat.Search) (newest, hits response, err error) {
	body, err := searchLines(search)
	if err != nil {
		return newest, hits, fmt.Errorf("encode search: %w", err)
	}
	inOrder := 1
	var both struct {
		Responses []response `json:"responses"`
	}
	err = x.do(ctx, searchTimeout, opensearchapi.MsearchRequest{
		Index: []string{x.name}, Body: bytes.NewReader(body), MaxConcurrentSearches: &inOrder,
		FilterPath: []string{"responses.status", "responses.error", "responses.timed_out",
			"responses.hits.hits._score", "responses.hits.hits._source"},
	}, &both)
	if err != nil {
		return newest, hits, err
	}
	if len(both.Responses) != 2 {
		return newest, hits, fmt.Errorf("%w: results of %d searches of 2", chat.ErrUnavailable, len(both.Responses))
	}
	newest, hits = both.Responses[0], both.Responses[1]
	return newest, hits, errors.Join(newest.err(), hits.err())
}

// object is a JSON object.
type object map[string]any

// searchLines returns the body of a request with the two searches: for each a line
// that says where to search and one that says for what. What a client sent is only
// data in it. Both have the app as their preference, so that they, and the pages of
// one search, read the same copy of the shard.
//
// https://docs.opensearch.org/latest/api-reference/search-apis/multi-search/
func searchLines(search chat.Search) ([]byte, error) {
	where := object{
		"routing": search.Within.AppToken, "preference": search.Within.AppToken,
		"ignore_unavailable": true, "allow_partial_search_results": false,
	}
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines) // writes a line feed after each value and none in it
	for _, line := range []object{where, newestBody(search), where, hitsBody(search)} {
		if err := encoder.Encode(line); err != nil {
			return nil, err
		}
	}
	return lines.Bytes(), nil
}

func timeout() string { return fmt.Sprintf("%dms", engineTimeout.Milliseconds()) }

// newestBody searches for the newest change in what is searched, including
// tombstones. OpenSearch finds it in the index of updated_at, without reading others.
func newestBody(search chat.Search) object {
	return object{
		"query":            object{"bool": object{"filter": within(search.Within)}},
		"sort":             []object{{"updated_at": "desc"}},
		"size":             1,
		"track_total_hits": false,
		"timeout":          timeout(),
		"_source":          []string{"updated_at"},
	}
}

func hitsBody(search chat.Search) object {
	body := object{
		"query":            rankQuery(search),
		"sort":             order(search),
		"size":             search.Limit + 1, // one more, to know whether there are more
		"track_total_hits": false,
		"timeout":          timeout(),
		"_source":          object{"excludes": []string{"text"}},
	}
	if last := search.Last; last.Rank != 0 {
		after := []any{last.Rank, last.Number}
		if search.Within.IsApp() {
			after = []any{last.Rank, last.Created, last.Chat, last.Number}
		}
		body["search_after"] = after
	}
	return body
}

func order(search chat.Search) []object {
	if !search.Within.IsApp() {
		return []object{{"_score": "desc"}, {"message_number": "desc"}}
	}
	return []object{
		{"_score": "desc"}, {"created_at": "desc"},
		{"chat_number.order": object{"order": "desc", "unmapped_type": "long"}}, // older indexes do not have it
		{"message_number": "desc"},
	}
}

// rankQuery scores a document with the best rank at which all terms match.
func rankQuery(search chat.Search) object {
	if len(search.Query.Terms) == 0 {
		return object{"match_none": object{}}
	}
	var ranks []object
	for _, rank := range chat.Ranks() {
		var all []object
		for _, term := range search.Query.Terms {
			all = append(all, termQuery(term, rank))
		}
		match := object{"bool": object{"filter": all}}
		ranks = append(ranks, object{"constant_score": object{"filter": match, "boost": rank}})
	}
	return object{"bool": object{
		"filter": filters(search),
		"must":   object{"dis_max": object{"queries": ranks}},
	}}
}

// within matches the documents of a chat, or of an app.
func within(parent chat.Parent) []object {
	all := []object{{"term": object{"app_token": parent.AppToken}}}
	if !parent.IsApp() {
		all = append(all, object{"term": object{"chat_number": parent.ChatNumber}})
	}
	return all
}

func filters(search chat.Search) []object {
	all := within(search.Within)
	if search.Sender != "" {
		all = append(all, object{"term": object{"sender": search.Sender}})
	}
	created, number := object{}, object{}
	if !search.From.IsZero() {
		created["gte"] = chat.CeilMilli(search.From)
	}
	if !search.To.IsZero() {
		created["lt"] = chat.CeilMilli(search.To)
	}
	if len(created) > 0 {
		created["format"] = "epoch_millis"
		all = append(all, object{"range": object{"created_at": created}})
	}
	if search.After != 0 {
		number["gt"] = search.After
	}
	if search.Before != 0 {
		number["lt"] = search.Before
	}
	if len(number) > 0 {
		all = append(all, object{"range": object{"message_number": number}})
	}
	return all
}

// termQuery returns a query that a term matches with this rank or a better one. The
// beginning of a word is what follows a space.
func termQuery(term chat.Term, rank chat.Rank) object {
	switch {
	case term.Phrase || rank == chat.Whole:
		return object{"match_phrase": object{"text": term.String()}}
	case rank == chat.Prefix:
		return containsQuery(" " + term.String())
	default:
		return containsQuery(term.String())
	}
}

// containsQuery matches documents whose folded text contains another.
func containsQuery(text string) object {
	const trigram = 3
	if utf8.RuneCountInString(text) < trigram {
		return object{"term": object{"text.grams": text}}
	}
	return object{"match_phrase": object{"text.trigrams": text}}
}
