package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo/layout"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// UpdateApp implements chat.Store with a read and a write: one read unit for
// each 4 KB of the app's row and one write unit for each KB.
func (s *Store) UpdateApp(
	ctx context.Context, token string, edit chat.AppEdit, allowed chat.Versions,
) (chat.App, error) {
	changes := change(edit.At)
	changes = setText(changes, "name", edit.Name)
	changes = setMetadata(changes, edit.Metadata)
	app, err := update(ctx, s, rowEdit[chat.App]{
		table: s.tables.Apps, key: appKey(token), changes: changes,
		read: func(values item) (chat.App, int64, error) {
			var row appRow
			err := decode(values, &row)
			if err == nil && row.Version == 0 {
				err = chat.ErrAppNotFound
			}
			return row.app(), row.Version, err
		},
		allowed: allowed, apply: edit.Apply,
		same: func(a, b chat.App) bool {
			return a.Version == b.Version && a.UpdatedAt.Equal(b.UpdatedAt) && a.Name == b.Name &&
				maps.Equal(a.Metadata, b.Metadata)
		},
	})
	return app, editError("update app", err)
}

// UpdateChat implements chat.Store with a read and a write if the chat is stored:
// one read unit for each 4 KB of the chat's row and one write unit for each KB.
func (s *Store) UpdateChat(
	ctx context.Context, id chat.ChatID, edit chat.ChatEdit, allowed chat.Versions,
) (chat.Chat, error) {
	changes := change(edit.At)
	changes = setText(changes, "title", edit.Title)
	changes = setMetadata(changes, edit.Metadata)
	c, err := update(ctx, s, rowEdit[chat.Chat]{
		table: s.tables.Chats, key: chatKey(id), changes: changes,
		read: func(values item) (chat.Chat, int64, error) {
			var row chatRow
			err := decode(values, &row)
			if err == nil && !row.stored() {
				err = s.whyNoChat(ctx, id)
			}
			return row.chat(), row.Version, err
		},
		allowed: allowed, apply: edit.Apply,
		same: func(a, b chat.Chat) bool {
			return a.Version == b.Version && a.UpdatedAt.Equal(b.UpdatedAt) && a.Title == b.Title &&
				maps.Equal(a.Metadata, b.Metadata)
		},
	})
	return c, editError("update chat", err)
}

// UpdateMessage implements chat.Store with a read and a write if the message is
// stored: one read unit for each 4 KB of the message's row, and one write unit
// for each KB of it, as it was or as it becomes, whichever is larger.
func (s *Store) UpdateMessage(
	ctx context.Context, id chat.ChatID, number int64, edit chat.MessageEdit, allowed chat.Versions,
) (chat.Message, error) {
	changes := change(edit.At)
	changes = setText(changes, "body", edit.Body)
	changes = setMetadata(changes, edit.Metadata)
	m, err := update(ctx, s, rowEdit[chat.Message]{
		table: s.tables.Messages, key: messageKey(id, number), changes: changes,
		read: func(values item) (chat.Message, int64, error) {
			var row layout.Message
			err := decode(values, &row)
			switch {
			case err == nil && row.Version == 0:
				err = s.whyNoMessage(ctx, id, number)
			case err == nil && row.DeletedAt != nil:
				err = chat.ErrMessageDeleted
			}
			return row.Message(id), row.Version, err
		},
		allowed: allowed, apply: edit.Apply,
		same: func(a, b chat.Message) bool {
			return a.Version == b.Version && a.UpdatedAt.Equal(b.UpdatedAt) && a.Body == b.Body &&
				maps.Equal(a.Metadata, b.Metadata)
		},
	})
	return m, editError("update message", err)
}

// editError returns the error of an edit: those that chat.Store names as they
// are.
func editError(attempted string, err error) error {
	for _, named := range []error{
		nil, chat.ErrAppNotFound, chat.ErrChatNotFound, chat.ErrMessageNotFound,
		chat.ErrNotStoredYet, chat.ErrMessageDeleted, chat.ErrVersionChanged,
	} {
		if errors.Is(err, named) {
			return err
		}
	}
	return failure(attempted, err)
}

// rowEdit is an edit of one row.
type rowEdit[Row any] struct {
	table   string
	key     item
	changes expression.UpdateBuilder
	// read returns the row of values, which are empty if it does not exist, and its
	// version, or why the row cannot be edited.
	read    func(values item) (row Row, version int64, err error)
	allowed chat.Versions
	apply   func(Row) Row       // returns the row as the edit leaves it
	same    func(a, b Row) bool // reports whether rows have the same version, time and content
}

// update reads a row and changes it on the condition that it still has the
// version that was read, and returns the changed row. If the row was changed
// between the two, it repeats both.
//
// So an attempt that reaches DynamoDB late, after another edit of the row was
// acknowledged, changes nothing. If a response is lost, the row tells whether the
// edit was made, unless it was changed once more: then the edit is not repeated,
// because that could undo the other one, and the error wraps chat.ErrUnavailable.
func update[Row any](ctx context.Context, s *Store, e rowEdit[Row]) (Row, error) {
	var none, wanted Row
	var required int64 // the version that the last attempt required
	var lost error     // the first failure after which the edit may have been made
	for attempt := 1; ; attempt++ {
		values, err := s.getItem(ctx, e.table, e.key)
		if err != nil {
			return none, err
		}
		row, version, err := e.read(values)
		switch {
		case err != nil:
			return none, err
		case lost != nil && version != required && e.same(row, wanted):
			return row, nil
		case lost != nil && version != required:
			return none, fmt.Errorf("%w: the row was changed after a response was lost: %w", chat.ErrUnavailable, lost)
		case !e.allowed.Allow(version):
			return none, chat.ErrVersionChanged
		}
		required, wanted = version, e.apply(row)
		values, err = s.updateVersion(ctx, e.table, e.key, e.changes, version)
		switch {
		case err == nil:
			row, _, err := e.read(values)
			return row, err
		case conditionFailed(err):
			err = fmt.Errorf("%w: the row was changed before each of %d attempts", chat.ErrUnavailable, attempt)
		case !isTransient(err):
			return none, err
		case mayHaveWritten(err) && lost == nil:
			lost = err
		}
		if attempt == maxAttempts {
			return none, err
		}
		if err := waitToRetry(ctx, attempt); err != nil {
			return none, err
		}
	}
}

// updateVersion changes a row if it has a version, and returns it as it is then.
// The SDK retries it only after responses that say that nothing was changed, so
// that whoever calls it knows whether it may have been.
func (s *Store) updateVersion(
	ctx context.Context, table string, key item, changes expression.UpdateBuilder, version int64,
) (item, error) {
	built, err := newUpdate(table, key, expression.NewBuilder().WithUpdate(changes).
		WithCondition(expression.Name("version").Equal(expression.Value(version))))
	if err != nil {
		return nil, err
	}
	input := inputOf(built)
	input.ReturnValues = types.ReturnValueAllNew
	out, err := s.client.UpdateItem(ctx, input, func(o *dynamodb.Options) { o.Retryer = sureRetryer{o.Retryer} })
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

// sureRetryer retries calls that have certainly changed nothing.
type sureRetryer struct{ aws.Retryer }

// IsErrorRetryable implements aws.Retryer.
func (r sureRetryer) IsErrorRetryable(err error) bool {
	return !mayHaveWritten(err) && r.Retryer.IsErrorRetryable(err)
}

// change returns the part of an edit that all rows share.
func change(at time.Time) expression.UpdateBuilder {
	return expression.
		Add(expression.Name("version"), expression.Value(1)).
		Set(expression.Name("updated_at"), expression.Value(layout.At(at)))
}

// setText sets an attribute that a row lacks if it is empty.
func setText(changes expression.UpdateBuilder, name string, to *string) expression.UpdateBuilder {
	switch {
	case to == nil:
		return changes
	case *to == "":
		return changes.Remove(expression.Name(name))
	default:
		return changes.Set(expression.Name(name), expression.Value(*to))
	}
}

func setMetadata(changes expression.UpdateBuilder, to *chat.Metadata) expression.UpdateBuilder {
	switch {
	case to == nil:
		return changes
	case len(*to) == 0:
		return changes.Remove(expression.Name("metadata"))
	default:
		return changes.Set(expression.Name("metadata"), expression.Value(*to))
	}
}
