package eventsource

import (
	"fmt"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo/layout"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// DecodeRecord returns the change in a record of the Messages table's stream.
// Its sequence number is 0, because DynamoDB's have up to 40 digits.
func DecodeRecord(r events.DynamoDBEventRecord) (chat.Change, error) {
	change := chat.Change{At: r.Change.ApproximateCreationDateTime.UTC()}
	var err error
	if change.Old, err = decodeImage(r.Change.OldImage); err != nil && r.Change.NewImage == nil {
		return chat.Change{}, err
	}
	if change.New, err = decodeImage(r.Change.NewImage); err != nil {
		return chat.Change{}, err
	}
	if change.Old == nil && change.New == nil {
		return chat.Change{}, fmt.Errorf("record %s has no image", r.Change.SequenceNumber)
	}
	return change, nil
}

// decodeImage returns the message of an image, nil if there is no image.
func decodeImage(image map[string]events.DynamoDBAttributeValue) (*chat.Message, error) {
	if len(image) == 0 {
		return nil, nil
	}
	m, err := layout.DecodeMessage(itemOf(image))
	if err != nil {
		return nil, err
	}
	return &m, nil
}

// RecordMessage returns the message of a record that could not be indexed: as
// the change left it or, if that cannot be decoded, its key alone.
func RecordMessage(r events.DynamoDBEventRecord) (chat.Message, error) {
	if change, err := DecodeRecord(r); err == nil {
		return change.Message()
	}
	m := layout.DecodeMessageKey(itemOf(r.Change.Keys))
	if m.ChatNumber == 0 || m.Number == 0 {
		return chat.Message{}, fmt.Errorf("record %s is not of a message", r.Change.SequenceNumber)
	}
	return m, nil
}

// itemOf converts an image to the SDK's types. Rows of messages have strings,
// numbers and maps; a value of any other type becomes a Boolean, which cannot be
// decoded into any of their fields.
func itemOf(image map[string]events.DynamoDBAttributeValue) layout.Item {
	item := make(layout.Item, len(image))
	for name, value := range image {
		switch value.DataType() {
		case events.DataTypeString:
			item[name] = &types.AttributeValueMemberS{Value: value.String()}
		case events.DataTypeNumber:
			item[name] = &types.AttributeValueMemberN{Value: value.Number()}
		case events.DataTypeMap:
			item[name] = &types.AttributeValueMemberM{Value: itemOf(value.Map())}
		default:
			item[name] = &types.AttributeValueMemberBOOL{}
		}
	}
	return item
}
