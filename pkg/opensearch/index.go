package opensearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/opensearch-project/opensearch-go/v2/opensearchapi"
	"github.com/opensearch-project/opensearch-go/v2/opensearchtransport"
	"github.com/opensearch-project/opensearch-go/v2/signer"
	"github.com/opensearch-project/opensearch-go/v2/signer/awsv2"
)

// How long a request may take; the caller's context may end it sooner. A search
// ends before the 29 seconds of API Gateway.
const (
	pingTimeout   = 3 * time.Second
	searchTimeout = 10 * time.Second
	bulkTimeout   = 30 * time.Second
	setupTimeout  = 60 * time.Second
)

// Index implements chat.Index on OpenSearch. It is safe for concurrent use. It does
// not retry: its callers do, and know for how long they may.
type Index struct {
	transport opensearchapi.Transport
	name      string
}

var _ chat.Index = (*Index)(nil)

// FromEnv returns the index that ConfigFromEnv reads.
func FromEnv(cfg aws.Config) (*Index, error) {
	c, err := ConfigFromEnv()
	if err != nil {
		return nil, err
	}
	return New(cfg, c)
}

// New returns an index at an endpoint. Requests to AWS are signed with the
// credentials and the region of cfg, which other servers do not need. It does
// not connect.
func New(cfg aws.Config, c Config) (*Index, error) {
	name, err := c.index()
	if err != nil {
		return nil, fmt.Errorf("configure OpenSearch: %w", err)
	}
	endpoint, err := c.endpoint()
	if err != nil {
		return nil, fmt.Errorf("configure OpenSearch: %w", err)
	}
	sign, err := newSigner(cfg, endpoint)
	if err != nil {
		return nil, fmt.Errorf("configure OpenSearch: %w", err)
	}
	password, _ := endpoint.User.Password()
	transport, err := opensearchtransport.New(opensearchtransport.Config{
		URLs: []*url.URL{endpoint}, Username: endpoint.User.Username(), Password: password,
		Signer: sign, DisableRetry: true, Transport: newHTTPTransport(),
	})
	if err != nil {
		return nil, fmt.Errorf("configure OpenSearch: %w", err)
	}
	return &Index{transport: transport, name: name}, nil
}

// newSigner returns nil if requests to the endpoint are not signed.
func newSigner(cfg aws.Config, endpoint *url.URL) (signer.Signer, error) {
	service := signingService(endpoint)
	if service == "" {
		return nil, nil
	}
	if cfg.Credentials == nil || cfg.Region == "" {
		return nil, fmt.Errorf("signing requests to %s needs AWS credentials and a region", endpoint.Host)
	}
	return awsv2.NewSignerWithService(cfg, service)
}

// newHTTPTransport keeps more idle connections to its one host than the 2 of
// net/http.
func newHTTPTransport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = t.MaxIdleConns
	return t
}

// Ping returns an error that wraps chat.ErrUnavailable if the server does not
// respond.
func (x *Index) Ping(ctx context.Context) error {
	if err := x.do(ctx, pingTimeout, opensearchapi.PingRequest{}, nil); err != nil {
		return fmt.Errorf("ping OpenSearch: %w", err)
	}
	return nil
}

// request is one of opensearchapi's request types.
type request interface {
	Do(ctx context.Context, transport opensearchapi.Transport) (*opensearchapi.Response, error)
}

// do sends a request and decodes the response's body into the value that into
// points to, unless it is nil. It returns a *statusError if the response is not a
// success; an error wraps chat.ErrUnavailable if the same request may succeed later.
func (x *Index) do(ctx context.Context, timeout time.Duration, r request, into any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	res, err := r.Do(ctx, x.transport)
	if err != nil {
		return fmt.Errorf("%w: %w", chat.ErrUnavailable, err)
	}
	if res.Body == nil {
		return newStatusError(res.StatusCode, nil)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("%w: read response: %w", chat.ErrUnavailable, err)
	}
	if res.IsError() {
		return newStatusError(res.StatusCode, body)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%w: decode response: %w", chat.ErrUnavailable, err)
	}
	return nil
}

// statusError is OpenSearch's error for a request, or for one document of a
// request.
type statusError struct {
	status int
	reason reason
}

// reason is the types in OpenSearch's error. Its texts are not decoded, because
// they can contain document IDs and previews of fields, and with them an app's
// token.
type reason struct {
	Type     string  `json:"type"`
	CausedBy *reason `json:"caused_by"`
}

func (r reason) String() string {
	if r.CausedBy == nil {
		return r.Type
	}
	return r.Type + ": " + r.CausedBy.String()
}

// newStatusError returns nil for a success.
func newStatusError(status int, body []byte) error {
	if status < http.StatusBadRequest {
		return nil
	}
	var response struct {
		Error reason `json:"error"`
	}
	if err := json.Unmarshal(body, &response); err != nil {
		response.Error = reason{} // a proxy's page, or nothing: the status says enough
	}
	return &statusError{status: status, reason: response.Error}
}

func (e *statusError) Error() string {
	status := fmt.Sprintf("OpenSearch responded with %d %s", e.status, http.StatusText(e.status))
	if e.reason.Type == "" {
		return status
	}
	return status + ": " + e.reason.String()
}

// Is makes every refusal wrap chat.ErrUnavailable, except those of the request
// itself, which would be refused again. A missing permission or index is repaired on
// the server.
func (e *statusError) Is(target error) bool {
	return target == chat.ErrUnavailable &&
		e.status != http.StatusBadRequest && e.status != http.StatusRequestEntityTooLarge
}

func hasStatus(err error, status int) bool {
	var e *statusError
	return errors.As(err, &e) && e.status == status
}
