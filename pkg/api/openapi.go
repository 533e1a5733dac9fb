package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

const description = `A chat backend: **apps** (tenants, known by a secret token) hold **chats**, numbered 1, 2, 3 … within their app;
chats hold **messages**, numbered 1, 2, 3 … within their chat; messages are searched by words, beginnings of words and parts of words.

A create is durable before its 201. Its row is usually stored, and found by searches, within a second. Until it is stored,
reading it is a 404 with the code ` + "`not_stored_yet`" + ` and a Retry-After header. Messages can be created in a chat as soon as its number is known.
A create that cannot be stored is kept for the operator of the service, who can repeat it.

Errors are ` + "`application/problem+json`" + ` (RFC 9457); their ` + "`code`" + ` says which one it is.`

// tags group the operations, in the order in which a reader meets them. An
// operation belongs to the last word of its path.
var tags = []*huma.Tag{
	{Name: "apps", Description: "Tenants. An app's token is the only key to everything in it."},
	{Name: "chats", Description: "Conversations of an app, numbered from 1."},
	{Name: "messages", Description: "Messages of a chat, numbered from 1."},
	{Name: "readers", Description: "How far each reader has read a chat, and how much is unread."},
	{Name: "search", Description: "Finding messages."},
	{Name: "health", Description: "The state of the service."},
}

// Document returns the OpenAPI 3.1 document of the operations, for clients
// that reach them below the server's URL.
//
// It is the descriptions that huma derives from the operations' types and, by
// rules that hold for all of them, what those cannot say: the errors of the
// table in problem.go, limits that package chat checks, examples, and links
// from a create to what can be done with it.
func Document(server string, operations ...Operation) *huma.OpenAPI {
	c := config()
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	routes := humago.New(http.NewServeMux(), c)
	for _, op := range operations {
		op.add(routes, op)
	}
	d := document{OpenAPI: routes.OpenAPI()}
	d.Info.Description = description
	d.Info.License = &huma.License{Name: "Apache 2.0", Identifier: "Apache-2.0"}
	d.Servers = servers(server)
	d.Components.SecuritySchemes = map[string]*huma.SecurityScheme{}
	d.describeProblems()
	d.describeSchemas()
	for _, op := range operations {
		if described := d.operation(op); described != nil {
			d.describe(op, described)
		}
	}
	d.linkCreates()
	d.Tags = slices.DeleteFunc(slices.Clone(tags), func(t *huma.Tag) bool { return !d.uses(t.Name) })
	return d.OpenAPI
}

func servers(url string) []*huma.Server {
	return []*huma.Server{{URL: url, Description: "This service"}}
}

// document is an OpenAPI document that is being built.
type document struct{ *huma.OpenAPI }

// operation returns what the document says of an operation, nil if it
// leaves it out.
func (d document) operation(op Operation) *huma.Operation {
	item := d.Paths[op.Path]
	if item == nil {
		return nil
	}
	return map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put,
		http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	}[op.Method]
}

func (d document) describe(op Operation, o *huma.Operation) {
	o.Description = op.Description
	o.Tags = []string{tagOf(op.Path)}
	delete(o.Responses, "default") // huma's
	for _, p := range o.Parameters {
		d.describeParameter(p)
	}
	if o.RequestBody != nil {
		delete(o.RequestBody.Content, "application/octet-stream") // of NoNulls
		d.addExample(o.RequestBody.Content)
	}
	for _, response := range o.Responses {
		d.addExample(response.Content)
		for name, header := range response.Headers {
			describeField(name, header.Schema, false)
			header.Description = header.Schema.Description
		}
	}
	d.addProblems(op, o)
	d.describeAccess(op, o)
	if op.describe != nil {
		op.describe(o)
	}
	for _, response := range o.Responses {
		if response.Headers == nil {
			response.Headers = map[string]*huma.Param{}
		}
		response.Headers["X-Request-Id"] = &huma.Param{Ref: "#/components/headers/X-Request-Id"}
	}
}

// tagOf returns the last word of a path that is no parameter.
func tagOf(path string) string {
	words := strings.Split(path, "/")
	for i := len(words) - 1; i > 0; i-- {
		if !strings.HasPrefix(words[i], "{") {
			return words[i]
		}
	}
	return ""
}

func (d document) uses(tag string) bool {
	for path := range d.Paths {
		if tagOf(path) == tag {
			return true
		}
	}
	return false
}

// schemaName names a schema after its type: createAppInput's body is a
// CreateAppRequest.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	if base, ok := strings.CutSuffix(name, "InputBody"); ok {
		return base + "Request"
	}
	if base, ok := strings.CutSuffix(name, "OutputBody"); ok {
		return base + "Response"
	}
	return name
}

// OpenAPI returns the operations that serve the document of other operations,
// as JSON and as YAML. They need no engine.
func OpenAPI(operations ...Operation) []Operation {
	build := sync.OnceValue(func() *huma.OpenAPI { return Document("/", operations...) })
	document := func(r *http.Request) *huma.OpenAPI {
		d := *build() // requests differ in where they reach the server, and in nothing else
		d.Servers = servers(cmp.Or(requestOf(r.Context()).prefix, "/"))
		return &d
	}
	return []Operation{
		Static("openapi", "/openapi.json", func(w http.ResponseWriter, r *http.Request) error {
			text, err := document(r).MarshalJSON()
			return writeDocument(w, "application/json", text, err)
		}),
		Static("openapi", "/openapi.yaml", func(w http.ResponseWriter, r *http.Request) error {
			text, err := document(r).YAML()
			return writeDocument(w, "application/yaml", text, err) // RFC 9512
		}),
	}
}

func writeDocument(w http.ResponseWriter, mediaType string, text []byte, err error) error {
	if err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(text) // the client is gone: nobody to tell
	return nil
}

// ErrNoRoute is the error of a static operation that has nothing at a path.
var ErrNoRoute = errors.New("no route has this path")

// Static returns an operation of a handler that responds to GET by itself, or
// returns an error before it has written anything. It is not in
// the document.
func Static(name, path string, serve func(http.ResponseWriter, *http.Request) error) Operation {
	op := Operation{Name: name, Method: http.MethodGet, Path: path}
	op.add = func(routes huma.API, op Operation) {
		routes.Adapter().Handle(&huma.Operation{Method: op.Method, Path: op.Path}, func(ctx huma.Context) {
			r, w := humago.Unwrap(ctx)
			if err := serve(w, r); err != nil {
				write(w, problem(r.Context(), op.Name, err))
			}
		})
	}
	return op
}
