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

// engineTimeout is how long a shard searches at most: less than a request may
// take, so that the shard gives up first.
const engineTimeout = searchTimeout / 2

// answer is what OpenSearch answers to one search of a request.
type answer struct {
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

func (a answer) err() error {
	if a.Status >= http.StatusBadRequest {
		return &statusError{status: a.Status, reason: a.Error}
	}
	if a.TimedOut {
		return fmt.Errorf("%w: it took over %v", chat.ErrUnavailable, engineTimeout)
	}
	return nil
}

// Search implements chat.Index, in one request. It finds nothing where Setup
// has not been called yet.
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

// search sends both searches. The first is over before the second begins.
func (x *Index) search(ctx context.Context, search chat.Search) (newest, hits answer, err error) {
	body, err := searchLines(search)
	if err != nil {
		return newest, hits, fmt.Errorf("encode search: %w", err)
	}
	oneAfterTheOther := 1
	var both struct {
		Responses []answer `json:"responses"`
	}
	err = x.do(ctx, searchTimeout, opensearchapi.MsearchRequest{
		Index: []string{x.name}, Body: bytes.NewReader(body), MaxConcurrentSearches: &oneAfterTheOther,
		FilterPath: []string{"responses.status", "responses.error", "responses.timed_out",
			"responses.hits.hits._score", "responses.hits.hits._source"},
	}, &both)
	if err != nil {
		return newest, hits, err
	}
	if len(both.Responses) != 2 {
		return newest, hits, fmt.Errorf("%w: OpenSearch answered %d searches of 2", chat.ErrUnavailable, len(both.Responses))
	}
	newest, hits = both.Responses[0], both.Responses[1]
	return newest, hits, errors.Join(newest.err(), hits.err())
}

// object is a JSON object.
type object map[string]any

// searchLines returns the body of a request with the two searches: for each a
// line that says where to search and one that says for what. All that a client
// sent is data in it. Both name the app as their preference, so that they meet
// the same copy of the shard, and so do the pages of one search.
//
// https://docs.opensearch.org/latest/api-reference/search-apis/multi-search/
func searchLines(search chat.Search) ([]byte, error) {
	where := object{
		"routing": search.Within.AppToken, "preference": search.Within.AppToken,
		"ignore_unavailable": true, "allow_partial_search_results": false,
	}
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines) // ends each value with a line feed and writes none within
	for _, line := range []object{where, newestBody(search), where, hitsBody(search)} {
		if err := encoder.Encode(line); err != nil {
			return nil, err
		}
	}
	return lines.Bytes(), nil
}

func timeout() string { return fmt.Sprintf("%dms", engineTimeout.Milliseconds()) }

// newestBody asks for the newest change in what is searched, tombstones among
// it. OpenSearch finds it in the index of times, without a look at the others.
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
		"size":             search.Limit + 1, // one more tells whether there are more
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
		ranks = append(ranks, object{"constant_score": object{"filter": object{"bool": object{"filter": all}}, "boost": rank}})
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

// termQuery returns a query that a term matches with this rank or a better
// one: the beginning of a word is what follows a space.
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

// containsQuery matches where the folded text contains another.
func containsQuery(text string) object {
	const trigram = 3
	if utf8.RuneCountInString(text) < trigram {
		return object{"term": object{"text.grams": text}}
	}
	return object{"match_phrase": object{"text.trigrams": text}}
}
