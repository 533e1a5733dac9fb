package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"chatapi/pkg/chat"

	"github.com/opensearch-project/opensearch-go/v2/opensearchapi"
)

// engineTimeout is how long a shard searches at most: less than a request may
// take, so that the shard gives up first.
const engineTimeout = searchTimeout / 2

// searchAnswer is what OpenSearch answers to a search.
type searchAnswer struct {
	TimedOut bool `json:"timed_out"`
	Hits     struct {
		Hits []struct {
			Score  float64      `json:"_score"` // the rank
			Source chat.Message `json:"_source"`
		} `json:"hits"`
	} `json:"hits"`
}

// Search implements chat.Index. It finds nothing where Setup has not been
// called yet.
func (x *Index) Search(ctx context.Context, search chat.Search) ([]chat.Hit, bool, error) {
	if len(search.Query.Terms) == 0 {
		return nil, false, nil
	}
	body, err := json.Marshal(searchBody(search))
	if err != nil {
		return nil, false, fmt.Errorf("encode search: %w", err)
	}
	var answer searchAnswer
	missingIsEmpty, partial := true, false
	err = x.do(ctx, searchTimeout, opensearchapi.SearchRequest{
		Index: []string{x.name}, Routing: []string{search.Chat.AppToken}, Body: bytes.NewReader(body),
		IgnoreUnavailable: &missingIsEmpty, AllowPartialSearchResults: &partial,
		FilterPath: []string{"timed_out", "hits.hits._score", "hits.hits._source"},
	}, &answer)
	if err != nil {
		return nil, false, fmt.Errorf("search chat %d: %w", search.Chat.Number, err)
	}
	if answer.TimedOut {
		return nil, false, fmt.Errorf("%w: a search of chat %d took over %v", chat.ErrUnavailable, search.Chat.Number, engineTimeout)
	}
	var hits []chat.Hit
	for _, h := range answer.Hits.Hits {
		hits = append(hits, chat.Hit{Message: h.Source, Rank: chat.Rank(h.Score)})
	}
	if len(hits) > search.Limit {
		return hits[:search.Limit], true, nil
	}
	return hits, false, nil
}

// object is a JSON object.
type object map[string]any

// searchBody returns the body of a search request. All that a client sent is
// data in it.
func searchBody(search chat.Search) object {
	body := object{
		"query":            rankQuery(search),
		"sort":             []object{{"_score": "desc"}, {"message_number": "desc"}},
		"size":             search.Limit + 1, // one more tells whether there are more
		"track_total_hits": false,
		"timeout":          fmt.Sprintf("%dms", engineTimeout.Milliseconds()),
		"_source":          object{"excludes": []string{"text"}},
	}
	if after := search.After; after.Rank != 0 {
		body["search_after"] = []any{after.Rank, after.Number}
	}
	return body
}

// rankQuery scores a document with the best rank at which all terms match.
func rankQuery(search chat.Search) object {
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

func filters(search chat.Search) []object {
	all := []object{
		{"term": object{"app_token": search.Chat.AppToken}},
		{"term": object{"chat_number": search.Chat.Number}},
	}
	if search.Sender != "" {
		all = append(all, object{"term": object{"sender": search.Sender}})
	}
	created := object{}
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
	return all
}

// termQuery returns a query that a term matches with this rank or a better
// one: the beginning of a word is what follows a space.
func termQuery(term chat.Term, rank chat.Rank) object {
	switch {
	case term.Phrase:
		return object{"match_phrase": object{"text": strings.Join(term.Words, " ")}}
	case rank == chat.Whole:
		return object{"term": object{"text": term.Words[0]}}
	case rank == chat.Beginning:
		return containsQuery(" " + term.Words[0])
	default:
		return containsQuery(term.Words[0])
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
