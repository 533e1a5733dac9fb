package opensearch_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/opensearch"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func newMessage(t *testing.T, body string) chat.Message {
	t.Helper()
	app, err := chat.NewApp("opensearch", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	m, err := chat.NewMessage(chat.ChatID{AppToken: app.Token, Number: 1}, body, "ann", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	m.Number = 1
	return m
}

func parse(t *testing.T, text string) chat.Query {
	t.Helper()
	q, err := chat.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// newServer returns an index whose server is a handler.
func newServer(t *testing.T, handle http.HandlerFunc) *opensearch.Index {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	x, err := opensearch.New(aws.Config{}, opensearch.Config{Endpoint: server.URL + "/"})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// answer returns a handler that answers always the same.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func item(status int, reason string) string {
	if reason == "" {
		return fmt.Sprintf(`{"index":{"status":%d}}`, status)
	}
	return fmt.Sprintf(`{"index":{"status":%d,"error":{"type":%q,"reason":"document of %s"}}}`, status, reason, secret)
}

// secret stands for a document ID with an app's token, or a preview of a field,
// in OpenSearch's texts.
const secret = "k5n2qv7wz4tqj3mxe6b2fayl5hcgrd3ou7ps#1#1"

func TestApplyErrors(t *testing.T) {
	for _, tt := range []struct {
		name     string
		status   int
		body     string
		failed   bool
		mayPass  bool
		contains string
	}{
		{"created", 200, `{"items":[` + item(201, "") + `]}`, false, false, ""},
		{"replaced", 200, `{"items":[` + item(200, "") + `]}`, false, false, ""},
		{"conflict: not newer", 200, `{"items":[` + item(409, "version_conflict_engine_exception") + `]}`, false, false, ""},
		{"document refused", 200, `{"items":[` + item(400, "mapper_parsing_exception") + `]}`, true, false, "mapper_parsing_exception"},
		{"queue full", 200, `{"items":[` + item(429, "rejected_execution_exception") + `]}`, true, true, "rejected_execution_exception"},
		{"shard away", 200, `{"items":[` + item(503, "unavailable_shards_exception") + `]}`, true, true, "unavailable_shards_exception"},
		{"no index", 200, `{"items":[` + item(404, "index_not_found_exception") + `]}`, true, true, "index_not_found_exception"},
		{"answer for none", 200, `{"items":[]}`, true, true, "0 documents of 1"},
		{"answer is no JSON", 200, `<html>`, true, true, "decode response"},
		{"all refused", 400, `{"error":{"type":"parse_exception","reason":"` + secret + `","caused_by":{"type":"deep_exception","reason":"` + secret + `"}},"status":400}`, true, false, "parse_exception: deep_exception"},
		{"too large", 413, ``, true, false, "413"},
		{"throttled", 429, `429 Too Many Requests /_bulk`, true, true, "429"},
		{"no access", 403, `{"Message":"User is not authorized"}`, true, true, "403"},
		{"gateway", 502, `<html>Bad Gateway</html>`, true, true, "502"},
		{"overloaded", 503, `{"error":"overloaded"}`, true, true, "503"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newServer(t, answer(tt.status, tt.body))
			errs := x.Apply(t.Context(), []chat.Message{newMessage(t, "red")})
			if !tt.failed {
				if errs != nil {
					t.Fatalf("errors %v, want none", errs)
				}
				return
			}
			if len(errs) != 1 || errs[0] == nil {
				t.Fatalf("errors %v, want one", errs)
			}
			if got := errors.Is(errs[0], chat.ErrUnavailable); got != tt.mayPass {
				t.Errorf("may pass: %v, want %v (%v)", got, tt.mayPass, errs[0])
			}
			if !strings.Contains(errs[0].Error(), tt.contains) {
				t.Errorf("error %q does not say %q", errs[0], tt.contains)
			}
			if strings.Contains(errs[0].Error(), secret) {
				t.Errorf("the error shows what OpenSearch quotes: %q", errs[0])
			}
		})
	}
}

func TestSearchErrors(t *testing.T) {
	const good = `{"status":200,"timed_out":false,"hits":{"hits":[]}}`
	for _, tt := range []struct {
		name    string
		status  int
		body    string
		mayPass bool
	}{
		{"timed out", 200, `{"responses":[` + good + `,{"status":200,"timed_out":true,"hits":{"hits":[]}}]}`, true},
		{"timed out looking for the newest change", 200, `{"responses":[{"status":200,"timed_out":true,"hits":{"hits":[]}},` + good + `]}`, true},
		{"shards failed", 200, `{"responses":[` + good + `,{"status":503,"error":{"type":"search_phase_execution_exception","reason":"` + secret + `"}}]}`, true},
		{"query refused", 200, `{"responses":[` + good + `,{"status":400,"error":{"type":"parsing_exception","reason":"` + secret + `"}}]}`, false},
		{"request refused", 400, `{"error":{"type":"parse_exception","reason":"` + secret + `"}}`, false},
		{"one answer for two", 200, `{"responses":[` + good + `]}`, true},
		{"throttled", 429, `429 Too Many Requests /_msearch`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newServer(t, answer(tt.status, tt.body))
			_, err := x.Search(t.Context(), chat.Search{Within: chat.Parent{AppToken: "app", ChatNumber: 1}, Query: parse(t, "red"), Limit: 1})
			if err == nil || errors.Is(err, chat.ErrUnavailable) != tt.mayPass {
				t.Errorf("error %v, may pass should be %v", err, tt.mayPass)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows what OpenSearch quotes: %q", err)
			}
		})
	}
}

func TestServerAway(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	x, err := opensearch.New(aws.Config{}, opensearch.Config{Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, searchErr := x.Search(t.Context(), chat.Search{Query: parse(t, "red"), Limit: 1})
	for _, tt := range []struct {
		name string
		err  error
	}{
		{"Apply", errors.Join(x.Apply(t.Context(), []chat.Message{newMessage(t, "red")})...)},
		{"Search", searchErr},
		{"Ping", x.Ping(t.Context())},
		{"Setup", x.Setup(t.Context())},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !errors.Is(tt.err, chat.ErrUnavailable) {
				t.Errorf("error %v, want ErrUnavailable", tt.err)
			}
		})
	}
}

func TestSlowServerEndsWithContext(t *testing.T) {
	stop := make(chan struct{})
	x := newServer(t, func(http.ResponseWriter, *http.Request) { <-stop })
	defer close(stop)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := x.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the end of the context", err)
	}
}

// bulkLine is either line of a document in a bulk request.
type bulkLine struct {
	Index *struct {
		ID          string `json:"_id"`
		Routing     string
		Version     int64
		VersionType string `json:"version_type"`
	}
	Number  int64 `json:"message_number"`
	Body    string
	Text    *string
	Sender  string
	Deleted *time.Time `json:"deleted_at"`
}

// recordBulks returns an index and the bulk requests it sent, as lines.
func recordBulks(t *testing.T) (*opensearch.Index, *[][]bulkLine) {
	t.Helper()
	var requests [][]bulkLine
	return newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/messages/_bulk" || r.URL.Query().Get("require_alias") != "true" {
			t.Errorf("request %s %s, want a bulk that requires an alias", r.Method, r.URL)
		}
		var lines []bulkLine
		for d := json.NewDecoder(r.Body); d.More(); {
			var l bulkLine
			if err := d.Decode(&l); err != nil {
				t.Error(err)
				return
			}
			lines = append(lines, l)
		}
		requests = append(requests, lines)
		items := strings.TrimSuffix(strings.Repeat(item(201, "")+",", len(lines)/2), ",")
		io.WriteString(w, `{"items":[`+items+`]}`)
	}), &requests
}

func TestApplySendsNewestVersion(t *testing.T) {
	x, requests := recordBulks(t)
	m := newMessage(t, "first")
	second, gone := m, m
	second.Version, second.Body = 2, "Second\nLine"
	gone.Number, gone.Version, gone.Body, gone.DeletedAt = 2, 5, "secret", time.Now()
	if errs := x.Apply(t.Context(), []chat.Message{m, second, m}); errs != nil {
		t.Fatal(errs)
	}
	if errs := x.Apply(t.Context(), []chat.Message{gone}); errs != nil {
		t.Fatal(errs)
	}
	if len(*requests) != 2 || len((*requests)[0]) != 2 || len((*requests)[1]) != 2 {
		t.Fatalf("requests %v, want two with one document each", *requests)
	}
	live, tombstone := (*requests)[0], (*requests)[1]
	if i := live[0].Index; i.ID != m.AppToken+"#1#1" || i.Routing != m.AppToken || i.Version != 2 || i.VersionType != "external" {
		t.Errorf("action %+v", i)
	}
	if d := live[1]; d.Body != "Second\nLine" || d.Text == nil || *d.Text != " second line " {
		t.Errorf("document %+v", d)
	}
	if i := tombstone[0].Index; i.ID != m.AppToken+"#1#2" || i.Version != 5 {
		t.Errorf("tombstone's action %+v", i)
	}
	if d := tombstone[1]; d.Body != "" || d.Text != nil || d.Deleted == nil {
		t.Errorf("tombstone %+v, want no text", d)
	}
}

func TestApplySplitsLargeBulks(t *testing.T) {
	x, requests := recordBulks(t)
	long := newMessage(t, strings.Repeat("\x00", chat.MaxBody)) // six times as long in JSON
	var messages []chat.Message
	for n := range int64(60) {
		long.Number = n + 1
		messages = append(messages, long)
	}
	if errs := x.Apply(t.Context(), messages); errs != nil {
		t.Fatal(errs)
	}
	sent := make(map[int64]int)
	for _, lines := range *requests {
		for _, l := range lines {
			if l.Index == nil {
				sent[l.Number]++
			}
		}
	}
	if len(*requests) < 2 || len(sent) != len(messages) {
		t.Errorf("%d requests with %d messages, want several with %d", len(*requests), len(sent), len(messages))
	}
}

// TestApplyHalvesRefusedBulks: a server that takes fewer bytes than expected
// refuses the whole request.
func TestApplyHalvesRefusedBulks(t *testing.T) {
	const limit = 4096
	x := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if len(body) > limit {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		items := strings.Repeat(item(201, "")+",", bytes.Count(body, []byte("\n"))/2)
		io.WriteString(w, `{"items":[`+strings.TrimSuffix(items, ",")+`]}`)
	})
	var messages []chat.Message
	for range 20 {
		messages = append(messages, newMessage(t, "red"))
	}
	messages[7].Body = strings.Repeat("x", limit)
	for i, err := range x.Apply(t.Context(), messages) {
		if (err != nil) != (i == 7) {
			t.Errorf("message %d: error %v", i, err)
		}
	}
}

func TestSearchRequest(t *testing.T) {
	one, all := chat.ChatID{AppToken: "app", Number: 7}.Parent(), chat.AppParent("app")
	from := time.Date(2026, 3, 1, 12, 0, 0, 1, time.UTC)
	for _, tt := range []struct {
		name   string
		search chat.Search
	}{
		{"word", chat.Search{Within: one, Query: parse(t, "Hello"), Limit: 50}},
		{"short", chat.Search{Within: one, Query: parse(t, "a bc"), Limit: 50}},
		{"phrase", chat.Search{Within: one, Query: parse(t, `"red fox" jum`), Limit: 50}},
		{"several", chat.Search{Within: one, Query: parse(t, "a.b@example 北京"), Limit: 50}},
		{"none", chat.Search{Within: one, Query: parse(t, "?!"), Limit: 50}},
		{"filtered", chat.Search{Within: one, Query: parse(t, "red"), Sender: `a"}*`, From: from, To: from.Add(time.Hour), After: 5, Before: 90,
			Last: chat.Position{Rank: chat.Prefix, Number: chat.MaxNumber}, Limit: 200}},
		{"app", chat.Search{Within: all, Query: parse(t, "red"), After: 5,
			Last: chat.Position{Rank: chat.Part, Created: 1772366400000, Chat: 3, Number: 4}, Limit: 50}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got bytes.Buffer
			x := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/messages/_msearch" || r.URL.Query().Get("max_concurrent_searches") != "1" {
					t.Errorf("request %s, want searches one after the other", r.URL)
				}
				for lines := bufio.NewScanner(r.Body); lines.Scan(); got.WriteByte('\n') {
					if err := json.Indent(&got, lines.Bytes(), "", "  "); err != nil {
						t.Error(err)
					}
				}
				io.WriteString(w, `{"responses":[{"status":200},{"status":200}]}`)
			})
			if _, err := x.Search(t.Context(), tt.search); err != nil {
				t.Fatal(err)
			}
			compareGolden(t, filepath.Join("testdata", tt.name+".json"), got.String())
		})
	}
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", file, diff)
	}
}

func TestNewFails(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config opensearch.Config
	}{
		{"no endpoint", opensearch.Config{}},
		{"no scheme", opensearch.Config{Endpoint: "localhost:9200"}},
		{"another scheme", opensearch.Config{Endpoint: "ftp://localhost"}},
		{"password and no URL", opensearch.Config{Endpoint: "http://user:secret@%zz"}},
		{"index with a slash", opensearch.Config{Endpoint: "http://localhost", Index: "a/_all"}},
		{"index with capitals", opensearch.Config{Endpoint: "http://localhost", Index: "Messages"}},
		{"AWS without credentials", opensearch.Config{Endpoint: "https://search-x.eu-west-1.es.amazonaws.com"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := opensearch.New(aws.Config{}, tt.config)
			if err == nil {
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("error %q tells the password", err)
			}
		})
	}
}

func TestConfigFromEnv(t *testing.T) {
	t.Setenv("OPENSEARCH_INDEX", "other")
	t.Setenv("OPENSEARCH_ENDPOINT", "")
	if _, err := opensearch.ConfigFromEnv(); err == nil || !strings.Contains(err.Error(), "OPENSEARCH_ENDPOINT") {
		t.Errorf("error %v, want one that names the variable", err)
	}
	t.Setenv("OPENSEARCH_ENDPOINT", "http://localhost:9200")
	got, err := opensearch.ConfigFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(opensearch.Config{Endpoint: "http://localhost:9200", Index: "other"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPasswordIsSent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "ann" || password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	x, err := opensearch.New(aws.Config{}, opensearch.Config{Endpoint: strings.Replace(server.URL, "//", "//ann:secret@", 1)})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
