package api

import (
	"errors"
	"net/http"
	"strings"

	"chatapi/pkg/auth"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Guard decides who may create and list apps. The zero value refuses everyone.
type Guard struct {
	Admin auth.Admin
	// Open lets everyone in, for a server that only its own machine can reach.
	Open bool
}

// ErrUnauthenticated is returned for a request that lacks a credential, or has
// one that is not valid for what it asks for.
var ErrUnauthenticated = errors.New("this request needs a valid credential in the Authorization header")

// access is who may use an operation.
type access int

const (
	byAnyone access = iota // the state and the document of the service
	byToken                // whoever knows the app's token, which is in the path
	byAdmin                // the owner of the admin key
)

// accessTo returns who may use an operation: its path says so.
func accessTo(op Operation) access {
	switch {
	case strings.HasPrefix(op.Path, "/api/v1/apps/{app_token}"):
		return byToken
	case strings.HasPrefix(op.Path, "/api/"):
		return byAdmin
	default:
		return byAnyone
	}
}

// authorize refuses a request before anything else of it is read. If it has an
// Authorization header, that credential alone decides: the token in the path
// does not count then.
func authorize(op Operation) func(huma.Context, func(huma.Context)) {
	allows := func(r *http.Request) bool { return true }
	switch accessTo(op) {
	case byToken:
		allows = func(r *http.Request) bool { return r.Header.Get("Authorization") == "" }
	case byAdmin:
		allows = op.guard.admits
	}
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		if allows(r) {
			next(ctx)
			return
		}
		challenge := "Bearer"
		if r.Header.Get("Authorization") != "" {
			challenge = `Bearer error="invalid_token"` // RFC 6750, section 3.1
		}
		w.Header().Set("WWW-Authenticate", challenge)
		write(w, problemOf(ErrUnauthenticated))
	}
}

// admits reports whether a request may create or list apps.
func (g Guard) admits(r *http.Request) bool {
	header := r.Header.Get("Authorization")
	if header == "" {
		return g.Open
	}
	scheme, credential, _ := strings.Cut(header, " ")
	return strings.EqualFold(scheme, "Bearer") && g.Admin.Check(credential)
}

// adminScheme is the name of the admin key in the document.
const adminScheme = "admin_key"

// describeAccess adds to an operation what it says about credentials.
func (d document) describeAccess(op Operation, o *huma.Operation) {
	if accessTo(op) != byAdmin {
		return
	}
	o.Security = []map[string][]string{{adminScheme: {}}}
	d.Components.SecuritySchemes[adminScheme] = &huma.SecurityScheme{
		Type: "http", Scheme: "bearer",
		Description: "The admin key of the service. A server that only its own machine can reach needs none.",
	}
}

// errorsOf returns the errors of an operation, including those of its access.
func errorsOf(op Operation) []error {
	if accessTo(op) == byAnyone {
		return op.Errors
	}
	return append([]error{ErrUnauthenticated}, op.Errors...)
}
