// Package events_test holds that the sample events are what the functions get
// on AWS.
package events_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatapi/pkg/api"
	"chatapi/pkg/chat"
	"chatapi/pkg/docs"
	"chatapi/pkg/eventsource"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

func TestEveryFunctionHasAnEvent(t *testing.T) {
	functions := names(t, "../functions/*/main.go", func(path string) string { return filepath.Base(filepath.Dir(path)) })
	samples := names(t, "*.json", func(path string) string { return strings.TrimSuffix(path, ".json") })
	if diff := cmp.Diff(functions, samples); diff != "" {
		t.Errorf("functions (-) and events (+) differ:\n%s", diff)
	}
}

// TestRequests holds that each sample request is one to the route of the
// function that it is named after.
func TestRequests(t *testing.T) {
	for _, op := range slices.Concat(api.Operations(chat.Ports{}, api.Guard{}), api.OpenAPI()[:1], docs.Operations()[:1]) {
		t.Run(op.Name, func(t *testing.T) {
			request := read[events.APIGatewayProxyRequest](t, op.Name+".json")
			got := fmt.Sprintf("%s %s as %s", request.HTTPMethod, request.Path, request.Resource)
			want := fmt.Sprintf("%s %s as %s", op.Method, fill(op.Path, request.PathParameters), op.Path)
			if got != want {
				t.Errorf("request is %s, want %s", got, want)
			}
			if token, ok := request.PathParameters["app_token"]; ok && token != message(t).AppToken {
				t.Errorf("app token is %s, want that of the other events, %s", token, message(t).AppToken)
			}
			if request.Body != "" && !json.Valid([]byte(request.Body)) {
				t.Errorf("body is not JSON: %s", request.Body)
			}
		})
	}
}

// TestCreates holds that the bodies of the queue's sample are what
// chat.EncodeCreate makes, but for the one that nothing can decode.
func TestCreates(t *testing.T) {
	records := read[events.SQSEvent](t, "writer.json").Records
	tests := []struct {
		name    string
		is      func(chat.Create) bool
		decodes bool
	}{
		{"chat", func(c chat.Create) bool { return c.Chat != nil }, true},
		{"message", func(c chat.Create) bool { return c.Message != nil }, true},
		{"undecodable", nil, false},
	}
	if len(records) != len(tests) {
		t.Fatalf("got %d records, want %d", len(records), len(tests))
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			create, err := chat.DecodeCreate([]byte(records[i].Body))
			if !test.decodes {
				if err == nil {
					t.Errorf("decoded %s", records[i].Body)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !test.is(create) {
				t.Errorf("body holds another kind of create: %s", records[i].Body)
			}
			encoded, err := chat.EncodeCreate(create)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(encoded), records[i].Body); diff != "" {
				t.Errorf("as encoded (-) and in the event (+):\n%s", diff)
			}
		})
	}
}

// TestChanges holds that the stream's sample is the row of the message in the
// queue's sample.
func TestChanges(t *testing.T) {
	records := read[events.DynamoDBEvent](t, "indexer.json").Records
	if len(records) != 1 || records[0].EventName != string(events.DynamoDBOperationTypeInsert) {
		t.Fatalf("got %d records, want one INSERT", len(records))
	}
	change, err := eventsource.DecodeRecord(records[0])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(message(t), *change.New); diff != "" {
		t.Errorf("message in the queue (-) and in the stream (+):\n%s", diff)
	}
}

// message returns the message that all events are about.
func message(t *testing.T) chat.Message {
	t.Helper()
	for _, r := range read[events.SQSEvent](t, "writer.json").Records {
		if create, err := chat.DecodeCreate([]byte(r.Body)); err == nil && create.Message != nil {
			return *create.Message
		}
	}
	t.Fatal("writer.json holds no message")
	return chat.Message{}
}

// read decodes a file and fails where it has fields that AWS does not send.
func read[E any](t *testing.T, path string) E {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var event E
	if err := decoder.Decode(&event); err != nil {
		t.Fatalf("decode %s: %v", path, err)
	}
	return event
}

// fill puts values in place of a path's parameters.
func fill(path string, values map[string]string) string {
	for name, value := range values {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	return path
}

func names(t *testing.T, pattern string, name func(path string) string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, path := range paths {
		all = append(all, name(path))
	}
	slices.Sort(all)
	return all
}
