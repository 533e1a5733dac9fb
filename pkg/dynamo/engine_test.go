//go:build engines

package dynamo_test

import (
	"context"
	"crypto/rand"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/dynamo"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
)

// engine returns the configuration of DynamoDB Local.
func engine(t *testing.T) aws.Config {
	t.Helper()
	endpoint := os.Getenv("CHATAPI_TEST_DYNAMODB")
	if endpoint == "" {
		t.Fatal("CHATAPI_TEST_DYNAMODB names no DynamoDB Local: run make test-engines")
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithBaseEndpoint(endpoint))
	if err != nil {
		t.Fatalf("load AWS configuration: %v", err)
	}
	return cfg
}

// newTables returns names of tables that no other test has.
func newTables() dynamo.Tables { return tablesNamed(rand.Text() + "-") }

// newStore returns a store on new tables.
func newStore(t *testing.T, cfg aws.Config) *dynamo.Store {
	t.Helper()
	return newStoreOn(t, cfg, newTables())
}

func newStoreOn(t *testing.T, cfg aws.Config, tables dynamo.Tables) *dynamo.Store {
	t.Helper()
	store := dynamo.New(cfg, tables)
	for range 2 { // again is no change
		if err := store.CreateTables(t.Context()); err != nil {
			t.Fatalf("create tables: %v", err)
		}
	}
	return store
}

func TestStoreOnDynamoDBLocal(t *testing.T) {
	chattest.Store(t, func(t *testing.T) chat.Store { return newStore(t, engine(t)) })
}

func TestReadersOnDynamoDBLocal(t *testing.T) {
	chattest.Readers(t, func(t *testing.T) (chat.Store, chat.Readers) {
		store := newStore(t, engine(t))
		return store, store
	})
}

func TestIdempotencyOnDynamoDBLocal(t *testing.T) {
	chattest.Idempotency(t, func(t *testing.T) (chat.Store, chat.Idempotency) {
		store := newStore(t, engine(t))
		return store, store
	})
}

func TestScannerOnDynamoDBLocal(t *testing.T) {
	chattest.Scanner(t, func(t *testing.T) (chat.Store, chat.Scanner) {
		store := newStore(t, engine(t))
		return store, store
	})
}

func TestAuditorOnDynamoDBLocal(t *testing.T) {
	cfg := engine(t)
	client := dynamodb.NewFromConfig(cfg)
	tables := newTables()
	store := newStoreOn(t, cfg, tables)
	chattest.Auditor(t, func(t *testing.T) chattest.AuditorUnderTest {
		return chattest.AuditorUnderTest{
			Store:   store,
			Auditor: store,
			AddToCount: func(ctx context.Context, parent chat.Parent, n int64) error {
				table, count := tables.Chats, "message_count"
				key := attributes{"app_token": text(parent.AppToken), "chat_number": number(parent.ChatNumber)}
				if parent.IsApp() {
					table, count = tables.Apps, "chat_count"
					delete(key, "chat_number")
				}
				_, err := client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
					TableName: &table, Key: key, UpdateExpression: aws.String("ADD " + count + " :n"),
					ExpressionAttributeValues: attributes{":n": number(n)},
				})
				return err
			},
			RemoveCounter: func(ctx context.Context, parent chat.Parent) error {
				_, err := client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &tables.Counters, Key: attributes{"counter": text(parent.String())}})
				return err
			},
		}
	})
}

type attributes = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// TestCalls holds what each operation costs: these calls are what a client
// waits for and what AWS bills.
func TestCalls(t *testing.T) {
	var calls []string
	cfg := engine(t)
	cfg.APIOptions = append(cfg.APIOptions, func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("record calls",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				calls = append(calls, awsmiddleware.GetOperationName(ctx))
				return next.HandleInitialize(ctx, in)
			}), middleware.After)
	})
	store := newStore(t, cfg)
	ctx := t.Context()

	app, err := chat.NewApp("calls", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	id := chat.ChatID{AppToken: app.Token, Number: 1}
	newChat := func(n int64) chat.Chat {
		return chat.Chat{AppToken: app.Token, Number: n, Version: 1, CreatedAt: app.CreatedAt, UpdatedAt: app.UpdatedAt}
	}
	newMessage := func(n int64) chat.Message {
		return chat.Message{AppToken: app.Token, ChatNumber: 1, Number: n, Body: "hello", Version: 1, CreatedAt: app.CreatedAt, UpdatedAt: app.UpdatedAt}
	}
	messages := make([]chat.Message, 100)
	for i := range messages {
		messages[i] = newMessage(int64(i + 1))
	}
	page := chat.Page{Limit: 50}
	newClaim := func(parent chat.Parent) chat.Claim {
		claim, err := chat.NewClaim(parent, "0123456789abcdef", "a request", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return claim
	}
	claim, again, ofApp := newClaim(id.Parent()), newClaim(id.Parent()), newClaim(chat.Parent{})
	claim.Number = 1
	app2, err := chat.NewApp("once", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	read := func(n int64) chat.ReadMark {
		return chat.ReadMark{Reader: "ada", LastRead: n, UpdatedAt: app.CreatedAt}
	}

	for _, c := range []struct {
		name string
		run  func() error
		want string
	}{
		{"create app", func() error { return store.CreateApp(ctx, app) }, "TransactWriteItems"},
		{"read app", func() error { _, err := store.App(ctx, app.Token); return err }, "GetItem"},
		{"list apps", func() error { _, _, err := store.Apps(ctx, "", 50); return err }, "Scan"},
		{"allocate chat number", func() error { _, err := store.AllocateChatNumber(ctx, app.Token); return err }, "UpdateItem"},
		{"create counter", func() error { return store.CreateCounter(ctx, id) }, "PutItem"},
		{"store chats", func() error { return store.StoreChats(ctx, app.Token, []chat.Chat{newChat(1)}) }, "GetItem PutItem TransactWriteItems"},
		{"read chat", func() error { _, err := store.Chat(ctx, id); return err }, "GetItem"},
		{"list chats", func() error { _, _, err := store.Chats(ctx, app.Token, page); return err }, "Query"},
		{"allocate message number", func() error { _, err := store.AllocateMessageNumber(ctx, id); return err }, "UpdateItem"},
		{"list no messages", func() error { _, _, err := store.Messages(ctx, id, page); return err }, "Query GetItem"},
		{"store messages", func() error { return store.StoreMessages(ctx, id, messages[:10]) }, "TransactWriteItems"},
		{"store 90 messages more", func() error { return store.StoreMessages(ctx, id, messages) }, "TransactWriteItems TransactWriteItems"},
		{"read message", func() error { _, err := store.Message(ctx, id, 1); return err }, "GetItem"},
		{"list messages", func() error { _, _, err := store.Messages(ctx, id, page); return err }, "Query"},
		{"scan messages", func() error { _, _, err := store.ScanMessages(ctx, "", 500); return err }, "Scan"},
		{"read counter", func() error { _, _, err := store.Counter(ctx, id.Parent()); return err }, "GetItem"},
		{"raise counter", func() error { return store.RaiseCounter(ctx, id.Parent(), 100) }, "UpdateItem"},
		{"count messages", func() error { _, err := store.CountMessages(ctx, id); return err }, "GetItem Query GetItem"},
		{"repair a right count", func() error { _, err := store.RepairMessageCount(ctx, id); return err }, "GetItem Query GetItem"},
		{"check chat", func() error { return store.CheckChat(ctx, id) }, "GetItem"},
		{"read how far a reader is", func() error { _, err := store.ReadState(ctx, id, "ada"); return err }, "BatchGetItem"},
		{"mark read", func() error { _, err := store.MarkRead(ctx, id, read(1)); return err }, "BatchGetItem UpdateItem"},
		{"mark read again", func() error { _, err := store.MarkRead(ctx, id, read(1)); return err }, "BatchGetItem"},
		{"claim a key", func() error { _, err := store.Claim(ctx, claim); return err }, "PutItem"},
		{"record its number", func() error { return store.Record(ctx, claim) }, "UpdateItem"},
		{"claim it again", func() error { _, err := store.Claim(ctx, again); return err }, "PutItem"},
		{"release a key", func() error { return store.Release(ctx, claim) }, "DeleteItem"},
		{"create app once", func() error { _, err := store.CreateAppOnce(ctx, ofApp, app2); return err }, "TransactWriteItems"},
		{"create app again", func() error { _, err := store.CreateAppOnce(ctx, ofApp, app2); return err }, "TransactWriteItems"},
		{"store nothing", func() error { return store.StoreMessages(ctx, id, nil) }, ""},
		{"ping", func() error { return store.Ping(ctx) }, "GetItem"},
	} {
		calls = nil
		if err := c.run(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := strings.Join(calls, " "); got != c.want {
			t.Errorf("%s calls %q, want %q", c.name, got, c.want)
		}
	}
}

// TestLargePage lists more than the 1 MiB that one call of DynamoDB returns.
func TestLargePage(t *testing.T) {
	store := newStore(t, engine(t))
	app, err := chat.NewApp("large", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.CreateApp(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	id := chat.ChatID{AppToken: app.Token, Number: 1}
	var want []chat.Message
	for n := range chat.MaxPage {
		m, err := chat.NewMessage(id, strings.Repeat("x", chat.MaxBody), "", nil, app.CreatedAt)
		if err != nil {
			t.Fatal(err)
		}
		m.Number = int64(n + 1)
		want = append(want, m)
	}
	if err := store.StoreMessages(t.Context(), id, want); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{chat.MaxPage, chat.MaxPage - 1} {
		got, more, err := store.Messages(t.Context(), id, chat.Page{Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		if more != (limit < chat.MaxPage) {
			t.Errorf("a page of %d says more: %t", limit, more)
		}
		if diff := cmp.Diff(want[:limit], got); diff != "" {
			t.Error(diff)
		}
	}
}
