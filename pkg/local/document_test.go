package local_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"chatapi/pkg/api"
	"chatapi/pkg/chat"

	"github.com/danielgtaylor/huma/v2"
)

var (
	document       = api.Document("/", api.Operations(chat.Ports{}, api.Guard{})...)
	documentRoutes = routesOf(document)
)

// routesOf returns a mux whose patterns are the document's paths.
func routesOf(doc *huma.OpenAPI) *http.ServeMux {
	mux := http.NewServeMux()
	for path := range doc.Paths {
		mux.Handle(path, http.NotFoundHandler())
	}
	return mux
}

// documented returns an error where an operation answers with a status or a
// code that the document does not say it has. Every answer that these tests
// get is held to that.
func documented(r request, a answer) error {
	code, _ := a.fields["code"].(string)
	if code == "route_not_found" || code == "method_not_allowed" {
		return nil // of no operation
	}
	asked, err := http.NewRequest(r.method, r.path, nil)
	if err != nil {
		return err
	}
	_, path := documentRoutes.Handler(asked)
	item := document.Paths[path]
	if item == nil {
		return nil
	}
	operation := map[string]*huma.Operation{
		"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete,
	}[r.method]
	if operation == nil {
		return nil
	}
	said := operation.Responses[strconv.Itoa(a.status)]
	if said == nil {
		return fmt.Errorf("the document has no answer %d of %s", a.status, operation.OperationID)
	}
	if !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
		return nil
	}
	if problem := said.Content["application/problem+json"]; problem == nil || problem.Examples[code] == nil {
		return fmt.Errorf("the document has no code %q among the answers %d of %s", code, a.status, operation.OperationID)
	}
	return nil
}
