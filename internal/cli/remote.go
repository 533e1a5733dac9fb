package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/client"

	"github.com/google/uuid"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	defaultURL = "http://127.0.0.1:8000"
	// requestTimeout limits one attempt of a request. It is longer than the 29
	// seconds after which API Gateway responds by itself.
	requestTimeout = 35 * time.Second
	// maxIdleConnections is how many connections are kept open for concurrent
	// requests.
	maxIdleConnections = 64
)

// The wait before a retry, which doubles from the minimum to the maximum.
const (
	minRetryWait = 250 * time.Millisecond
	maxRetryWait = 15 * time.Second
)

// patience is the maximum number of retries of a request.
type patience int

const (
	brief    patience = 2  // about a second, for reads that somebody waits for
	patient  patience = 6  // about 15 seconds, for writes
	stubborn patience = 14 // about two minutes, for commands that run long
)

// remote is the server that a command calls, named by flags or the environment.
type remote struct {
	getenv func(string) string
	url    string
	token  string
	json   bool
}

// session is one run of a command against a server.
type session struct {
	*client.Client
	token string // of the app; "" if the command needs none
	out   *output
	in    io.Reader
	note  func(string) // tells the user something that is not output

	base   string
	server atomic.Int64 // the server's time in the last response, in Unix seconds; 0 if unknown
}

// serverFlags adds the flags of commands that call the server.
func (r *remote) serverFlags(flags *pflag.FlagSet) {
	flags.StringVar(&r.url, "url", "", "`URL` of the server, or CHATAPI_URL (default "+defaultURL+")")
	flags.BoolVar(&r.json, "json", false, "print the API's JSON, one object per line")
}

// appFlags adds the flags of commands that call the server for an app.
func (r *remote) appFlags(flags *pflag.FlagSet) {
	r.serverFlags(flags)
	flags.StringVar(&r.token, "app", "", "`TOKEN` of the app; a secret, so prefer CHATAPI_APP")
}

// action is what a command does with its arguments.
type action func(ctx context.Context, s *session, args []string) error

// onServer sets run as the action of a command that needs no app. It sends the
// admin key in CHATAPI_ADMIN_KEY, if that is set.
func (r *remote) onServer(cmd *cobra.Command, p patience, run action) *cobra.Command {
	r.serverFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return r.run(cmd, args, p, func(ctx context.Context, s *session, args []string) error {
			s.Client = s.WithCredential(r.getenv("CHATAPI_ADMIN_KEY"))
			return run(ctx, s, args)
		})
	}
	return cmd
}

// onApp sets run as the action of a command that needs an app.
func (r *remote) onApp(cmd *cobra.Command, p patience, run action) *cobra.Command {
	r.appFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if r.app() == "" {
			return Usagef("missing app: want its token in CHATAPI_APP or --app")
		}
		if len(r.app()) != chat.TokenLength {
			return Usagef("invalid token in CHATAPI_APP or --app: want %d characters", chat.TokenLength)
		}
		return r.run(cmd, args, p, run)
	}
	return cmd
}

func (r *remote) app() string { return cmp.Or(r.token, r.getenv("CHATAPI_APP")) }

func (r *remote) run(cmd *cobra.Command, args []string, p patience, run action) error {
	s, err := r.session(cmd, p)
	if err != nil {
		return err
	}
	return s.explain(run(cmd.Context(), s, args))
}

// session returns a new session for a command.
func (r *remote) session(cmd *cobra.Command, p patience) (*session, error) {
	base := strings.TrimRight(cmp.Or(r.url, r.getenv("CHATAPI_URL"), defaultURL), "/")
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, Usagef("invalid CHATAPI_URL or --url %q: want a URL like %s", base, defaultURL)
	}
	stderr := cmd.ErrOrStderr()
	s := &session{
		base: base, token: r.app(), in: cmd.InOrStdin(),
		out:  newOutput(cmd.OutOrStdout(), r.json, r.getenv),
		note: func(text string) { fmt.Fprintln(stderr, text) },
	}
	s.Client = client.NewWith(base, s.http(p))
	return s, nil
}

// http returns the HTTP client of the session. It retries a request if there is no
// response, or if the response has status 429 or 5xx or a Retry-After header, such
// as the 404 of a number whose row is not stored yet.
func (s *session) http(p patience) *http.Client {
	var once sync.Once
	noteRetry := func(why string) {
		if p != brief {
			once.Do(func() { s.note("chatapi: " + why + "; retrying") })
		}
	}
	c := retryablehttp.NewClient()
	c.Logger = nil
	c.HTTPClient.Timeout = requestTimeout
	c.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, maxIdleConnections
	c.HTTPClient.Transport = transport
	c.RetryMax, c.RetryWaitMin, c.RetryWaitMax = int(p), minRetryWait, maxRetryWait
	c.Backoff = func(minWait, maxWait time.Duration, attempt int, response *http.Response) time.Duration {
		return min(retryablehttp.DefaultBackoff(minWait, maxWait, attempt, response), maxWait) // a Retry-After may be longer
	}
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.CheckRetry = func(ctx context.Context, response *http.Response, err error) (bool, error) {
		retry, stop := retryablehttp.DefaultRetryPolicy(ctx, response, err)
		var failed *url.Error
		switch {
		case stop != nil:
			return false, stop
		case !retry:
			return response != nil && response.StatusCode >= http.StatusBadRequest &&
				response.Header.Get("Retry-After") != "", nil
		case errors.As(err, &failed):
			noteRetry(s.noResponse(failed))
		case response != nil:
			noteRetry("the server responded with " + response.Status)
		}
		return true, nil
	}
	c.ResponseLogHook = func(_ retryablehttp.Logger, response *http.Response) {
		if at, err := http.ParseTime(response.Header.Get("Date")); err == nil {
			s.server.Store(at.Unix())
		}
	}
	standard := c.StandardClient()
	standard.CheckRedirect = c.HTTPClient.CheckRedirect
	return standard
}

// serverTime returns the server's time in the last response that had a Date header,
// zero if there was none.
func (s *session) serverTime() time.Time {
	if at := s.server.Load(); at != 0 {
		return time.Unix(at, 0)
	}
	return time.Time{}
}

// explain returns an error with a text for the user: the server's, or that there was
// no response. It replaces the app's token, which is in the path of every request
// and therefore in the errors of package client.
func (s *session) explain(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	var problem *client.Problem
	var failed *url.Error
	switch {
	case errors.As(err, &problem):
		text = explainProblem(problem)
	case errors.As(err, &failed):
		text = s.noResponse(failed)
	}
	if s.token != "" {
		text = strings.ReplaceAll(text, s.token, "…")
	}
	return &rephrased{text, err}
}

// rephrased is an error with another text. It wraps its cause.
type rephrased struct {
	text  string
	cause error
}

func (e *rephrased) Error() string { return e.text }
func (e *rephrased) Unwrap() error { return e.cause }

// explainProblem returns the detail of a problem, and the errors of its fields that
// the detail does not contain.
func explainProblem(p *client.Problem) string {
	text := cmp.Or(p.Detail, p.Title)
	if p.Code == "" { // the response is not the API's
		return fmt.Sprintf("the server responded with %d %s", p.Status, http.StatusText(int(p.Status)))
	}
	for _, f := range p.Errors {
		if !strings.Contains(text, f.Message) {
			text += fmt.Sprintf("; %s: %s", f.Field, f.Message)
		}
	}
	return text
}

// noResponse says that there was no response to a request, and why.
func (s *session) noResponse(err *url.Error) string {
	why := err.Err
	var network *net.OpError
	if errors.As(why, &network) {
		why = network.Err
	}
	return fmt.Sprintf("no response from %s: %v", s.base, why)
}

// keyOr returns the given Idempotency-Key of a create, or a new one if it is "". A
// create that is retried with the same key is stored once.
func keyOr(given string) string { return cmp.Or(given, uuid.NewString()) }
