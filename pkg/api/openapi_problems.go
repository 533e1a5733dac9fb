package api

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"chatapi/pkg/chat"

	"github.com/danielgtaylor/huma/v2"
)

// Problems that every operation can respond with.
var anyOperation = []*Problem{
	tooManyRequests(),
	internalError(),
	problemOf(chat.ErrUnavailable),
}

// tooManyRequests is API Gateway's, from template.yaml.
func tooManyRequests() *Problem {
	p := newProblem(http.StatusTooManyRequests, "the service gets too many requests; try again")
	p.Code, p.retryAfter = "too_many_requests", 1
	return p
}

// Problems of operations with a body.
var withBody = []*Problem{
	newProblem(http.StatusBadRequest, "body: unexpected end of JSON input"),
	newProblem(http.StatusRequestTimeout, "the body did not arrive in time"),
	newProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("a request has at most %d bytes", MaxRequest)),
	newProblem(http.StatusUnsupportedMediaType, "send the body as application/json"),
}

// invalidField is the problem of a field or a parameter that breaks a limit.
func invalidField() *Problem {
	return problemOf(&chat.InvalidError{Fields: []chat.FieldError{{Field: "limit", Message: "must be a whole number"}}})
}

// problemsOf returns the problems that an operation can respond with.
func problemsOf(op Operation, o *huma.Operation) []*Problem {
	found := slices.Clone(anyOperation)
	for _, err := range errorsOf(op) {
		found = append(found, problemOf(err))
	}
	if o.RequestBody != nil {
		found = append(found, withBody...)
	}
	if o.RequestBody != nil || slices.ContainsFunc(o.Parameters, canBeInvalid) {
		found = append(found, invalidField())
	}
	return found
}

// canBeInvalid reports whether a parameter can be refused. Any text is a token,
// for those of no app are not found, and any is an If-None-Match.
func canBeInvalid(p *huma.Param) bool { return p.Name != "app_token" && p.Name != "If-None-Match" }

// addProblems adds an operation's error responses: one for each status, which
// names its codes and has an example for each.
func (d document) addProblems(op Operation, o *huma.Operation) {
	for _, p := range problemsOf(op, o) {
		status := strconv.Itoa(p.Status)
		response := o.Responses[status]
		if response == nil {
			response = &huma.Response{
				Headers: map[string]*huma.Param{},
				Content: map[string]*huma.MediaType{problemType: {
					Schema:   &huma.Schema{Ref: "#/components/schemas/Problem"},
					Examples: map[string]*huma.Example{},
				}},
			}
			o.Responses[status] = response
		}
		if p.retryAfter > 0 {
			response.Headers["Retry-After"] = &huma.Param{Ref: "#/components/headers/Retry-After"}
		}
		examples := response.Content[problemType].Examples
		d.Components.Examples[p.Code] = &huma.Example{Summary: p.Detail, Value: p}
		examples[p.Code] = &huma.Example{Ref: "#/components/examples/" + p.Code}
		response.Description = p.Title + ": " + codesAmong(examples)
	}
}

func codesAmong(examples map[string]*huma.Example) string {
	var codes []string
	for code := range examples {
		codes = append(codes, "`"+code+"`")
	}
	slices.Sort(codes)
	return strings.Join(codes, ", ")
}

// describeProblems adds what the error responses refer to.
func (d document) describeProblems() {
	d.Components.Headers = map[string]*huma.Param{
		"X-Request-Id": {
			Description: "The request's id in the service's log: the one that the client sent in this header, or a " +
				"new one",
			Schema: &huma.Schema{Type: huma.TypeString, Examples: []any{"6NVFTBJ4RKA35EYX7S6PWPAWH2"}},
		},
		"Retry-After": {
			Description: "Seconds after which the same request may succeed",
			Schema:      &huma.Schema{Type: huma.TypeInteger, Format: "int32", Examples: []any{1}},
		},
	}
	d.Components.Examples = map[string]*huma.Example{}
	known := map[string]bool{"quota_exceeded": true, "request_refused": true} // API Gateway's, from template.yaml
	for _, code := range codes {
		known[code] = true
	}
	for _, p := range everyProblem() {
		known[p.Code] = true
	}
	d.Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	code := d.Components.Schemas.Map()["Problem"].Properties["code"]
	for _, word := range slices.Sorted(maps.Keys(known)) {
		code.Enum = append(code.Enum, word)
	}
}

// everyProblem returns a problem of each code that an operation can respond
// with.
func everyProblem() []*Problem {
	all := slices.Concat(anyOperation, withBody, []*Problem{invalidField()})
	for _, row := range problems {
		all = append(all, problemOf(row.err))
	}
	return all
}
