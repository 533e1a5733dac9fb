package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"chatapi/pkg/chat"

	"github.com/danielgtaylor/huma/v2"
)

// Problem is the body of every error response (RFC 9457).
type Problem struct {
	Type    string     `json:"type" doc:"Always about:blank: the code says which problem it is" example:"about:blank"`
	Title   string     `json:"title" doc:"The status in words" example:"Not Found"`
	Status  int        `json:"status" doc:"The HTTP status" example:"404"`
	Detail  string     `json:"detail" doc:"What is wrong with this request" example:"no app has this token"`
	Code    string     `json:"code" doc:"A stable word that says which problem it is; more may be added" example:"app_not_found"`
	Errors  []BadField `json:"errors,omitempty" doc:"What is wrong, field by field"`
	Message string     `json:"message" doc:"The detail again, for older clients" example:"no app has this token"`

	retryAfter int // seconds, 0 for no Retry-After header
}

// BadField is what is wrong with one field.
type BadField struct {
	Field   string `json:"field" doc:"The name of the field or parameter" example:"limit"`
	Message string `json:"message" doc:"What it must be" example:"must be a whole number"`
}

// The errors that operations return, and their HTTP responses. An error
// that is not here is a 500 whose text stays in the log.
var problems = []struct {
	err        error
	status     int
	code       string
	retryAfter int
}{
	{ErrUnauthenticated, http.StatusUnauthorized, "unauthenticated", 0},
	{chat.ErrAppNotFound, http.StatusNotFound, "app_not_found", 0},
	{chat.ErrChatNotFound, http.StatusNotFound, "chat_not_found", 0},
	{chat.ErrMessageNotFound, http.StatusNotFound, "message_not_found", 0},
	{chat.ErrNotStoredYet, http.StatusNotFound, "not_stored_yet", 1},
	{chat.ErrNumberVoid, http.StatusNotFound, "number_void", 0},
	{chat.ErrMessageDeleted, http.StatusGone, "message_deleted", 0},
	{chat.ErrKeyInUse, http.StatusConflict, "idempotency_key_in_use", 1},
	{chat.ErrKeyReused, http.StatusUnprocessableEntity, "idempotency_key_reused", 0},
	{chat.ErrVersionChanged, http.StatusPreconditionFailed, "version_changed", 0},
	{ErrWrongHost, http.StatusMisdirectedRequest, "wrong_host", 0},
	{ErrNoRoute, http.StatusNotFound, "route_not_found", 0},
	{errMissingQuery, http.StatusBadRequest, "missing_query", 0},
	{chat.ErrUnavailable, http.StatusServiceUnavailable, "unavailable", 1},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "unavailable", 1},
	{context.Canceled, http.StatusServiceUnavailable, "unavailable", 1},
}

// Problems that no operation returns: what is wrong with the request as such.
var codes = map[int]string{
	http.StatusBadRequest:            "malformed_request",
	http.StatusNotFound:              "route_not_found",
	http.StatusMethodNotAllowed:      "method_not_allowed",
	http.StatusRequestTimeout:        "request_timeout",
	http.StatusRequestEntityTooLarge: "request_too_large",
	http.StatusUnsupportedMediaType:  "unsupported_media_type",
	http.StatusUnprocessableEntity:   "invalid_field",
	http.StatusInternalServerError:   "internal_error",
}

func newProblem(status int, detail string) *Problem {
	return &Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: detail, Code: codes[status], Message: detail,
	}
}

// internalError is all that a client learns of an error that nobody expects.
func internalError() *Problem {
	return newProblem(http.StatusInternalServerError,
		"the service failed; the X-Request-Id header names this request in its log")
}

// problem returns what a client may know of an operation's error, and logs
// what it may not.
func problem(ctx context.Context, operation string, err error) *Problem {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		logger(ctx).ErrorContext(ctx, "operation failed", "operation", operation, "status", p.Status, "error", err)
	}
	return p
}

func problemOf(err error) *Problem {
	var invalid *chat.InvalidError
	if errors.As(err, &invalid) {
		p := newProblem(http.StatusUnprocessableEntity, invalid.Error())
		for _, f := range invalid.Fields {
			p.Errors = append(p.Errors, BadField{Field: f.Field, Message: f.Message})
		}
		return p
	}
	for _, row := range problems {
		if !errors.Is(err, row.err) {
			continue
		}
		p := newProblem(row.status, row.err.Error())
		p.Code, p.retryAfter = row.code, row.retryAfter
		if row.code == "unavailable" {
			p.setDetail("a part of the service does not respond; try again")
		}
		return p
	}
	return internalError()
}

func (p *Problem) setDetail(detail string) { p.Detail, p.Message = detail, detail }

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status; huma asks for it.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns the headers that go with the problem; huma asks for them.
func (p *Problem) GetHeaders() http.Header {
	if p.retryAfter == 0 {
		return nil
	}
	return http.Header{"Retry-After": {strconv.Itoa(p.retryAfter)}}
}

// ContentType returns the media type of RFC 9457; huma asks for it.
func (p *Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// toProblem turns the errors that huma finds in a request into problems.
func toProblem(_ huma.Context, _ string, body any) (any, error) {
	found, ok := body.(*huma.ErrorModel)
	if !ok {
		return body, nil
	}
	p := newProblem(found.Status, found.Detail)
	if p.Code == "" {
		p.Code = "malformed_request"
	}
	for _, e := range found.Errors {
		p.Errors = append(p.Errors, badField(e))
	}
	switch found.Status {
	case http.StatusUnsupportedMediaType:
		p.Errors = nil
		p.setDetail("send the body as application/json")
	case http.StatusRequestEntityTooLarge:
		p.setDetail(fmt.Sprintf("a request has at most %d bytes", MaxRequest))
	case http.StatusInternalServerError: // the body broke off while it was read
		p.Errors = nil
		p.setDetail("the request's body could not be read")
	default:
		if len(p.Errors) > 0 {
			p.setDetail(sentence(p.Errors))
		}
	}
	return p, nil
}

// wordings are the beginnings of huma's messages and what they are here.
var wordings = []struct{ huma, ours string }{
	{"unexpected property", "is not a field of this request"},
	{"invalid integer", fmt.Sprintf("must be a whole number, at most %d", int64(chat.MaxNumber))},
	{"expected number", "must be a number"},
	{"expected integer", "must be a whole number"},
	{"expected length", "must have a length"},
	{"expected string to be RFC 3339", "must be an RFC 3339"},
	{"expected string", "must be a string"},
	{"expected object", "must be an object"},
	{"expected value to be one of", "must be one of"},
}

// badField says in our words what huma found, and leaves out the value.
func badField(e *huma.ErrorDetail) BadField {
	_, field, found := strings.Cut(e.Location, ".") // as in body.name or body.metadata.color
	if !found {
		field = e.Location
	}
	message := e.Message
	if rest, ok := strings.CutPrefix(message, "expected required property "); ok {
		field, _, _ = strings.Cut(rest, " ")
		message = "is required"
	}
	if strings.HasSuffix(field, "_number") {
		message = fmt.Sprintf("must be a whole number from 1 to %d", int64(chat.MaxNumber))
	}
	if strings.HasPrefix(message, "invalid date/time") {
		message = "must be an RFC 3339 date-time"
	}
	for _, w := range wordings {
		if rest, ok := strings.CutPrefix(message, w.huma); ok {
			message = w.ours + rest
			break
		}
	}
	return BadField{Field: field, Message: message}
}

func sentence(rows []BadField) string {
	parts := make([]string, len(rows))
	for i, row := range rows {
		parts[i] = row.Field + ": " + row.Message
	}
	return strings.Join(parts, "; ")
}
