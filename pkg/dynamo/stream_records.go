package dynamo

import (
	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo/layout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	streams "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// changeOf returns the change in a stream record. An image that is not a
// message is a message with the key alone and version 0, so that the consumer
// sees it.
func changeOf(sequence uint64, record *streams.StreamRecord) chat.Change {
	return chat.Change{
		Sequence: sequence,
		At:       aws.ToTime(record.ApproximateCreationDateTime).UTC(),
		Old:      messageOf(record.Keys, record.OldImage),
		New:      messageOf(record.Keys, record.NewImage),
	}
}

// messageOf returns the message of an image, nil if there is no image.
func messageOf(keys, image map[string]streams.AttributeValue) *chat.Message {
	if len(image) == 0 {
		return nil
	}
	if item, err := attributevalue.FromDynamoDBStreamsMap(image); err == nil {
		if m, err := layout.DecodeMessage(item); err == nil {
			return &m
		}
	}
	item, _ := attributevalue.FromDynamoDBStreamsMap(keys)
	m := layout.DecodeMessageKey(item)
	return &m
}
