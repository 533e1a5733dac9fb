package cost_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatapi/internal/cost"
	"chatapi/internal/standin"
	"chatapi/pkg/api"
	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/eventsource"
	"chatapi/pkg/indexer"
	"chatapi/pkg/opensearch"
	"chatapi/pkg/sqs"
	"chatapi/pkg/writer"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write calls.json and docs/reports/calls.md anew")

const pageFile = "../../docs/reports/calls.md"

// stack is the operations, the writer and the indexer over stand-ins of their
// engines.
type stack struct {
	*testing.T
	engines *standin.Server
	config  aws.Config
	tables  dynamo.Tables
	store   *dynamo.Store
	handler http.Handler
	writer  *writer.Writer
	indexer *indexer.Indexer
	app     string // an app that is there, with a chat 1
	sent    int    // records to the writer
}

func newStack(t *testing.T) *stack {
	t.Helper()
	engines := standin.New()
	return newStackOn(t, engines, engines, "")
}

// newStackOn returns a stack whose engines a handler serves; the names of its
// tables begin with a prefix.
func newStackOn(t *testing.T, engines *standin.Server, handler http.Handler, prefix string) *stack {
	t.Helper()
	s := &stack{T: t, engines: engines}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	s.wire(server.URL, prefix)
	s.app = s.newApp()
	s.ask(201, "POST", s.path("/chats"), `{"title":"Kitchen"}`)
	s.write(chatCreate(s.app, 1))
	return s
}

func (s *stack) wire(endpoint, prefix string) {
	s.Helper()
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("none", "none", "")}
	s.config, s.tables = cfg, dynamo.Tables{
		Apps: prefix + "Apps", Chats: prefix + "Chats", Messages: prefix + "Messages", Counters: prefix + "Counters", Readers: prefix + "Readers",
		Idempotency: prefix + "Idempotency",
	}
	store := dynamo.New(cfg, s.tables)
	s.store = store
	if err := store.CreateTables(s.Context()); err != nil {
		s.Fatal(err)
	}
	queue := sqs.New(cfg, endpoint+"/000000000000/Creates")
	index, err := opensearch.New(cfg, opensearch.Config{Endpoint: endpoint})
	if err != nil {
		s.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	s.handler = api.New(log, api.Operations(chat.Ports{Store: store, Queue: queue, Index: index, Readers: store, Idempotency: store}, api.Guard{Open: true})...)
	s.writer, s.indexer = writer.New(store), indexer.New(index)
}

func (s *stack) path(rest string) string { return "/api/v1/apps/" + s.app + rest }

// ask sends a request and returns the body of the answer, which must have this
// status.
func (s *stack) ask(status int, method, path, body string) []byte {
	s.Helper()
	return s.askWith("", status, method, path, body)
}

// askWith sends a request with an Idempotency-Key, "" for none.
func (s *stack) askWith(key string, status int, method, path, body string) []byte {
	s.Helper()
	request := httptest.NewRequestWithContext(s.Context(), method, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, request)
	if recorder.Code != status {
		s.Fatalf("%s %s: status %d, want %d: %s", method, path, recorder.Code, status, recorder.Body)
	}
	return recorder.Body.Bytes()
}

func (s *stack) newApp() string {
	s.Helper()
	var created struct {
		Data struct {
			AppToken string `json:"app_token"`
		}
	}
	if err := json.Unmarshal(s.ask(201, "POST", "/api/v1/apps", `{"name":"My app"}`), &created); err != nil {
		s.Fatal(err)
	}
	return created.Data.AppToken
}

// at is a time whose text is as long as any other's.
var at = time.Date(2026, 11, 24, 12, 0, 0, int(123*time.Millisecond), time.UTC)

func chatCreate(app string, number int64) chat.Create {
	return chat.Create{Chat: &chat.Chat{AppToken: app, Number: number, Title: "Kitchen", Version: 1, CreatedAt: at, UpdatedAt: at}}
}

func messageOf(app string, chatNumber, number int64, bytes int) chat.Message {
	return chat.Message{
		AppToken: app, ChatNumber: chatNumber, Number: number, Body: strings.Repeat("x", bytes), Sender: "ada",
		Version: 1, CreatedAt: at, UpdatedAt: at,
	}
}

func messageCreate(app string, chatNumber, number int64, bytes int) chat.Create {
	m := messageOf(app, chatNumber, number, bytes)
	return chat.Create{Message: &m}
}

// write passes creates to the writer, which must store them.
func (s *stack) write(creates ...chat.Create) {
	s.Helper()
	var deliveries []chat.Delivery
	for _, c := range creates {
		body, err := chat.EncodeCreate(c)
		if err != nil {
			s.Fatal(err)
		}
		s.sent++
		deliveries = append(deliveries, chat.Delivery{ID: fmt.Sprint(s.sent), Body: string(body)})
	}
	if err := errors.Join(s.writer.Write(s.Context(), deliveries)...); err != nil {
		s.Fatal(err)
	}
}

// index passes changes to the indexer, which must index them.
func (s *stack) index(messages ...chat.Message) {
	s.Helper()
	var changes []chat.Change
	for _, m := range messages {
		changes = append(changes, chat.Change{New: &m})
	}
	if err := errors.Join(s.indexer.Index(s.Context(), changes)...); err != nil {
		s.Fatal(err)
	}
}

// skipNumber allocates messages 1 and 2 of chat 1 and stores the second.
func (s *stack) skipNumber() {
	s.Helper()
	for range 2 {
		s.ask(201, "POST", s.path("/chats/1/messages"), body(100))
	}
	s.write(messageCreate(s.app, 1, 2, 100))
}

// buryCreate passes the writer's function a create that can never be stored,
// which it must make a dead letter.
func (s *stack) buryCreate() {
	s.Helper()
	letters := sqs.NewDeadLetters(s.config, *s.config.BaseEndpoint+"/000000000000/CreatesDeadLetters")
	handle := eventsource.Queue(s.writer.Write, letters, slog.New(slog.DiscardHandler))
	event := events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1", Body: "not a create"}}}
	response, err := handle(s.Context(), event)
	if err != nil || len(response.BatchItemFailures) > 0 {
		s.Fatalf("the create is not a dead letter: %v, %v", response.BatchItemFailures, err)
	}
}

// buryChange passes the indexer's function a change that can never be indexed,
// which it must make a dead letter.
func (s *stack) buryChange() {
	s.Helper()
	letters := sqs.NewDeadLetters(s.config, *s.config.BaseEndpoint+"/000000000000/StreamDeadLetters")
	handle := eventsource.Stream(s.indexer.Index, letters, slog.New(slog.DiscardHandler))
	event := events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{{
		EventName: string(events.DynamoDBOperationTypeInsert),
		Change:    events.DynamoDBStreamRecord{SequenceNumber: "1"},
	}}}
	response, err := handle(s.Context(), event)
	if err != nil || len(response.BatchItemFailures) > 0 {
		s.Fatalf("the change is not a dead letter: %v, %v", response.BatchItemFailures, err)
	}
}

// messages stores messages in chat 1.
func (s *stack) messages(count, bytes int) {
	s.Helper()
	for range count {
		s.ask(201, "POST", s.path("/chats/1/messages"), `{"body":"x"}`) // takes the number
	}
	s.write(many(count, func(n int64) chat.Create { return messageCreate(s.app, 1, n, bytes) })...)
}

func many[Item any](count int, item func(number int64) Item) []Item {
	all := make([]Item, count)
	for i := range all {
		all[i] = item(int64(i + 1))
	}
	return all
}

// key is an idempotency key.
const key = "0123456789abcdef0123456789abcdef"

// nobody is the token of no app.
var nobody = strings.Repeat("a", 36)

// cases are what is counted. Of each, what prepare does is not.
var cases = []struct {
	operation, name string
	prepare, do     func(*stack)
}{
	{"create-app", "created", nil, func(s *stack) { s.ask(201, "POST", "/api/v1/apps", `{"name":"My app"}`) }},
	{"create-app", "with a key", nil, func(s *stack) { s.askWith(key, 201, "POST", "/api/v1/apps", `{"name":"My app"}`) }},
	{"create-app", "with a key, again", func(s *stack) { s.askWith(key, 201, "POST", "/api/v1/apps", `{"name":"My app"}`) },
		func(s *stack) { s.askWith(key, 201, "POST", "/api/v1/apps", `{"name":"My app"}`) }},
	{"create-app", "refused: no name", nil, func(s *stack) { s.ask(422, "POST", "/api/v1/apps", `{"name":" "}`) }},
	{"list-apps", "50 apps", func(s *stack) {
		for range 60 {
			s.newApp()
		}
	}, func(s *stack) { s.ask(200, "GET", "/api/v1/apps", "") }},
	{"get-app", "found", nil, func(s *stack) { s.ask(200, "GET", s.path(""), "") }},
	{"get-app", "not there", nil, func(s *stack) { s.ask(404, "GET", "/api/v1/apps/"+nobody, "") }},
	{"update-app", "changed", nil, func(s *stack) { s.ask(200, "PATCH", s.path(""), `{"name":"Other"}`) }},
	{"update-app", "not there", nil, func(s *stack) { s.ask(404, "PATCH", "/api/v1/apps/"+nobody, `{"name":"Other"}`) }},

	{"create-chat", "created", nil, func(s *stack) { s.ask(201, "POST", s.path("/chats"), `{"title":"Hall"}`) }},
	{"create-chat", "with a key", nil, func(s *stack) { s.askWith(key, 201, "POST", s.path("/chats"), `{}`) }},
	{"create-chat", "with a key, again", func(s *stack) { s.askWith(key, 201, "POST", s.path("/chats"), `{}`) },
		func(s *stack) { s.askWith(key, 201, "POST", s.path("/chats"), `{}`) }},
	{"create-chat", "created, the queue refuses", func(s *stack) { s.engines.Refuse("SendMessage") },
		func(s *stack) { s.ask(201, "POST", s.path("/chats"), `{"title":"Hall"}`) }},
	{"create-chat", "with a key, no such app", nil,
		func(s *stack) { s.askWith(key, 404, "POST", "/api/v1/apps/"+nobody+"/chats", `{}`) }},
	{"create-chat", "no such app", nil, func(s *stack) { s.ask(404, "POST", "/api/v1/apps/"+nobody+"/chats", `{}`) }},
	{"list-chats", "50 chats", func(s *stack) {
		s.write(many(60, func(n int64) chat.Create { return chatCreate(s.app, n) })...)
	}, func(s *stack) { s.ask(200, "GET", s.path("/chats?limit=50"), "") }},
	{"list-chats", "no such app", nil, func(s *stack) { s.ask(404, "GET", "/api/v1/apps/"+nobody+"/chats", "") }},
	{"get-chat", "found", nil, func(s *stack) { s.ask(200, "GET", s.path("/chats/1"), "") }},
	{"get-chat", "not stored yet", func(s *stack) { s.ask(201, "POST", s.path("/chats"), `{}`) },
		func(s *stack) { s.ask(404, "GET", s.path("/chats/2"), "") }},
	{"get-chat", "not there", nil, func(s *stack) { s.ask(404, "GET", s.path("/chats/9"), "") }},
	{"update-chat", "changed", nil, func(s *stack) { s.ask(200, "PATCH", s.path("/chats/1"), `{"title":"Hall"}`) }},
	{"update-chat", "not there", nil, func(s *stack) { s.ask(404, "PATCH", s.path("/chats/9"), `{"title":"Hall"}`) }},

	{"create-message", "created", nil, func(s *stack) { s.ask(201, "POST", s.path("/chats/1/messages"), body(100)) }},
	{"create-message", "created, 16,384 bytes", nil, func(s *stack) { s.ask(201, "POST", s.path("/chats/1/messages"), body(16384)) }},
	{"create-message", "with a key", nil, func(s *stack) { s.askWith(key, 201, "POST", s.path("/chats/1/messages"), body(100)) }},
	{"create-message", "with a key, again", func(s *stack) { s.askWith(key, 201, "POST", s.path("/chats/1/messages"), body(100)) },
		func(s *stack) { s.askWith(key, 201, "POST", s.path("/chats/1/messages"), body(100)) }},
	{"create-message", "with a key of another create", func(s *stack) { s.askWith(key, 201, "POST", s.path("/chats/1/messages"), body(100)) },
		func(s *stack) { s.askWith(key, 422, "POST", s.path("/chats/1/messages"), body(99)) }},
	{"create-message", "created, the queue refuses", func(s *stack) { s.engines.Refuse("SendMessage") },
		func(s *stack) { s.ask(201, "POST", s.path("/chats/1/messages"), body(100)) }},
	{"create-message", "refused: no body", nil, func(s *stack) { s.ask(422, "POST", s.path("/chats/1/messages"), `{"body":" "}`) }},
	{"create-message", "with a key, no such chat", nil,
		func(s *stack) { s.askWith(key, 404, "POST", s.path("/chats/9/messages"), body(100)) }},
	{"create-message", "no such chat", nil, func(s *stack) { s.ask(404, "POST", s.path("/chats/9/messages"), body(100)) }},
	{"create-message", "no such app", nil, func(s *stack) { s.ask(404, "POST", "/api/v1/apps/"+nobody+"/chats/1/messages", body(100)) }},
	{"list-messages", "50 messages of 100 bytes", func(s *stack) { s.messages(60, 100) },
		func(s *stack) { s.ask(200, "GET", s.path("/chats/1/messages?limit=50"), "") }},
	{"list-messages", "50 messages of 16,384 bytes", func(s *stack) { s.messages(60, 16384) },
		func(s *stack) { s.ask(200, "GET", s.path("/chats/1/messages?limit=50"), "") }},
	{"list-messages", "numbers missing below before", func(s *stack) { s.skipNumber() },
		func(s *stack) { s.ask(200, "GET", s.path("/chats/1/messages?before=2"), "") }},
	{"list-messages", "none yet", nil, func(s *stack) { s.ask(200, "GET", s.path("/chats/1/messages"), "") }},
	{"get-message", "found", func(s *stack) { s.messages(1, 100) }, func(s *stack) { s.ask(200, "GET", s.path("/chats/1/messages/1"), "") }},
	{"get-message", "found, 16,384 bytes", func(s *stack) { s.messages(1, 16384) }, func(s *stack) { s.ask(200, "GET", s.path("/chats/1/messages/1"), "") }},
	{"get-message", "not stored yet", func(s *stack) { s.ask(201, "POST", s.path("/chats/1/messages"), body(100)) },
		func(s *stack) { s.ask(404, "GET", s.path("/chats/1/messages/1"), "") }},
	{"get-message", "void", func(s *stack) { s.skipNumber() }, func(s *stack) { s.ask(404, "GET", s.path("/chats/1/messages/1"), "") }},
	{"get-message", "not there", nil, func(s *stack) { s.ask(404, "GET", s.path("/chats/1/messages/9"), "") }},
	{"get-message", "no such chat", nil, func(s *stack) { s.ask(404, "GET", s.path("/chats/9/messages/1"), "") }},
	{"get-message", "no such app", nil, func(s *stack) { s.ask(404, "GET", "/api/v1/apps/"+nobody+"/chats/1/messages/1", "") }},
	{"update-message", "changed", func(s *stack) { s.messages(1, 100) },
		func(s *stack) { s.ask(200, "PATCH", s.path("/chats/1/messages/1"), body(100)) }},
	{"update-message", "void", func(s *stack) { s.skipNumber() },
		func(s *stack) { s.ask(404, "PATCH", s.path("/chats/1/messages/1"), body(100)) }},
	{"update-message", "not there", nil, func(s *stack) { s.ask(404, "PATCH", s.path("/chats/1/messages/9"), body(100)) }},
	{"delete-message", "deleted", func(s *stack) { s.messages(1, 100) },
		func(s *stack) { s.ask(204, "DELETE", s.path("/chats/1/messages/1"), "") }},
	{"delete-message", "deleted before", func(s *stack) {
		s.messages(1, 100)
		s.ask(204, "DELETE", s.path("/chats/1/messages/1"), "")
	}, func(s *stack) { s.ask(204, "DELETE", s.path("/chats/1/messages/1"), "") }},
	{"delete-message", "void", func(s *stack) { s.skipNumber() }, func(s *stack) { s.ask(404, "DELETE", s.path("/chats/1/messages/1"), "") }},
	{"delete-message", "not there", nil, func(s *stack) { s.ask(404, "DELETE", s.path("/chats/1/messages/9"), "") }},

	{"get-reader", "found", func(s *stack) { s.messages(2, 100) }, func(s *stack) { s.ask(200, "GET", s.path("/chats/1/readers/ada"), "") }},
	{"get-reader", "no such chat", nil, func(s *stack) { s.ask(404, "GET", s.path("/chats/9/readers/ada"), "") }},
	{"update-reader", "raised", func(s *stack) { s.messages(2, 100) },
		func(s *stack) { s.ask(200, "PUT", s.path("/chats/1/readers/ada"), `{"last_read":2}`) }},
	{"update-reader", "not raised", func(s *stack) {
		s.messages(2, 100)
		s.ask(200, "PUT", s.path("/chats/1/readers/ada"), `{"last_read":2}`)
	}, func(s *stack) { s.ask(200, "PUT", s.path("/chats/1/readers/ada"), `{"last_read":1}`) }},
	{"update-reader", "no such chat", nil,
		func(s *stack) { s.ask(404, "PUT", s.path("/chats/9/readers/ada"), `{"last_read":1}`) }},

	{"search-messages", "found", func(s *stack) { s.index(messageOf(s.app, 1, 1, 10)) },
		func(s *stack) { s.ask(200, "POST", s.path("/chats/1/messages/search"), `{"query":"xx"}`) }},
	{"search-messages", "nothing found", nil, func(s *stack) { s.ask(200, "POST", s.path("/chats/1/messages/search"), `{"query":"xx"}`) }},
	{"search-messages", "refused: no query", nil, func(s *stack) { s.ask(400, "POST", s.path("/chats/1/messages/search"), `{}`) }},
	{"search-app", "found", func(s *stack) { s.index(messageOf(s.app, 1, 1, 10)) },
		func(s *stack) { s.ask(200, "GET", s.path("/messages/search?query=xx"), "") }},
	{"search-app", "nothing found", nil, func(s *stack) { s.ask(200, "GET", s.path("/messages/search?query=xx"), "") }},
	{"health", "all well", nil, func(s *stack) { s.ask(200, "GET", "/health", "") }},

	{"writer", "1 message", nil, func(s *stack) { s.write(messageCreate(s.app, 1, 1, 100)) }},
	{"writer", "1 message of 16,384 bytes", nil, func(s *stack) { s.write(messageCreate(s.app, 1, 1, 16384)) }},
	{"writer", "10 messages of one chat", nil, func(s *stack) {
		s.write(many(10, func(n int64) chat.Create { return messageCreate(s.app, 1, n, 100) })...)
	}},
	{"writer", "10 messages of one chat, again", func(s *stack) { s.messages(10, 100) }, func(s *stack) {
		s.write(many(10, func(n int64) chat.Create { return messageCreate(s.app, 1, n, 100) })...)
	}},
	{"writer", "99 messages of one chat", nil, func(s *stack) {
		s.write(many(99, func(n int64) chat.Create { return messageCreate(s.app, 1, n, 100) })...)
	}},
	{"writer", "100 messages of one chat", nil, func(s *stack) {
		s.write(many(100, func(n int64) chat.Create { return messageCreate(s.app, 1, n, 100) })...)
	}},
	{"writer", "100 messages of 100 chats", nil, func(s *stack) {
		s.write(many(100, func(n int64) chat.Create { return messageCreate(s.app, n, 1, 100) })...)
	}},
	{"writer", "1 chat", nil, func(s *stack) { s.write(chatCreate(s.app, 2)) }},
	{"writer", "10 chats of one app", nil, func(s *stack) {
		s.write(many(10, func(n int64) chat.Create { return chatCreate(s.app, n+1) })...)
	}},
	{"indexer", "1 change", nil, func(s *stack) { s.index(messageOf(s.app, 1, 1, 100)) }},
	{"indexer", "500 changes", nil, func(s *stack) {
		s.index(many(500, func(n int64) chat.Message { return messageOf(s.app, 1, n, 100) })...)
	}},
	{"writer", "1 create that can never be stored", nil, (*stack).buryCreate},
	{"indexer", "1 change that can never be indexed", nil, (*stack).buryChange},
	{"reindex", "10 messages", func(s *stack) { s.messages(stored, 100) }, (*stack).reindex},
	{"verify", "10 messages of one chat", func(s *stack) { s.messages(stored, 100) }, func(s *stack) { s.verify(0) }},
	{"verify", "10 messages of one chat, with both counters and both counts repaired", (*stack).spoil, func(s *stack) { s.verify(4) }},
}

func body(bytes int) string { return fmt.Sprintf(`{"body":%q}`, strings.Repeat("x", bytes)) }

// TestCalls holds that the checked-in table is what the operations do. Where it
// is meant to change: go test ./internal/cost -update.
func TestCalls(t *testing.T) {
	got := cost.Table{MessageOverhead: messageOverhead(t)}
	for _, c := range cases {
		t.Run(c.operation+"/"+c.name, func(t *testing.T) {
			s := newStack(t)
			if c.prepare != nil {
				c.prepare(s)
			}
			s.engines.Calls()
			c.do(s)
			got.Rows = append(got.Rows, rowOf(c.operation, c.name, s.engines.Calls()))
		})
	}
	if t.Failed() {
		return
	}
	if *update {
		write(t, got)
		return
	}
	want, err := cost.Calls()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls.json (-) and what is called (+), make calls-update where it is meant:\n%s", diff)
	}
	if page, err := os.ReadFile(pageFile); err != nil || !bytes.Equal(page, pageOf(got)) {
		t.Errorf("%s is not that of calls.json (%v): make calls-update", pageFile, err)
	}
}

func messageOverhead(t *testing.T) int {
	const bytes = 100
	s := newStack(t)
	s.write(messageCreate(s.app, 1, 1, bytes))
	return s.engines.RowBytes("Messages") - bytes
}

func rowOf(operation, name string, calls []standin.Call) cost.Row {
	row := cost.Row{Operation: operation, Case: name, Calls: map[string]int{}}
	for _, c := range calls {
		row.Calls[strings.TrimSpace(c.Service+" "+c.Operation+" "+strings.Join(c.Tables, "+"))]++
		row.Actions = append(row.Actions, c.Actions...)
		row.ReadUnits += c.ReadUnits
		row.WriteUnits += c.WriteUnits
	}
	slices.Sort(row.Actions)
	row.Actions = slices.Compact(row.Actions)
	return row
}

func write(t *testing.T, table cost.Table) {
	t.Helper()
	data, err := json.MarshalIndent(table, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{"calls.json": append(data, '\n'), pageFile: pageOf(table)} {
		if err := os.WriteFile(filepath.FromSlash(path), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// pageOf returns the table for people.
func pageOf(table cost.Table) []byte {
	var page bytes.Buffer
	fmt.Fprint(&page, "# What each operation asks of AWS\n\n"+
		"Written by `make calls-update`; a test fails if it is not true. The calls were counted, and their units worked out "+
		"by DynamoDB's rules, on stand-ins of the engines (internal/standin); messages have 100 bytes if nothing else is said. "+
		"The calls of the queue's and the stream's pollers are Lambda's; those that reindex and verify make of OpenSearch "+
		"are left out.\n\n"+
		"| operation | case | calls | read units | write units |\n|---|---|---|--:|--:|\n")
	for _, r := range table.Rows {
		var calls []string
		for _, name := range slices.Sorted(maps.Keys(r.Calls)) {
			calls = append(calls, fmt.Sprintf("%d × %s", r.Calls[name], name))
		}
		fmt.Fprintf(&page, "| %s | %s | %s | %g | %g |\n", r.Operation, r.Case, strings.Join(calls, ", "), r.ReadUnits, r.WriteUnits)
	}
	return page.Bytes()
}

// TestEveryFunctionIsCounted holds that no function is forgotten.
func TestEveryFunctionIsCounted(t *testing.T) {
	folders, err := filepath.Glob("../../functions/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var functions, counted []string
	for _, f := range folders {
		functions = append(functions, filepath.Base(filepath.Dir(f)))
	}
	for _, c := range cases {
		counted = append(counted, c.operation)
	}
	counted = append(counted, "docs", "openapi") // all that they serve is in their code
	slices.Sort(counted)
	if diff := cmp.Diff(functions, slices.Compact(counted)); diff != "" {
		t.Errorf("functions (-) and counted (+):\n%s", diff)
	}
}

// TestPromisedCalls holds what is promised of the calls that a client waits
// for, whatever the table says.
func TestPromisedCalls(t *testing.T) {
	table, err := cost.Calls()
	if err != nil {
		t.Fatal(err)
	}
	promised := map[string]int{
		"create-message: created": 2, "create-message: created, 16,384 bytes": 2,
		"get-app: found": 1, "get-chat: found": 1, "get-message: found": 1, "get-reader: found": 1,
		"list-apps: 50 apps": 1, "list-chats: 50 chats": 1, "list-messages: 50 messages of 100 bytes": 1, "search-messages: found": 1,
		"update-app: changed": 2, "update-chat: changed": 2, "update-message: changed": 2, "delete-message: deleted": 1,
		"indexer: 500 changes": 1,
	}
	for _, r := range table.Rows {
		name := r.Operation + ": " + r.Case
		want, ok := promised[name]
		delete(promised, name)
		if got := sum(r.Calls); ok && got != want {
			t.Errorf("%s: %d calls, promised %d", name, got, want)
		}
	}
	if len(promised) > 0 {
		t.Errorf("not counted: %v", promised)
	}
}

func sum(calls map[string]int) (n int) {
	for _, count := range calls {
		n += count
	}
	return n
}
