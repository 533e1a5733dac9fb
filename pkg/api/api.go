package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"chatapi/pkg/chat"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

const (
	// MaxRequest is the largest size of a request's body in bytes.
	MaxRequest = 64 << 10
	// Timeout bounds the work on one request, so that an engine that does not
	// respond leads to a 503 before a Lambda function times out.
	Timeout = 5 * time.Second

	version = "1.0.0"
)

// Operation is one route of the API.
type Operation struct {
	Name   string // of the operation and of the function that serves it, e.g. "create-app"
	Method string
	Path   string // with parameters in braces, e.g. /api/v1/apps/{app_token}

	// For the OpenAPI document: what it does in a few words, and in sentences.
	Summary, Description string
	// Errors are those of the table in problem.go that it can return. The
	// ones that any request can get are not among them.
	Errors []error

	guard    Guard // of operations of the admin
	add      func(huma.API, Operation)
	describe func(*huma.Operation) // what no rule of the document says; may be nil
}

// Operations returns every operation of the API.
func Operations(p chat.Ports, guard Guard) []Operation {
	return []Operation{
		CreateApp(p.Store, p.Idempotency, guard),
		ListApps(p.Store, guard),
		GetApp(p.Store),
		UpdateApp(p.Store),
		CreateChat(p.Store, p.Queue, p.Idempotency),
		ListChats(p.Store),
		GetChat(p.Store),
		UpdateChat(p.Store),
		CreateMessage(p.Store, p.Queue, p.Idempotency),
		ListMessages(p.Store, time.Now),
		GetMessage(p.Store, time.Now),
		UpdateMessage(p.Store, time.Now),
		DeleteMessage(p.Store, time.Now),
		SearchMessages(p.Store, p.Index),
		SearchApp(p.Store, p.Index),
		GetReader(p.Readers),
		UpdateReader(p.Readers),
		Health(p.Store, p.Queue, p.Index),
	}
}

// New returns a handler that serves the operations and responds to everything else
// with 404, or 405 with an Allow header. It logs the causes of responses with
// status 500 and above, each once.
func New(log *slog.Logger, operations ...Operation) http.Handler {
	routes := newRouter()
	adapter := humago.New(routes, config())
	for _, op := range operations {
		op.add(adapter, op)
	}
	return handler(log, routes)
}

// A field's name must be written as it is documented. The library knows no
// other way to say so than a variable of its own; without it a name in other
// letters passes its check, and is not read.
func init() { huma.ValidateStrictCasing = true }

// config leaves out what huma would serve in addition to the operations.
func config() huma.Config {
	c := huma.DefaultConfig("chatapi", version)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil
	c.Formats = map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat}
	c.Transformers = []huma.Transformer{toProblem}
	return c
}

// operation returns an Operation that serves its decoded input with a function.
func operation[I, O any](op Operation, status int, serve func(context.Context, *I) (*O, error)) Operation {
	op.add = func(routes huma.API, op Operation) {
		huma.Register(routes, huma.Operation{
			OperationID:     op.Name,
			Method:          op.Method,
			Path:            op.Path,
			Summary:         op.Summary,
			Middlewares:     huma.Middlewares{authorize(op)},
			DefaultStatus:   status,
			MaxBodyBytes:    MaxRequest + 1, // huma refuses a body of exactly this size
			BodyReadTimeout: 2 * Timeout,    // later than Timeout, because it also ends the handler
		}, func(ctx context.Context, in *I) (*O, error) {
			out, err := serve(ctx, in)
			if err != nil {
				return nil, problem(ctx, op.Name, err)
			}
			return out, nil
		})
	}
	return op
}
