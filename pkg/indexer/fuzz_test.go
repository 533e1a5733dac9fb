package indexer_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"testing"

	"chatapi/pkg/indexer"

	"github.com/aws/aws-lambda-go/events"
)

// FuzzHandle feeds events of the stream. Each record is indexed or goes to the
// dead letters.
func FuzzHandle(f *testing.F) {
	golden, err := os.ReadFile("../../events/indexer.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	for _, event := range []string{
		`{}`, `{"Records":[{}]}`, `{"Records":[{"eventName":"REMOVE","dynamodb":{"OldImage":{"version":{"N":"9223372036854775807"}}}}]}`,
		`{"Records":[{"eventName":"INSERT","dynamodb":{"NewImage":{"chat":{"S":"#"},"message_number":{"N":"1e9"},"body":{"L":[]}}}}]}`,
	} {
		f.Add([]byte(event))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var event events.DynamoDBEvent
		if json.Unmarshal(text, &event) != nil {
			return
		}
		x, dead := &index{}, &letters{}
		answer, err := indexer.New(x, dead, slog.New(slog.DiscardHandler)).Handle(t.Context(), event)
		if err != nil || len(answer.BatchItemFailures) > 0 {
			t.Errorf("answer %v, error %v", answer, err)
		}
		if got := len(x.applied) + len(dead.records); got != len(event.Records) {
			t.Errorf("%d of %d records are dealt with", got, len(event.Records))
		}
	})
}
