// Package standin is an HTTP server that stands in for DynamoDB, SQS and
// OpenSearch and notes every call: which one it was and what AWS would count
// for it. It keeps what is written in memory and knows of each service what
// the adapters of this module ask for; it refuses the rest with an error that
// says so, so that nothing is counted wrong in silence.
package standin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// The services that a call may be of.
const (
	DynamoDB   = "DynamoDB"
	SQS        = "SQS"
	OpenSearch = "OpenSearch"
)

// Call is one request to a service.
type Call struct {
	Service   string
	Operation string // such as GetItem, SendMessage or _bulk

	// Of DynamoDB only: what the call takes of the tables' capacity, by the
	// rules in units.go.
	ReadUnits  float64
	WriteUnits float64
	Tables     []string // that the call names, each once, in the order of the request

	// Actions are what IAM asks of the caller's role, each once and with the
	// table or the queue, such as "dynamodb:PutItem Apps". A transaction needs
	// the actions of its parts. A call that Refuse made fail and one of
	// OpenSearch have none.
	//
	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
	Actions []string

	// Bytes of the request's body.
	Bytes int
}

// Server is the stand-in. Its methods may be called at the same time.
type Server struct {
	mu        sync.Mutex
	calls     []Call
	tables    map[string]*table
	documents []document
	refused   map[string]bool
}

// New returns a server without tables; dynamo.Store's CreateTables makes them
// as on any emulator.
func New() *Server { return &Server{tables: map[string]*table{}, refused: map[string]bool{}} }

// Refuse makes an operation of AWS, such as SendMessage, fail from now on, with
// an error that is not tried again.
func (s *Server) Refuse(operation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[operation] = true
}

// RowBytes returns what DynamoDB counts as the size of all rows of a table.
func (s *Server) RowBytes(name string) (bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.tables[name]; ok {
		for _, row := range t.rows {
			bytes += size(row)
		}
	}
	return bytes
}

// Calls returns the calls since the last time it was called.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// ServeHTTP answers a request as the service that it is for.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	s.mu.Lock()
	status, answer, call := s.serve(r, body)
	call.Bytes = len(body)
	if firstAttempt(r) {
		s.calls = append(s.calls, call)
	}
	s.mu.Unlock()

	encoded, err := json.Marshal(answer)
	if err != nil {
		status, encoded = http.StatusInternalServerError, fmt.Appendf(nil, "%q", err)
	}
	w.Header().Set("Content-Type", contentType(call.Service))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(encoded)
	}
}

// firstAttempt reports whether the SDK asks for the first time. What it asks
// again because a connection broke is not what an operation costs.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
func firstAttempt(r *http.Request) bool {
	attempt := r.Header.Get("Amz-Sdk-Request")
	return attempt == "" || strings.HasPrefix(attempt, "attempt=1;")
}

func contentType(service string) string {
	if service == OpenSearch {
		return "application/json"
	}
	return "application/x-amz-json-1.0"
}

func (s *Server) serve(r *http.Request, body []byte) (status int, answer any, call Call) {
	service, operation, ofAWS := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch {
	case !ofAWS:
		return s.serveOpenSearch(r, body)
	case s.refused[operation]:
		return http.StatusForbidden, &problem{Type: "AccessDenied", Message: "refused"},
			Call{Service: serviceOf(service), Operation: operation}
	case service == "AmazonSQS":
		return serveSQS(operation, body)
	default:
		return s.serveDynamoDB(operation, body)
	}
}

// serviceOf returns the service of a target, such as AmazonSQS.
func serviceOf(target string) string {
	if target == "AmazonSQS" {
		return SQS
	}
	return DynamoDB
}

// problem is an error as the JSON protocols of AWS have it.
//
// https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html#operation-error-serialization
type problem struct {
	Type    string   `json:"__type"`
	Message string   `json:"message"`
	Item    item     `json:"Item,omitempty"`
	Reasons []reason `json:"CancellationReasons,omitempty"`
}

func (p *problem) Error() string { return p.Message }

func invalid(format string, args ...any) *problem {
	return &problem{Type: "ValidationException", Message: fmt.Sprintf(format, args...)}
}
