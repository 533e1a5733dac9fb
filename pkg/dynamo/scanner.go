package dynamo

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo/layout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

var _ chat.Scanner = (*Store)(nil)

// ScanMessages implements chat.Scanner with one call, which reads up to 1 MiB of
// the Messages table: a read unit for each 4 KB.
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
		messages[i], _ = layout.DecodeMessage(row) // the key alone of a row that is not a message
	}
	return messages, scanCursorAfter(out.LastEvaluatedKey), nil
}

// scanCursorAfter returns the cursor of the page that begins after a key, "" if
// there is none.
func scanCursorAfter(last item) string {
	if len(last) == 0 {
		return ""
	}
	var key layout.Message
	_ = attributevalue.UnmarshalMap(last, &key) // it is a key of the Messages table
	return base64.RawURLEncoding.EncodeToString([]byte(key.Chat + "#" + strconv.FormatInt(key.Number, 10)))
}

// readScanCursor returns the key in a cursor, nil for the first page.
func readScanCursor(cursor string) (item, error) {
	if cursor == "" {
		return nil, nil
	}
	invalid := &chat.InvalidError{Fields: []chat.FieldError{
		{Field: "cursor", Message: "must be the one that the page before gave"},
	}}
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
