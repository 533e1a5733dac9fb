//go:build engines

package verify_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"chatapi/pkg/awsbackend"
	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/opensearch"
	"chatapi/pkg/sqs"
	"chatapi/pkg/verify"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
)

// TestVerifyLiveEngines is TestVerifyLiveSystem on DynamoDB Local, ElasticMQ
// and OpenSearch.
func TestVerifyLiveEngines(t *testing.T) {
	endpoint := func(variable string) string {
		if os.Getenv(variable) == "" {
			t.Fatal(variable + " is not set: run make test-engines")
		}
		return os.Getenv(variable)
	}
	t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint("CHATAPI_TEST_DYNAMODB"))
	t.Setenv("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", endpoint("CHATAPI_TEST_DYNAMODB"))
	t.Setenv("AWS_ENDPOINT_URL_SQS", endpoint("CHATAPI_TEST_SQS"))
	search := endpoint("CHATAPI_TEST_OPENSEARCH")
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithLogger(logging.Nop{}))
	if err != nil {
		t.Fatal(err)
	}
	name := "verify-" + strings.ToLower(rand.Text())
	tables := dynamo.Tables{
		Apps: name + "-a", Chats: name + "-c", Messages: name + "-m", Counters: name + "-n",
		Readers: name + "-r", Idempotency: name + "-i",
	}
	queues, noQueues := sqs.CreateQueues(t.Context(), cfg, sqs.NamesWithPrefix(name), verify.DefaultGrace, sqs.MaxReceives)
	store := dynamo.New(cfg, tables)
	backend := awsbackend.Config{Tables: tables, Queues: queues, Search: opensearch.Config{Endpoint: search, Index: name}}
	index, noIndex := opensearch.New(cfg, backend.Search)
	ports, noPorts := awsbackend.New(cfg, backend)
	if err := errors.Join(noQueues, noIndex, noPorts, store.CreateTables(t.Context()), index.Setup(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeIndex(t, search, name) })
	verifyLive(t, ports, openChats(t, store), verify.DefaultGrace)
}

// openChats stores an app with two chats.
func openChats(t *testing.T, store *dynamo.Store) (ids []chat.ChatID) {
	t.Helper()
	app, err := chat.NewApp("verify", nil, at)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.CreateApp(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		n, err := store.AllocateChatNumber(t.Context(), app.Token)
		if err != nil {
			t.Fatal(err)
		}
		id := chat.ChatID{AppToken: app.Token, Number: n}
		err = errors.Join(store.CreateCounter(t.Context(), id),
			store.StoreChats(t.Context(), app.Token, []chat.Chat{{AppToken: app.Token, Number: n, Version: 1, CreatedAt: at, UpdatedAt: at}}))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func removeIndex(t *testing.T, search, name string) {
	for _, path := range []string{"/" + name + "-1", "/_index_template/" + name} {
		request, err := http.NewRequest(http.MethodDelete, search+path, nil)
		if err != nil {
			t.Error(err)
			return
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Error(err)
			return
		}
		_ = answer.Body.Close()
	}
}
