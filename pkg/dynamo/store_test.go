package dynamo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
)

// answers stands in for DynamoDB: it gives one answer after the other, the
// last one again and again, and keeps the requests.
type answers struct {
	script   []answer
	requests []request
}

// answer is what DynamoDB answers, or the error of the connection.
type answer struct {
	status int
	body   string
	err    error
}

// request is what a transaction asks for.
type request struct {
	TransactItems []struct {
		Put    *struct{ Item map[string]map[string]any }
		Update *struct {
			TableName                 string
			ConditionExpression       string
			ExpressionAttributeValues map[string]map[string]string
		}
	}
}

// Do implements aws.HTTPClient.
func (a *answers) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var req request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		return nil, fmt.Errorf("decode request: %w", err)
	}
	next := a.script[min(len(a.requests), len(a.script)-1)]
	a.requests = append(a.requests, req)
	if next.err != nil {
		return nil, next.err
	}
	return &http.Response{
		StatusCode: next.status,
		Header:     http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:       io.NopCloser(strings.NewReader(next.body)),
	}, nil
}

func (a *answers) store() *dynamo.Store { return storeOn(a) }

// storeOn returns a store whose DynamoDB is an HTTP client.
func storeOn(client aws.HTTPClient) *dynamo.Store {
	cfg := aws.Config{
		Region:     "us-east-1",
		HTTPClient: client,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
	return dynamo.New(cfg, tablesNamed(""))
}

// tablesNamed returns tables whose names begin with a prefix.
func tablesNamed(prefix string) dynamo.Tables {
	return dynamo.Tables{
		Apps: prefix + "Apps", Chats: prefix + "Chats", Messages: prefix + "Messages", Counters: prefix + "Counters",
		Readers: prefix + "Readers", Idempotency: prefix + "Idempotency",
	}
}

func ok(body string) answer { return answer{status: http.StatusOK, body: body} }

func refused(status int, code string) answer {
	return answer{status: status, body: fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"no"}`, code)}
}

// cancelled is the answer to a transaction that is refused for these reasons,
// one for each of its items.
func cancelled(reasons ...string) answer {
	codes := make([]map[string]string, len(reasons))
	for i, reason := range reasons {
		codes[i] = map[string]string{"Code": reason}
	}
	body, err := json.Marshal(map[string]any{
		"__type":              "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
		"CancellationReasons": codes,
	})
	if err != nil {
		panic(err) // maps of strings
	}
	return answer{status: http.StatusBadRequest, body: string(body)}
}

const token = "abcdefghijklmnopqrstuvwxyz2345672345"

var at = time.Date(2026, time.March, 14, 15, 9, 26, 0, time.UTC)

func TestErrorsThatMayPass(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer answer
		passes bool
	}{
		{"throttled table", refused(http.StatusBadRequest, "ProvisionedThroughputExceededException"), true},
		{"throttled account", refused(http.StatusBadRequest, "RequestLimitExceeded"), true},
		{"throttled", refused(http.StatusBadRequest, "ThrottlingException"), true},
		{"internal error", refused(http.StatusInternalServerError, "InternalServerError"), true},
		{"unavailable", answer{status: http.StatusServiceUnavailable}, true},
		{"row in a transaction", refused(http.StatusBadRequest, "TransactionConflictException"), true},
		{"connection refused", answer{err: syscall.ECONNREFUSED}, true},
		{"connection broken", answer{err: io.ErrUnexpectedEOF}, true},
		{"too late", answer{err: context.DeadlineExceeded}, true},
		{"wrong request", refused(http.StatusBadRequest, "ValidationException"), false},
		{"no rights", refused(http.StatusBadRequest, "AccessDeniedException"), false},
		{"no table", refused(http.StatusBadRequest, "ResourceNotFoundException"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := (&answers{script: []answer{c.answer}}).store()
				_, err := store.App(t.Context(), token)
				if err == nil {
					t.Fatal("no error")
				}
				if passes := errors.Is(err, chat.ErrUnavailable); passes != c.passes {
					t.Errorf("may pass: %t, want %t: %v", passes, c.passes, err)
				}
				if strings.Contains(err.Error(), token) {
					t.Errorf("the error shows the app token: %v", err)
				}
			})
		})
	}
}

func TestEndedContext(t *testing.T) {
	for _, c := range []struct {
		name   string
		end    func(context.Context) (context.Context, context.CancelFunc)
		passes bool
	}{
		{"deadline", func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, 0) }, true},
		{"cancelled", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := c.end(t.Context())
			defer cancel()
			_, err := (&answers{script: []answer{ok("{}")}}).store().AllocateChatNumber(ctx, token)
			if passes := errors.Is(err, chat.ErrUnavailable); err == nil || passes != c.passes {
				t.Errorf("may pass: %t, want %t: %v", passes, c.passes, err)
			}
		})
	}
}

// tried is one transaction: the numbers of its rows and what it adds to the
// count.
type tried struct {
	rows  string
	added string
}

func (a *answers) tried() (all []tried) {
	for _, r := range a.requests {
		var numbers []string
		var one tried
		for _, item := range r.TransactItems {
			if item.Put != nil {
				numbers = append(numbers, fmt.Sprint(item.Put.Item["message_number"]["N"]))
				continue
			}
			one.added = item.Update.ExpressionAttributeValues[":0"]["N"] // :1 numbers the change
		}
		one.rows = strings.Join(numbers, " ")
		all = append(all, one)
	}
	return all
}

func TestCancelledTransactions(t *testing.T) {
	const (
		there    = "ConditionalCheckFailed"
		none     = "None"
		conflict = "TransactionConflict"
	)
	all := tried{"1 2 3", "3"}
	for _, c := range []struct {
		name   string
		script []answer
		want   []tried
		err    string // a part of the error's text
		passes bool
	}{
		{"stored at once", []answer{ok("{}")}, []tried{all}, "", false},
		{"all there", []answer{cancelled(there, there, there, none)}, []tried{all}, "", false},
		{"some there", []answer{cancelled(there, none, there, none), ok("{}")}, []tried{all, {"2", "1"}}, "", false},
		{
			"some there, then others",
			[]answer{cancelled(there, none, none, none), cancelled(none, there, none), ok("{}")},
			[]tried{all, {"2 3", "2"}, {"2", "1"}}, "", false,
		},
		{
			"some there, others in conflict",
			[]answer{cancelled(there, conflict, none, conflict), ok("{}")},
			[]tried{all, {"2 3", "2"}}, "", false,
		},
		{
			"conflicts that pass",
			[]answer{cancelled(none, none, none, conflict), cancelled(none, conflict, none, none), ok("{}")},
			[]tried{all, all, all}, "", false,
		},
		{
			"throttling that passes",
			[]answer{cancelled(none, "ThrottlingError", none, none), cancelled(none, "ProvisionedThroughputExceeded"), ok("{}")},
			[]tried{all, {"1", "1"}, {"1", "1"}, {"2 3", "2"}}, "", false,
		},
		{
			"conflicts forever",
			[]answer{cancelled(none, none, none, conflict)},
			[]tried{all, all, all, all, all, all, all, all, all, all, all, all}, "after 12 attempts", true,
		},
		{"a wrong row", []answer{cancelled(none, "ValidationError", none, none)}, []tried{all}, "item 2: ValidationError", false},
		{"reasons that do not fit", []answer{cancelled(there)}, []tried{all}, "4 items canceled for 1 reasons", false},
		{"another error", []answer{refused(http.StatusBadRequest, "ValidationException")}, []tried{all}, "ValidationException", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := &answers{script: c.script}
				err := engine.store().StoreMessages(t.Context(), chat.ChatID{AppToken: token, Number: 1}, newMessages(3))
				if diff := cmp.Diff(c.want, engine.tried(), cmp.AllowUnexported(tried{})); diff != "" {
					t.Errorf("transactions (-want +got):\n%s", diff)
				}
				if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want one with %q", err, c.err)
				}
				if passes := errors.Is(err, chat.ErrUnavailable); passes != c.passes {
					t.Errorf("may pass: %t, want %t: %v", passes, c.passes, err)
				}
			})
		})
	}
}

func newMessages(n int) []chat.Message {
	messages := make([]chat.Message, n)
	for i := range messages {
		messages[i] = chat.Message{
			AppToken: token, ChatNumber: 1, Number: int64(i + 1),
			Body: "hello", Version: 1, CreatedAt: at, UpdatedAt: at,
		}
	}
	return messages
}

func TestConflictsEndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &answers{script: []answer{cancelled("None", "TransactionConflict")}}
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		err := engine.store().StoreMessages(ctx, chat.ChatID{AppToken: token, Number: 1}, newMessages(1))
		if !errors.Is(err, chat.ErrUnavailable) {
			t.Errorf("error %v, want %v", err, chat.ErrUnavailable)
		}
		if took := time.Since(begun); took > 20*time.Millisecond {
			t.Errorf("returned after %v", took)
		}
	})
}

func TestStoreChatsWhereTheCountIsRefused(t *testing.T) {
	engine := &answers{script: []answer{
		ok(`{"Item":{"counter":{"S":"` + token + `"},"value":{"N":"1"}}}`), // the app's counter
		ok("{}"), // the chat's counter
		cancelled("None", "ConditionalCheckFailed"),
	}}
	c := chat.Chat{AppToken: token, Number: 1, Version: 1, CreatedAt: at, UpdatedAt: at}
	if err := engine.store().StoreChats(t.Context(), token, []chat.Chat{c}); !errors.Is(err, chat.ErrAppNotFound) {
		t.Errorf("error %v, want %v", err, chat.ErrAppNotFound)
	}
	count := engine.requests[2].TransactItems[1].Update
	if count.TableName != "Apps" || count.ConditionExpression != "attribute_exists (#0)" {
		t.Errorf("the count is updated in table %s on condition %q", count.TableName, count.ConditionExpression)
	}
}

// TestMessageRow holds the layout that the stream's records carry to the
// indexer.
func TestMessageRow(t *testing.T) {
	m := newMessages(1)[0]
	withSender := m
	withSender.Sender = "Ada"
	row := func(more map[string]map[string]any) map[string]map[string]any {
		r := map[string]map[string]any{
			"chat":           {"S": token + "#1"},
			"message_number": {"N": "1"},
			"body":           {"S": "hello"},
			"version":        {"N": "1"},
			"created_at":     {"S": "2026-03-14T15:09:26.000Z"},
			"updated_at":     {"S": "2026-03-14T15:09:26.000Z"},
		}
		for name, value := range more {
			r[name] = value
		}
		return r
	}
	for _, c := range []struct {
		name    string
		message chat.Message
		want    map[string]map[string]any
	}{
		{"without sender", m, row(nil)},
		{"with sender", withSender, row(map[string]map[string]any{"sender": {"S": "Ada"}})},
	} {
		engine := &answers{script: []answer{ok("{}")}}
		if err := engine.store().StoreMessages(t.Context(), m.ChatID(), []chat.Message{c.message}); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, engine.requests[0].TransactItems[0].Put.Item); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestReadTombstone(t *testing.T) {
	engine := &answers{script: []answer{ok(`{"Item":{
		"chat":{"S":"` + token + `#1"}, "message_number":{"N":"1"}, "version":{"N":"3"},
		"created_at":{"S":"2026-03-14T15:09:26.000Z"}, "updated_at":{"S":"2026-03-14T15:09:27.500Z"},
		"deleted_at":{"S":"2026-03-14T15:09:27.500Z"}}}`)}}
	got, err := engine.store().Message(t.Context(), chat.ChatID{AppToken: token, Number: 1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	gone := at.Add(1500 * time.Millisecond)
	want := chat.Message{AppToken: token, ChatNumber: 1, Number: 1, Version: 3, CreatedAt: at, UpdatedAt: gone, DeletedAt: gone}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tombstone (-want +got):\n%s", diff)
	}
}

func TestTablesFromEnv(t *testing.T) {
	names := []string{"APPS_TABLE", "CHATS_TABLE", "MESSAGES_TABLE", "COUNTERS_TABLE", "READERS_TABLE", "IDEMPOTENCY_TABLE"}
	for _, c := range []struct {
		name    string
		unset   []string
		want    dynamo.Tables
		missing string
	}{
		{"all set", nil, dynamo.Tables{Apps: "APPS_TABLE-1", Chats: "CHATS_TABLE-1", Messages: "MESSAGES_TABLE-1", Counters: "COUNTERS_TABLE-1", Readers: "READERS_TABLE-1", Idempotency: "IDEMPOTENCY_TABLE-1"}, ""},
		{"one missing", names[1:2], dynamo.Tables{}, "CHATS_TABLE"},
		{"all missing", names, dynamo.Tables{}, "APPS_TABLE, CHATS_TABLE, MESSAGES_TABLE, COUNTERS_TABLE, READERS_TABLE, IDEMPOTENCY_TABLE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range names {
				t.Setenv(name, name+"-1")
			}
			for _, name := range c.unset {
				t.Setenv(name, "")
			}
			got, err := dynamo.TablesFromEnv()
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("tables (-want +got):\n%s", diff)
			}
			if (err == nil) != (c.missing == "") || err != nil && !strings.HasSuffix(err.Error(), ": "+c.missing) {
				t.Errorf("error %v, want one that ends in %q", err, c.missing)
			}
		})
	}
}
