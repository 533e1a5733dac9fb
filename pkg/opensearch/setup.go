package opensearch

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"chatapi/pkg/chat"

	"github.com/opensearch-project/opensearch-go/v2/opensearchapi"
)

// indexJSON is the settings and the mapping of an index.
//
//go:embed index.json
var indexJSON []byte

// Setup creates what the index needs if it does not exist yet: an index template
// for the indexes behind the alias, and the first of them, named <alias>-1. It is
// safe to call again and concurrently. An index behind the alias stays as it is.
func (x *Index) Setup(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	if err := x.putTemplate(ctx); err != nil {
		return fmt.Errorf("put index template %s: %w", x.name, err)
	}
	exists, err := x.aliasExists(ctx)
	if err != nil {
		return fmt.Errorf("look for alias %s: %w", x.name, err)
	}
	if exists {
		return nil
	}
	if err := x.createFirst(ctx); err != nil {
		return fmt.Errorf("create index %s: %w", x.firstIndex(), err)
	}
	return nil
}

func (x *Index) firstIndex() string { return x.name + "-1" }

func (x *Index) putTemplate(ctx context.Context) error {
	body, err := json.Marshal(map[string]any{
		"index_patterns": []string{x.name + "-*"},
		"template":       json.RawMessage(indexJSON),
	})
	if err != nil {
		return err
	}
	put := opensearchapi.IndicesPutIndexTemplateRequest{Name: x.name, Body: bytes.NewReader(body)}
	return x.do(ctx, setupTimeout, put, nil)
}

func (x *Index) aliasExists(ctx context.Context) (bool, error) {
	err := x.do(ctx, setupTimeout, opensearchapi.IndicesExistsAliasRequest{Name: []string{x.name}}, nil)
	if hasStatus(err, http.StatusNotFound) {
		return false, nil
	}
	return err == nil, err
}

// createFirst creates the first index with its alias, in one step. If another
// caller was faster, that one created the alias as well.
func (x *Index) createFirst(ctx context.Context) error {
	body, err := json.Marshal(map[string]any{
		"aliases": map[string]any{x.name: map[string]any{"is_write_index": true}},
	})
	if err != nil {
		return err
	}
	create := opensearchapi.IndicesCreateRequest{Index: x.firstIndex(), Body: bytes.NewReader(body)}
	err = x.do(ctx, setupTimeout, create, nil)
	if !alreadyExists(err) {
		return err
	}
	exists, err := x.aliasExists(ctx)
	if err != nil {
		return err
	}
	if !exists {
		return fmt.Errorf("%w: it exists without the alias %s", chat.ErrUnavailable, x.name)
	}
	return nil
}

func alreadyExists(err error) bool {
	var e *statusError
	return errors.As(err, &e) && e.reason.Type == "resource_already_exists_exception"
}
