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
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// UpdateApp implements chat.Store with one call: one write unit for each KB of
// the app's row, whether its version is allowed or not. Where every version is
// and the answer is lost, it makes a second one.
func (s *Store) UpdateApp(ctx context.Context, token string, edit chat.AppEdit, allowed chat.Versions) (chat.App, error) {
	changes := change(edit.At)
	changes = setText(changes, "name", edit.Name)
	changes = setMetadata(changes, edit.Metadata)
	var row appRow
	found, err := s.update(ctx, rowEdit{
		table: s.tables.Apps, key: appKey(token), changes: changes, condition: ifVersion("app_token", allowed), row: &row,
		at: edit.At, anyVersion: allowed == nil, settled: func() bool { return row.is(edit, allowed) },
	})
	switch {
	case errors.Is(err, errRefused) && !found:
		return chat.App{}, chat.ErrAppNotFound
	case errors.Is(err, errRefused) && !row.is(edit, allowed):
		return chat.App{}, chat.ErrVersionChanged
	case err != nil && !errors.Is(err, errRefused):
		return chat.App{}, failure("update app", err)
	default:
		return row.app(), nil
	}
}

// UpdateChat implements chat.Store with one call where the chat is stored: one
// write unit for each KB of the chat's row, whether its version is allowed or
// not. Where every version is and the answer is lost, it makes a second one.
func (s *Store) UpdateChat(ctx context.Context, id chat.ChatID, edit chat.ChatEdit, allowed chat.Versions) (chat.Chat, error) {
	changes := change(edit.At)
	changes = setText(changes, "title", edit.Title)
	changes = setMetadata(changes, edit.Metadata)
	var row chatRow
	_, err := s.update(ctx, rowEdit{
		table: s.tables.Chats, key: chatKey(id), changes: changes, condition: ifVersion("created_at", allowed), row: &row,
		at: edit.At, anyVersion: allowed == nil, settled: func() bool { return !row.stored() || row.is(edit, allowed) },
	})
	switch {
	case errors.Is(err, errRefused) && !row.stored():
		return chat.Chat{}, s.whyNoChat(ctx, id)
	case errors.Is(err, errRefused) && !row.is(edit, allowed):
		return chat.Chat{}, chat.ErrVersionChanged
	case err != nil && !errors.Is(err, errRefused):
		return chat.Chat{}, failure("update chat", err)
	default:
		return row.chat(), nil
	}
}

// UpdateMessage implements chat.Store with one call where the message is
// stored: one write unit for each KB of the message's row, as it was or as it
// is then, whichever is more, whether its version is allowed or not. Where
// every version is and the answer is lost, it makes a second one.
func (s *Store) UpdateMessage(ctx context.Context, id chat.ChatID, number int64, edit chat.MessageEdit, allowed chat.Versions) (chat.Message, error) {
	changes := change(edit.At)
	changes = setText(changes, "body", edit.Body)
	changes = setMetadata(changes, edit.Metadata)
	var row layout.Message
	found, err := s.update(ctx, rowEdit{
		table: s.tables.Messages, key: messageKey(id, number), changes: changes, condition: ifAlive(allowed), row: &row,
		at: edit.At, anyVersion: allowed == nil, settled: func() bool { return row.DeletedAt != nil || isEdited(row, edit, allowed) },
	})
	switch {
	case errors.Is(err, errRefused) && !found:
		return chat.Message{}, s.whyNoMessage(ctx, id, number)
	case errors.Is(err, errRefused) && row.DeletedAt != nil:
		return chat.Message{}, chat.ErrMessageDeleted
	case errors.Is(err, errRefused) && !isEdited(row, edit, allowed):
		return chat.Message{}, chat.ErrVersionChanged
	case err != nil && !errors.Is(err, errRefused):
		return chat.Message{}, failure("update message", err)
	default:
		return row.Message(id), nil
	}
}

// DeleteMessage implements chat.Store with one transaction of the message and
// the chat's count: two write units for each KB of the message's row, and two
// for the count. The SDK gives it a client request token, so its own retries
// delete once.
func (s *Store) DeleteMessage(ctx context.Context, id chat.ChatID, number int64, at time.Time, allowed chat.Versions) error {
	bury, err := s.buryMessage(id, number, at, allowed)
	if err != nil {
		return fmt.Errorf("delete message: %w", err)
	}
	count, err := s.countMessages(id, -1)
	if err != nil {
		return fmt.Errorf("delete message: %w", err)
	}
	for tries := 1; ; tries++ {
		_, err := s.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
			TransactItems: []types.TransactWriteItem{{Update: bury}, {Update: count}},
		})
		var canceled *types.TransactionCanceledException
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &canceled):
			return failure("delete message", err)
		}
		refused, err := refusedByAny(canceled.CancellationReasons)
		switch {
		case err != nil:
			return failure("delete message", err)
		case refused:
			return s.whyNotDeleted(ctx, id, number, canceled.CancellationReasons[0].Item)
		case tries == maxTries:
			return fmt.Errorf("delete message: %w after %d tries: %w", chat.ErrUnavailable, tries, canceled)
		}
		if err := waitToTry(ctx, tries); err != nil {
			return failure("delete message", err)
		}
	}
}

// buryMessage returns the update that leaves a message's tombstone.
func (s *Store) buryMessage(id chat.ChatID, number int64, at time.Time, allowed chat.Versions) (*types.Update, error) {
	gone := chat.Message{}.Tombstone(at)
	changes := change(gone.UpdatedAt).
		Set(expression.Name("deleted_at"), expression.Value(layout.At(gone.DeletedAt))).
		Remove(expression.Name("body")).Remove(expression.Name("sender")).Remove(expression.Name("metadata"))
	update, err := newUpdate(s.tables.Messages, messageKey(id, number),
		expression.NewBuilder().WithUpdate(changes).WithCondition(ifAlive(allowed)))
	if err != nil {
		return nil, err
	}
	update.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	return update, nil
}

// whyNotDeleted tells why the condition of a delete failed on a row, which is
// empty where there was none: nil where the message is deleted already.
func (s *Store) whyNotDeleted(ctx context.Context, id chat.ChatID, number int64, found item) error {
	if len(found) == 0 {
		return s.whyNoMessage(ctx, id, number)
	}
	var row layout.Message
	if err := decode(found, &row); err != nil {
		return fmt.Errorf("delete message: %w", err)
	}
	if row.DeletedAt == nil {
		return chat.ErrVersionChanged
	}
	return nil
}

// change returns the part of an edit that all rows share.
func change(at time.Time) expression.UpdateBuilder {
	return expression.
		Add(expression.Name("version"), expression.Value(1)).
		Set(expression.Name("updated_at"), expression.Value(layout.At(at)))
}

// setText sets an attribute that a row does not have where it is empty.
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

// ifVersion is the condition that a row is there, which has an attribute, in
// one of the allowed versions.
func ifVersion(attribute string, allowed chat.Versions) expression.ConditionBuilder {
	there := expression.AttributeExists(expression.Name(attribute))
	if allowed == nil {
		return there
	}
	versions := make([]expression.OperandBuilder, 0, len(allowed))
	for _, v := range allowed {
		versions = append(versions, expression.Value(v))
	}
	if len(versions) == 0 {
		versions = append(versions, expression.Value(0)) // which no row has
	}
	return there.And(expression.In(expression.Name("version"), versions[0], versions[1:]...))
}

// ifAlive is the condition that a message is there, in one of the allowed
// versions, and not deleted.
func ifAlive(allowed chat.Versions) expression.ConditionBuilder {
	return ifVersion("chat", allowed).And(expression.AttributeNotExists(expression.Name("deleted_at")))
}

// The row that a refused edit found is the edit's own where its first answer
// was lost and it was asked for again: it has the edit's time and content, and
// the version after one of the allowed.

func (r appRow) is(edit chat.AppEdit, allowed chat.Versions) bool {
	return allowed.Allow(r.Version-1) && r.UpdatedAt.Equal(edit.At) && holds(r.Name, edit.Name) && holdsMetadata(r.Metadata, edit.Metadata)
}

func (r chatRow) is(edit chat.ChatEdit, allowed chat.Versions) bool {
	return allowed.Allow(r.Version-1) && r.UpdatedAt.Equal(edit.At) && holds(r.Title, edit.Title) && holdsMetadata(r.Metadata, edit.Metadata)
}

func isEdited(r layout.Message, edit chat.MessageEdit, allowed chat.Versions) bool {
	return allowed.Allow(r.Version-1) && r.UpdatedAt.Equal(edit.At) &&
		holds(r.Body, edit.Body) && holdsMetadata(r.Metadata, edit.Metadata)
}

func holds(text string, asked *string) bool { return asked == nil || *asked == text }

func holdsMetadata(m chat.Metadata, asked *chat.Metadata) bool {
	return asked == nil || maps.Equal(m, *asked)
}

// rowEdit is a change of one row.
type rowEdit struct {
	table      string
	key        item
	changes    expression.UpdateBuilder
	condition  expression.ConditionBuilder // that the row is there, in a version that is allowed
	at         time.Time                   // of the edit
	anyVersion bool                        // is allowed
	row        any                         // what a row is read into
	settled    func() bool                 // whether the row is as the edit leaves it, or takes no edit
}

// longestEdit is more than an edit takes from its time, which the API gives it,
// to the write, and clocks differ by: API Gateway ends requests after 29 s.
const longestEdit = time.Minute

// undone is the condition that an edit, whose answer was lost, was not made:
// the row is as it was created, or was changed last before the edit began. A
// row that was changed later may have the edit under a later one, which an
// edit that is made again would undo.
func (e rowEdit) undone() expression.ConditionBuilder {
	before := layout.At(e.at.Add(-longestEdit))
	return e.condition.And(
		expression.Name("version").Equal(expression.Value(1)).
			Or(expression.Name("updated_at").LessThan(expression.Value(before))))
}

// errRefused: the condition of an update failed.
var errRefused = errors.New("the condition failed")

// update changes a row and reads it into e.row, as it is then or, with
// errRefused, as it was found. Found is false where there is none.
//
// An edit that names versions can be asked for again: it finds another version
// then. One of any version is asked for again only where it is sure that it was
// not made: a throttled one at once, one whose answer was lost on the condition
// that says so. Where the row cannot tell, the caller gets the first error.
func (s *Store) update(ctx context.Context, e rowEdit) (found bool, err error) {
	if !e.anyVersion {
		return s.updateIf(ctx, e, e.condition)
	}
	found, err = s.updateIf(ctx, e, e.condition, ifNotMade)
	if err == nil || errors.Is(err, errRefused) || !mayBeMade(err) || ctx.Err() != nil {
		return found, err
	}
	lost := err
	found, err = s.updateIf(ctx, e, e.undone())
	if errors.Is(err, errRefused) && found && !e.settled() {
		return true, fmt.Errorf("the answer is lost, and the row was changed about then: %w", lost)
	}
	return found, err
}

// updateIf makes one call of update, and the retries that options allow.
func (s *Store) updateIf(ctx context.Context, e rowEdit, condition expression.ConditionBuilder, options ...func(*dynamodb.Options)) (found bool, err error) {
	built, err := newUpdate(e.table, e.key, expression.NewBuilder().WithUpdate(e.changes).WithCondition(condition))
	if err != nil {
		return false, err
	}
	input := inputOf(built)
	input.ReturnValues = types.ReturnValueAllNew
	input.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	out, err := s.updateItem(ctx, input, options...)
	var failed *types.ConditionalCheckFailedException
	if errors.As(err, &failed) {
		if err := decode(failed.Item, e.row); err != nil {
			return false, err
		}
		return len(failed.Item) > 0, errRefused
	}
	if err != nil {
		return false, err
	}
	return true, decode(out.Attributes, e.row)
}

// ifNotMade lets the SDK repeat a call only after errors that say that nothing
// was written.
func ifNotMade(o *dynamodb.Options) { o.Retryer = sureRetries{o.Retryer} }

type sureRetries struct{ aws.Retryer }

// IsErrorRetryable implements aws.Retryer.
func (r sureRetries) IsErrorRetryable(err error) bool {
	return !mayBeMade(err) && r.Retryer.IsErrorRetryable(err)
}

// mayBeMade reports whether a write that failed may have been made: all but
// the answers with a 4xx status may.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
func mayBeMade(err error) bool {
	var answered *smithyhttp.ResponseError
	return !errors.As(err, &answered) || answered.HTTPStatusCode()/100 != 4
}

// updateItem updates an item, and tries again where a transaction holds it, as
// those of the writer hold the row of a busy chat.
func (s *Store) updateItem(ctx context.Context, input *dynamodb.UpdateItemInput, options ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	for tries := 1; ; tries++ {
		out, err := s.client.UpdateItem(ctx, input, options...)
		var conflict *types.TransactionConflictException
		if !errors.As(err, &conflict) || tries == maxTries {
			return out, err
		}
		if err := waitToTry(ctx, tries); err != nil {
			return nil, err
		}
	}
}
