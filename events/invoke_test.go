//go:build sam

package events_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/google/go-cmp/cmp"
)

// TestInvoke holds that each function, invoked by sam with its event, gives the
// answer that docs/api.md documents. The events are about one app, so their
// order matters: it is that of a message's way.
func TestInvoke(t *testing.T) {
	storeApp(t, message(t).AppToken)
	var invoked []string
	for _, test := range []struct {
		function string
		answer   func(t *testing.T, function string) string // what the function answered, in short
		want     string
	}{
		{"health", status, `200 "status":"ok"`},
		{"openapi", status, `200 "openapi":"3.1.0"`},
		{"docs", status, `200 <div id="ui">`},
		{"create-app", status, `201 "message":"App created successfully"`},
		{"list-apps", status, `200 "apps":[`},
		{"get-app", status, `200 "chat_count":0`},
		{"create-chat", status, `201 "chat_number":1`},
		{"create-message", status, `201 "message_number":1`},
		{"writer", failures, ""}, // the record that is not a create becomes a dead letter
		{"list-chats", status, `200 "message_count":1`},
		{"get-chat", status, `200 "message_count":1`},
		{"list-messages", status, `200 "message_number":1`},
		{"get-message", status, `200 "body":"Hello, is the café open today?"`},
		{"update-app", status, `200 "name":"My café"`},
		{"update-chat", status, `200 "title":"Kitchen"`},
		{"update-message", status, `200 "body":"Hello, is the café open tomorrow?"`},
		{"update-reader", status, `200 "last_read":1,"unread":0`},
		{"get-reader", status, `200 "last_read":1,"unread":0`},
		{"indexer", failures, ""},
		{"search-messages", status, `200 "highlights":[{`},
		{"search-app", status, `200 "highlights":[{`},
		{"delete-message", status, "204"},
		{"reindex", answer, `{"done":true,"messages":1`},
		{"verify", answer, `{"apps":1,"chats":1,"messages":1,"differences":0`},
	} {
		invoked = append(invoked, test.function)
		t.Run(test.function, func(t *testing.T) {
			got := test.answer(t, test.function)
			code, text, _ := strings.Cut(test.want, " ")
			if !strings.HasPrefix(got, code) || !strings.Contains(got, text) || (test.want == "" && got != "") {
				t.Errorf("answered %s, want %s", got, test.want)
			}
		})
	}
	slices.Sort(invoked)
	samples := names(t, "*.json", func(path string) string { return strings.TrimSuffix(path, ".json") })
	if diff := cmp.Diff(samples, invoked); diff != "" {
		t.Errorf("events (-) and functions invoked (+) differ:\n%s", diff)
	}
}

// status returns the status and the body of an API function's answer.
func status(t *testing.T, function string) string {
	t.Helper()
	answer := invoke[events.APIGatewayProxyResponse](t, function)
	return fmt.Sprintf("%d %s", answer.StatusCode, answer.Body)
}

// answer returns what a function that no route leads to answers, without the
// spaces that sam puts in.
func answer(t *testing.T, function string) string {
	t.Helper()
	var text bytes.Buffer
	if err := json.Compact(&text, invoke[json.RawMessage](t, function)); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// failures returns the ids of the records that a consumer gives back.
func failures(t *testing.T, function string) string {
	t.Helper()
	answer := invoke[struct {
		BatchItemFailures []struct{ ItemIdentifier string }
	}](t, function)
	if answer.BatchItemFailures == nil {
		t.Error("batchItemFailures is not a list")
	}
	var ids []string
	for _, f := range answer.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return strings.Join(ids, " ")
}

// invoke runs "sam local invoke" and decodes the last line that it prints.
func invoke[A any](t *testing.T, function string) A {
	t.Helper()
	command := exec.CommandContext(t.Context(), variable(t, "CHATAPI_SAM_INVOKE"), resource(function), "--event", function+".json")
	var log bytes.Buffer
	command.Stderr = &log
	out, err := command.Output()
	if err != nil {
		t.Fatalf("sam local invoke: %v\n%s", err, log.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var answer A
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &answer); err != nil {
		t.Fatalf("decode %q: %v\n%s", out, err, log.String())
	}
	return answer
}

// resource returns the name of a function's resource in template.yaml:
// CreateAppFunction for create-app.
func resource(function string) string {
	var name strings.Builder
	for word := range strings.SplitSeq(function, "-") {
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return name.String() + "Function"
}

// storeApp stores the app that the events are about.
func storeApp(t *testing.T, token string) {
	t.Helper()
	variable(t, "AWS_ENDPOINT_URL_DYNAMODB")
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store, err := dynamo.FromEnv(cfg)
	if err != nil {
		t.Fatal(err)
	}
	created := message(t).CreatedAt
	app := chat.App{Token: token, Name: "sample", Version: 1, CreatedAt: created, UpdatedAt: created}
	if err := store.CreateApp(t.Context(), app); err != nil {
		t.Fatal(err)
	}
}

func variable(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run make sam-events", name)
	}
	return value
}
