package dynamo

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

var _ chat.Scanner = (*Store)(nil)

// ScanMessages implements chat.Scanner with one call, which reads up to 1 MiB
// of the Messages table: a read unit for each 4 KB.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html
func (s *Store) ScanMessages(ctx context.Context, cursor string, limit int) ([]chat.Message, string, error) {
	start, err := readScanCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	out, err := s.client.Scan(ctx, &dynamodb.ScanInput{
		TableName:         &s.tables.Messages,
		ExclusiveStartKey: start,
		Limit:             aws.Int32(int32(limit)),
		ConsistentRead:    aws.Bool(true),
	})
	if err != nil {
		return nil, "", failure("scan messages", err)
	}
	messages := make([]chat.Message, len(out.Items))
	for i, row := range out.Items {
		messages[i] = scanned(row)
	}
	return messages, scanCursorAfter(out.LastEvaluatedKey), nil
}

// scanned returns the message of a row, and only the key where the row is none.
func scanned(row item) chat.Message {
	var m messageRow
	if err := attributevalue.UnmarshalMap(row, &m); err == nil {
		return m.message(parseChatID(m.Chat))
	}
	key := keyOf(row)
	id := parseChatID(key.Chat)
	return chat.Message{AppToken: id.AppToken, ChatNumber: id.Number, Number: key.MessageNumber}
}

// rowKey is the key of a row of the Messages table.
type rowKey struct {
	Chat          string `dynamodbav:"chat"`
	MessageNumber int64  `dynamodbav:"message_number"`
}

// keyOf reads the key of a row. The table's schema says what it is made of.
// What is left to fail is a number with a fraction, which becomes 0: no number
// of a message.
func keyOf(row item) (key rowKey) {
	_ = attributevalue.UnmarshalMap(item{"chat": row["chat"], "message_number": row["message_number"]}, &key)
	return key
}

// scanCursorAfter returns the cursor of the page that begins after a key, ""
// where there is none.
func scanCursorAfter(last item) string {
	if len(last) == 0 {
		return ""
	}
	key := keyOf(last)
	return base64.RawURLEncoding.EncodeToString([]byte(key.Chat + "#" + strconv.FormatInt(key.MessageNumber, 10)))
}

// readScanCursor returns the key that a cursor stands for, nil for the first
// page.
func readScanCursor(cursor string) (item, error) {
	if cursor == "" {
		return nil, nil
	}
	invalid := &chat.InvalidError{Fields: []chat.FieldError{{Field: "cursor", Message: "must be the one that the page before gave"}}}
	key, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return nil, invalid
	}
	end := strings.LastIndexByte(string(key), '#')
	if end < 0 {
		return nil, invalid
	}
	n, err := strconv.ParseInt(string(key[end+1:]), 10, 64)
	if err != nil {
		return nil, invalid
	}
	return item{"chat": text(string(key[:end])), "message_number": number(n)}, nil
}
