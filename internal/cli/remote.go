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
	// answerWithin is how long one try may take: longer than API Gateway
	// leaves an answer.
	answerWithin = 35 * time.Second
	// idleConnections are kept open for requests side by side.
	idleConnections = 64
)

// The waits between tries: the first, which doubles, and the longest.
const (
	firstWait   = 250 * time.Millisecond
	longestWait = 15 * time.Second
)

// patience is how often a request is tried again that got no answer, or one
// that asks to come again.
type patience int

const (
	brief    patience = 2  // about a second, for someone who waits for the answer
	patient  patience = 6  // about 15 seconds, for what should not have to be sent again
	stubborn patience = 14 // some two minutes, for what runs for long
)

// remote is the server that a command calls, as the command's flags or the
// environment say.
type remote struct {
	getenv func(string) string
	url    string
	token  string
	json   bool
}

// session is one run of a command against a server.
type session struct {
	*client.Client
	token string // of the app; "" for commands of none
	out   *output
	in    io.Reader
	note  func(string) // tells people something that is no output

	base   string
	server atomic.Int64 // the server's time in the last answer, in Unix seconds
}

// serverFlags adds the flags that say where the server is.
func (r *remote) serverFlags(flags *pflag.FlagSet) {
	flags.StringVar(&r.url, "url", "", "`URL` of the server, or CHATAPI_URL (default "+defaultURL+")")
	flags.BoolVar(&r.json, "json", false, "print the API's JSON, one object a line")
}

// appFlags adds the flags that say where the server is and which app.
func (r *remote) appFlags(flags *pflag.FlagSet) {
	r.serverFlags(flags)
	flags.StringVar(&r.token, "app", "", "`TOKEN` of the app; it is a secret, so better set CHATAPI_APP")
}

// onServer makes a command one that calls the server, without an app, and with
// the admin key in CHATAPI_ADMIN_KEY, if there is one.
func (r *remote) onServer(cmd *cobra.Command, p patience, run func(context.Context, *session, []string) error) *cobra.Command {
	r.serverFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return r.run(cmd, args, p, func(ctx context.Context, s *session, args []string) error {
			s.Client = s.WithCredential(r.getenv("CHATAPI_ADMIN_KEY"))
			return run(ctx, s, args)
		})
	}
	return cmd
}

// onApp makes a command one that calls the server for an app.
func (r *remote) onApp(cmd *cobra.Command, p patience, run func(context.Context, *session, []string) error) *cobra.Command {
	r.appFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if r.app() == "" {
			return Usagef("which app? set CHATAPI_APP to its token")
		}
		if len(r.app()) != chat.TokenLength {
			return Usagef("CHATAPI_APP or --app is no token of an app: those have %d characters", chat.TokenLength)
		}
		return r.run(cmd, args, p, run)
	}
	return cmd
}

func (r *remote) app() string { return cmp.Or(r.token, r.getenv("CHATAPI_APP")) }

func (r *remote) run(cmd *cobra.Command, args []string, p patience, run func(context.Context, *session, []string) error) error {
	s, err := r.session(cmd, p)
	if err != nil {
		return err
	}
	return s.explain(run(cmd.Context(), s, args))
}

// session returns a session of a command.
func (r *remote) session(cmd *cobra.Command, p patience) (*session, error) {
	base := strings.TrimRight(cmp.Or(r.url, r.getenv("CHATAPI_URL"), defaultURL), "/")
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, Usagef("CHATAPI_URL or --url is to be like %s, not %q", defaultURL, base)
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

// http returns the HTTP client of the session. It tries again where there is
// no answer, and where the answer says to come again: it is a 429 or 5xx, or
// has Retry-After, as has a number whose row is on its way.
func (s *session) http(p patience) *http.Client {
	var once sync.Once
	again := func(why string) {
		if p != brief {
			once.Do(func() { s.note("chatapi: " + why + "; trying again") })
		}
	}
	c := retryablehttp.NewClient()
	c.Logger = nil
	c.HTTPClient.Timeout = answerWithin
	c.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, idleConnections
	c.HTTPClient.Transport = transport
	c.RetryMax, c.RetryWaitMin, c.RetryWaitMax = int(p), firstWait, longestWait
	c.Backoff = func(least, most time.Duration, try int, answer *http.Response) time.Duration {
		return min(retryablehttp.DefaultBackoff(least, most, try, answer), most) // whatever Retry-After says
	}
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.CheckRetry = func(ctx context.Context, answer *http.Response, err error) (bool, error) {
		retry, failed := retryablehttp.DefaultRetryPolicy(ctx, answer, err)
		var unsent *url.Error
		switch {
		case failed != nil:
			return false, failed
		case !retry:
			return answer != nil && answer.StatusCode >= http.StatusBadRequest && answer.Header.Get("Retry-After") != "", nil
		case errors.As(err, &unsent):
			again(s.noAnswer(unsent))
		case answer != nil:
			again("the server answers " + answer.Status)
		}
		return true, nil
	}
	c.ResponseLogHook = func(_ retryablehttp.Logger, answer *http.Response) {
		if at, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
			s.server.Store(at.Unix())
		}
	}
	through := c.StandardClient()
	through.CheckRedirect = c.HTTPClient.CheckRedirect
	return through
}

// serverTime returns the server's time in the last answer, zero where no
// answer had one.
func (s *session) serverTime() time.Time {
	if at := s.server.Load(); at != 0 {
		return time.Unix(at, 0)
	}
	return time.Time{}
}

// explain returns an error as people can use it: what the server says is
// wrong, or that there is no server. It does not name the app's token, which is
// in the path of every request and so in the errors of package client.
func (s *session) explain(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	var problem *client.Problem
	var unsent *url.Error
	switch {
	case errors.As(err, &problem):
		text = explainProblem(problem)
	case errors.As(err, &unsent):
		text = s.noAnswer(unsent)
	}
	if s.token != "" {
		text = strings.ReplaceAll(text, s.token, "…")
	}
	return &rephrased{text, err}
}

// rephrased is an error with another text, whose causes are known.
type rephrased struct {
	text  string
	cause error
}

func (e *rephrased) Error() string { return e.text }
func (e *rephrased) Unwrap() error { return e.cause }

// explainProblem gives the detail of a problem, and its fields where the
// detail does not name them.
func explainProblem(p *client.Problem) string {
	text := cmp.Or(p.Detail, p.Title)
	if p.Code == "" { // what answered is not the API
		return fmt.Sprintf("the server answers %d %s", p.Status, http.StatusText(int(p.Status)))
	}
	for _, f := range p.Errors {
		if !strings.Contains(text, f.Message) {
			text += fmt.Sprintf("; %s: %s", f.Field, f.Message)
		}
	}
	return text
}

// noAnswer says that a request got no answer, and why.
func (s *session) noAnswer(err *url.Error) string {
	why := err.Err
	var network *net.OpError
	if errors.As(why, &network) {
		why = network.Err
	}
	return fmt.Sprintf("no answer from %s: %v", s.base, why)
}

// keyOr returns the Idempotency-Key of a create, a new one where none is given.
// However often the create is tried under it, it is done once.
func keyOr(given string) string { return cmp.Or(given, uuid.NewString()) }
