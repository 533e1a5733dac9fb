package dynamo

import (
	"strconv"
	"strings"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	streams "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// streamImage is a row as a stream record carries it.
type streamImage = map[string]streams.AttributeValue

// changeOf returns the change that a stream record tells of.
func changeOf(sequence uint64, record *streams.StreamRecord) chat.Change {
	return chat.Change{
		Sequence: sequence,
		At:       aws.ToTime(record.ApproximateCreationDateTime).UTC(),
		Old:      messageOf(record.Keys, record.OldImage),
		New:      messageOf(record.Keys, record.NewImage),
	}
}

// messageOf returns the message of an image, nil where there is no image, and
// only the key where the image is not one of a message.
func messageOf(keys, image streamImage) *chat.Message {
	if len(image) == 0 {
		return nil
	}
	var row messageRow
	if err := decodeImage(image, &row); err == nil {
		m := row.message(parseChatID(row.Chat))
		return &m
	}
	var key struct {
		Chat          string `dynamodbav:"chat"`
		MessageNumber int64  `dynamodbav:"message_number"`
	}
	// The table's schema says what the key is made of. What is left to fail is
	// a number with a fraction, which becomes 0: no number of a message.
	_ = decodeImage(keys, &key)
	id := parseChatID(key.Chat)
	return &chat.Message{AppToken: id.AppToken, ChatNumber: id.Number, Number: key.MessageNumber}
}

func decodeImage(image streamImage, row any) error {
	values, err := attributevalue.FromDynamoDBStreamsMap(image)
	if err != nil {
		return err
	}
	return attributevalue.UnmarshalMap(values, row)
}

// parseChatID reads what chat.ChatID.String wrote. Of any other key it makes a
// chat with number 0, which no chat has.
func parseChatID(key string) chat.ChatID {
	token, digits, _ := strings.Cut(key, "#")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 || !chat.ValidToken(token) {
		return chat.ChatID{AppToken: key}
	}
	return chat.ChatID{AppToken: token, Number: n}
}
