package dynamo

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"chatapi/pkg/chat"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

// TestMessageRowIsTheImageInTheStream holds the layout of a message's row to
// the sample event that the indexer's test reads.
func TestMessageRowIsTheImageInTheStream(t *testing.T) {
	text, err := os.ReadFile("../../events/indexer.json")
	if err != nil {
		t.Fatal(err)
	}
	var event events.DynamoDBEvent
	if err := json.Unmarshal(text, &event); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2025, 11, 25, 14, 48, 3, 207e6, time.UTC)
	id := chat.ChatID{AppToken: "k5n2qv7wz4tqj3mxe6b2fayl5hcgrd3ou7ps", Number: 1}
	m := chat.Message{
		AppToken: id.AppToken, ChatNumber: id.Number, Number: 1, Body: "Hello, is the café open today?",
		Sender: "ada", Metadata: chat.Metadata{"client": "web"}, Version: 1, CreatedAt: at, UpdatedAt: at,
	}
	row, err := attributevalue.MarshalMap(messageRowOf(id, m))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plain(event.Records[0].Change.NewImage), plainRow(t, row)); diff != "" {
		t.Error(diff)
	}
	var back messageRow
	if err := attributevalue.UnmarshalMap(row, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, back.message(id)); diff != "" {
		t.Error(diff)
	}
}

// plain returns an image as type and text of each attribute.
func plain(image map[string]events.DynamoDBAttributeValue) map[string]string {
	found := map[string]string{}
	for name, value := range image {
		switch value.DataType() {
		case events.DataTypeNumber:
			found[name] = "N " + value.Number()
		case events.DataTypeMap:
			found[name] = fmt.Sprint("M ", plain(value.Map()))
		default:
			found[name] = "S " + value.String()
		}
	}
	return found
}

func plainRow(t *testing.T, row item) map[string]string {
	t.Helper()
	found := map[string]string{}
	for name, value := range row {
		switch value := value.(type) {
		case *types.AttributeValueMemberN:
			found[name] = "N " + value.Value
		case *types.AttributeValueMemberS:
			found[name] = "S " + value.Value
		case *types.AttributeValueMemberM:
			found[name] = fmt.Sprint("M ", plainRow(t, value.Value))
		default:
			t.Errorf("attribute %s is a %T", name, value)
		}
	}
	return found
}
