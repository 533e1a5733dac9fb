package standin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// document is one that a bulk request brought.
type document = json.RawMessage

// serveOpenSearch keeps documents and finds all of them, whatever the query:
// what a call costs does not depend on what it finds.
func (s *Server) serveOpenSearch(r *http.Request, body []byte) (status int, answer any, call Call) {
	last := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	call = Call{Service: OpenSearch, Operation: r.Method + " " + r.URL.Path}
	switch last {
	case "_bulk":
		call.Operation = last
		return http.StatusOK, s.bulk(lines(body)), call
	case "_search":
		call.Operation = last
		return http.StatusOK, s.found(), call
	case "_msearch":
		call.Operation = last
		searches := make([]any, len(lines(body))/2)
		for i := range searches {
			searches[i] = s.found()
		}
		return http.StatusOK, map[string]any{"responses": searches}, call
	default:
		return http.StatusOK, struct{}{}, call
	}
}

func lines(body []byte) [][]byte { return bytes.Split(bytes.TrimSpace(body), []byte("\n")) }

// bulk keeps the second of each two lines.
func (s *Server) bulk(lines [][]byte) any {
	items := []any{}
	for i := 1; i < len(lines); i += 2 {
		s.documents = append(s.documents, document(lines[i]))
		items = append(items, map[string]any{"index": map[string]int{"status": http.StatusCreated}})
	}
	return map[string]any{"items": items}
}

func (s *Server) found() any {
	hits := []any{}
	for _, d := range s.documents {
		hits = append(hits, map[string]any{"_score": 1, "_source": d})
	}
	return map[string]any{"status": http.StatusOK, "timed_out": false, "hits": map[string]any{"hits": hits}}
}
