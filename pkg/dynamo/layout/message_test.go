package layout_test

import (
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo/layout"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
)

var (
	token = strings.Repeat("a", chat.TokenLength)
	at    = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
)

func message() chat.Message {
	return chat.Message{
		AppToken: token, ChatNumber: 3, Number: 7, Body: "hello", Sender: "ada",
		Metadata: chat.Metadata{"client": "web"}, Version: 1, CreatedAt: at, UpdatedAt: at,
	}
}

func encode(t *testing.T, m chat.Message) layout.Item {
	t.Helper()
	item, err := attributevalue.MarshalMap(layout.NewMessage(m))
	if err != nil {
		t.Fatal(err)
	}
	return item
}

func TestDecodeMessage(t *testing.T) {
	bare := message()
	bare.Sender, bare.Metadata = "", nil
	for _, tt := range []struct {
		name string
		want chat.Message
	}{
		{"all attributes", message()},
		{"the least", bare},
		{"tombstone", message().Tombstone(at.Add(time.Hour))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := layout.DecodeMessage(encode(t, tt.want))
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("error %v: %s", err, diff)
			}
		})
	}
}

func TestDecodeMessageRefuses(t *testing.T) {
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	number := func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
	for _, tt := range []struct {
		name, attribute string
		value           types.AttributeValue // nil for none
	}{
		{"no chat", "chat", nil},
		{"a chat of no app", "chat", text("nobody#1")},
		{"chat 0", "chat", text(token + "#0")},
		{"no number", "message_number", nil},
		{"number 0", "message_number", number("0")},
		{"a fraction", "message_number", number("1.5")},
		{"no version", "version", nil},
		{"version as text", "version", text("1")},
		{"body as a list", "body", &types.AttributeValueMemberL{}},
		{"no time", "created_at", nil},
		{"a time that is none", "updated_at", text("today")},
		{"metadata with a list", "metadata", &types.AttributeValueMemberM{Value: layout.Item{"k": &types.AttributeValueMemberL{}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			item := encode(t, message())
			delete(item, tt.attribute)
			if tt.value != nil {
				item[tt.attribute] = tt.value
			}
			got, err := layout.DecodeMessage(item)
			if err == nil || got.Version != 0 {
				t.Errorf("decoded %+v, error %v; want the key alone and an error", got, err)
			}
			keyIsWhole := tt.attribute != "chat" && tt.attribute != "message_number"
			if keyIsWhole && (got.ChatID() != message().ChatID() || got.Number != 7) {
				t.Errorf("decoded the key %+v", got)
			}
		})
	}
}
