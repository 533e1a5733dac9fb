package indexer_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/indexer"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

// TestGoldenEvent holds both directions of the layout to the sample event.
func TestGoldenEvent(t *testing.T) {
	text, err := os.ReadFile("../../events/indexer.json")
	if err != nil {
		t.Fatal(err)
	}
	var event events.DynamoDBEvent
	if err := json.Unmarshal(text, &event); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2025, 11, 25, 14, 48, 3, 207e6, time.UTC)
	want := chat.Message{
		AppToken: "k5n2qv7wz4tqj3mxe6b2fayl5hcgrd3ou7ps", ChatNumber: 1, Number: 1,
		Body: "Hello, is the café open today?", Sender: "ada", Metadata: chat.Metadata{"client": "web"}, Version: 1, CreatedAt: at, UpdatedAt: at,
	}
	to := &index{}
	x := indexer.New(to, &letters{}, slog.New(slog.DiscardHandler))
	if diff := cmp.Diff([]string{}, handle(t, x, event.Records...)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]chat.Message{want}, to.applied); diff != "" {
		t.Error(diff)
	}
	image, err := json.Marshal(indexer.Image(want))
	if err != nil {
		t.Fatal(err)
	}
	golden, err := json.Marshal(event.Records[0].Change.NewImage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(golden), string(image)); diff != "" {
		t.Error(diff)
	}
}
