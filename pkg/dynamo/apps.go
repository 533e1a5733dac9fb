package dynamo

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// CreateApp implements chat.Store with one transaction of two rows.
func (s *Store) CreateApp(ctx context.Context, app chat.App) error {
	rows, err := s.newApp(app)
	if err != nil {
		return fmt.Errorf("create app: %w", err)
	}
	refused, err := s.transact(ctx, rows)
	switch {
	case err != nil:
		return failure("create app", err)
	case refused != nil:
		return errors.New("create app: an app with this token exists")
	default:
		return nil
	}
}

// newApp returns the puts of an app and its counter.
func (s *Store) newApp(app chat.App) ([]types.TransactWriteItem, error) {
	row, err := newRow(s.tables.Apps, "app_token", appRowOf(app))
	if err != nil {
		return nil, err
	}
	counter, err := s.newCounter(app.Token)
	if err != nil {
		return nil, err
	}
	return []types.TransactWriteItem{{Put: row}, {Put: counter}}, nil
}

// App implements chat.Store with one call.
func (s *Store) App(ctx context.Context, token string) (chat.App, error) {
	var row appRow
	found, err := s.get(ctx, s.tables.Apps, appKey(token), &row)
	switch {
	case err != nil:
		return chat.App{}, failure("read app", err)
	case !found:
		return chat.App{}, chat.ErrAppNotFound
	default:
		return row.app(), nil
	}
}

// Apps implements chat.Store. It scans the table from the cursor on: the order is
// DynamoDB's own, an app that is created meanwhile is on a later page or on none,
// and no app is on two pages. It reads one app more than the page has, to know
// whether there is a next page.
func (s *Store) Apps(ctx context.Context, cursor string, limit int) (apps []chat.App, next string, err error) {
	start, err := readCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	for len(apps) <= limit {
		out, err := s.client.Scan(ctx, &dynamodb.ScanInput{
			TableName:         &s.tables.Apps,
			ExclusiveStartKey: start,
			Limit:             aws.Int32(int32(limit + 1 - len(apps))),
			ConsistentRead:    aws.Bool(true),
		})
		if err != nil {
			return nil, "", failure("list apps", err)
		}
		var rows []appRow
		if err := attributevalue.UnmarshalListOfMaps(out.Items, &rows); err != nil {
			return nil, "", fmt.Errorf("list apps: decode rows: %w", err)
		}
		for _, row := range rows {
			apps = append(apps, row.app())
		}
		// A scan may return fewer rows than its limit, even none, before the end.
		if start = out.LastEvaluatedKey; len(start) == 0 {
			break
		}
	}
	if len(apps) <= limit {
		return apps, "", nil
	}
	return apps[:limit], cursorAfter(apps[limit-1]), nil
}

// cursorAfter returns the cursor of the page that begins after an app: its
// key, opaque and safe in URLs.
func cursorAfter(app chat.App) string {
	return base64.RawURLEncoding.EncodeToString([]byte(app.Token))
}

// readCursor returns the key in a cursor, nil for the first page.
func readCursor(cursor string) (item, error) {
	if cursor == "" {
		return nil, nil
	}
	token, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || !chat.ValidToken(string(token)) {
		return nil, &chat.InvalidError{Fields: []chat.FieldError{
			{Field: "cursor", Message: "must be the one that the page before gave"},
		}}
	}
	return appKey(string(token)), nil
}
