package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// setEnvironment sets these variables, and unsets the SDK's and our other ones.
func setEnvironment(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		for _, ours := range []string{
			"AWS_", "OPENSEARCH_", "CREATES_", "STREAM_",
			"APPS_", "CHATS_", "MESSAGES_", "COUNTERS_", "READERS_", "IDEMPOTENCY_",
		} {
			if strings.HasPrefix(name, ours) {
				t.Setenv(name, "")
			}
		}
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	for name, value := range variables {
		t.Setenv(name, value)
	}
}

// with returns a copy of variables with some changed. "" means unset.
func with(variables map[string]string, changes ...string) map[string]string {
	changed := maps.Clone(variables)
	for i := 0; i < len(changes); i += 2 {
		changed[changes[i]] = changes[i+1]
	}
	return changed
}

// emulator returns the URL of a server that responds to the checks of serve as
// DynamoDB, SQS and OpenSearch do. One table or queue does not exist there.
func emulator(t *testing.T, missing string) string {
	t.Helper()
	responses := map[string]string{
		"DynamoDB_20120810.DescribeTable":         `{"Table":{"LatestStreamArn":"arn:stream"}}`,
		"DynamoDBStreams_20120810.DescribeStream": `{"StreamDescription":{"Shards":[]}}`,
		"AmazonSQS.GetQueueAttributes":            `{"Attributes":{}}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		target := r.Header.Get("X-Amz-Target")
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		switch {
		case target != "" && strings.Contains(string(body), `"`+missing+`"`) && strings.HasPrefix(target, "AmazonSQS"):
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}`)
		case target != "" && strings.Contains(string(body), `"`+missing+`"`):
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no"}`)
		default:
			fmt.Fprint(w, responses[target])
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// onEmulator returns an environment whose engines are all at one URL.
func onEmulator(url string) map[string]string {
	return map[string]string{
		"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_ENDPOINT_URL": url, "OPENSEARCH_ENDPOINT": url,
		"APPS_TABLE": "apps", "CHATS_TABLE": "chats", "MESSAGES_TABLE": "messages",
		"COUNTERS_TABLE": "counters", "READERS_TABLE": "readers", "IDEMPOTENCY_TABLE": "idempotency",
		"CREATES_QUEUE_URL":        url + "/0/creates",
		"CREATES_DEAD_LETTERS_URL": url + "/0/dead-creates",
		"STREAM_DEAD_LETTERS_URL":  url + "/0/letters",
	}
}

func TestServeAWSRefuses(t *testing.T) {
	all := emulator(t, "nothing")
	noTable, noLetters := emulator(t, "counters"), emulator(t, all+"/0/letters")
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, tt := range []struct {
		name string
		env  map[string]string
		says []string
	}{
		{"no variable", map[string]string{
			"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		}, []string{
			"APPS_TABLE", "COUNTERS_TABLE", "READERS_TABLE", "IDEMPOTENCY_TABLE",
			"CREATES_QUEUE_URL", "CREATES_DEAD_LETTERS_URL", "STREAM_DEAD_LETTERS_URL", "OPENSEARCH_ENDPOINT",
		}},
		{"no table's name", with(onEmulator(all), "CHATS_TABLE", ""), []string{"CHATS_TABLE"}},
		{"no region", with(onEmulator(all), "AWS_REGION", ""), []string{"missing AWS region: want AWS_REGION"}},
		{"no credentials", with(onEmulator(all), "AWS_ACCESS_KEY_ID", ""),
			[]string{"missing AWS credentials: want AWS_ACCESS_KEY_ID"}},
		{"one service on AWS",
			with(onEmulator(all), "AWS_ENDPOINT_URL", "", "AWS_ENDPOINT_URL_DYNAMODB", all, "AWS_ENDPOINT_URL_SQS", all),
			[]string{"DynamoDB Streams is on AWS; want AWS_ENDPOINT_URL_DYNAMODB_STREAMS too"}},
		{"a missing table", with(onEmulator(all), "AWS_ENDPOINT_URL", noTable),
			[]string{`invalid COUNTERS_TABLE "counters": the table does not exist`, "chatapi setup"}},
		{"a missing queue", with(onEmulator(all), "AWS_ENDPOINT_URL", noLetters),
			[]string{`invalid STREAM_DEAD_LETTERS_URL "` + all + `/0/letters": the queue does not exist`}},
		{"an engine that does not respond", with(onEmulator(all), "AWS_ENDPOINT_URL", gone.URL),
			[]string{"describe table apps", "connection refused"}},
		{"a search engine that does not respond", with(onEmulator(all), "OPENSEARCH_ENDPOINT", gone.URL),
			[]string{"ping OpenSearch", "connection refused"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			setEnvironment(t, tt.env)
			refuses(t, []string{"serve", "--addr", "127.0.0.1:0", "--backend", "aws"}, 1, tt.says...)
		})
	}
}

func TestSetupRefuses(t *testing.T) {
	all := onEmulator("http://127.0.0.1:1")
	for _, tt := range []struct {
		name string
		env  map[string]string
		says string
	}{
		{"no search engine", with(all, "OPENSEARCH_ENDPOINT", ""), "OPENSEARCH_ENDPOINT is not set"},
		{"AWS", with(all, "AWS_ENDPOINT_URL", ""), "invalid endpoint of DynamoDB: it is on AWS"},
		{"one service on AWS",
			with(all, "AWS_ENDPOINT_URL", "", "AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1",
				"AWS_ENDPOINT_URL_DYNAMODB_STREAMS", "http://127.0.0.1:1"),
			"invalid endpoint of SQS: it is on AWS"},
		{"endpoints that are ignored", with(all, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
			"invalid endpoint of DynamoDB: it is on AWS"},
		{"an endpoint of AWS", with(all, "AWS_ENDPOINT_URL_SQS", "https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com"),
			"invalid endpoint of SQS: it is on AWS"},
		{"OpenSearch on AWS", with(all, "OPENSEARCH_ENDPOINT", "https://search-1.eu-west-1.es.amazonaws.com"),
			"invalid endpoint of OpenSearch: it is on AWS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			setEnvironment(t, tt.env)
			refuses(t, []string{"setup"}, 1, tt.says)
		})
	}
}

// refuses runs a command that must print one line and end with a status.
func refuses(t *testing.T, args []string, want int, says ...string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), args, func(string) string { return "" }, nil, &stdout, &stderr)
	if status != want || strings.Count(stderr.String(), "\n") != 1 || stdout.Len() > 0 {
		t.Errorf("status %d, want %d; says %q and prints %q", status, want, stderr.String(), stdout.String())
	}
	for _, text := range says {
		if !strings.Contains(stderr.String(), text) {
			t.Errorf("does not say %q: %s", text, stderr.String())
		}
	}
}
