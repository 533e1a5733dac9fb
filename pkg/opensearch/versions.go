package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"chatapi/pkg/chat"

	"github.com/opensearch-project/opensearch-go/v2/opensearchapi"
)

var _ chat.VersionIndex = (*Index)(nil)

// Versions implements chat.VersionIndex with one search: what was applied is in the
// result after the next refresh.
func (x *Index) Versions(ctx context.Context, id chat.ChatID, first, last int64) (map[int64]chat.Indexed, error) {
	body, err := json.Marshal(object{
		"query": object{"bool": object{"filter": []object{
			{"term": object{"app_token": id.AppToken}},
			{"term": object{"chat_number": id.Number}},
			{"range": object{"message_number": object{"gte": first, "lte": last}}},
		}}},
		"size":             chat.MaxVersions,
		"track_total_hits": false,
		"_source":          []string{"message_number", "version", "created_at", "deleted_at"},
	})
	if err != nil {
		return nil, fmt.Errorf("encode search: %w", err)
	}
	var found response
	partial := false
	err = x.do(ctx, searchTimeout, opensearchapi.SearchRequest{
		Index: []string{x.name}, Routing: []string{id.AppToken}, Body: bytes.NewReader(body),
		AllowPartialSearchResults: &partial,
		FilterPath:                []string{"timed_out", "hits.hits._source"},
	}, &found)
	if err == nil {
		err = found.err()
	}
	if err != nil {
		return nil, fmt.Errorf("read versions of chat %d: %w", id.Number, err)
	}
	held := make(map[int64]chat.Indexed, len(found.Hits.Hits))
	for _, h := range found.Hits.Hits {
		held[h.Source.Number] = chat.Indexed{
			Version: h.Source.Version, CreatedAt: h.Source.CreatedAt, Deleted: h.Source.Deleted(),
		}
	}
	return held, nil
}
