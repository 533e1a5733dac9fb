package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo/layout"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/expression"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// DeleteMessage implements chat.Store with one transaction of the message and
// the chat's count: two write units for each KB of the message's row, and two
// for the count.
func (s *Store) DeleteMessage(
	ctx context.Context, id chat.ChatID, number int64, at time.Time, allowed chat.Versions,
) error {
	tombstone, tombstoneErr := s.tombstone(id, number, at, allowed)
	count, countErr := s.countMessages(id, -1)
	if err := errors.Join(tombstoneErr, countErr); err != nil {
		return fmt.Errorf("delete message: %w", err)
	}
	refused, err := s.transact(ctx, []types.TransactWriteItem{{Update: tombstone}, {Update: count}})
	switch {
	case err != nil:
		return failure("delete message", err)
	case refused != nil:
		return s.whyNotDeleted(ctx, id, number, refused[0].Item)
	default:
		return nil
	}
}

// tombstone returns the update that leaves a message's tombstone. Its
// condition is that the message exists, in one of the allowed versions, and is
// not deleted.
func (s *Store) tombstone(
	id chat.ChatID, number int64, at time.Time, allowed chat.Versions,
) (*types.Update, error) {
	tombstone := chat.Message{}.Tombstone(at)
	changes := change(tombstone.UpdatedAt).
		Set(expression.Name("deleted_at"), expression.Value(layout.At(tombstone.DeletedAt))).
		Remove(expression.Name("body")).Remove(expression.Name("sender")).Remove(expression.Name("metadata"))
	condition := expression.AttributeExists(expression.Name("chat")).
		And(expression.AttributeNotExists(expression.Name("deleted_at")))
	if allowed != nil {
		condition = condition.And(ifVersion(allowed))
	}
	update, err := newUpdate(s.tables.Messages, messageKey(id, number),
		expression.NewBuilder().WithUpdate(changes).WithCondition(condition))
	if err != nil {
		return nil, err
	}
	update.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	return update, nil
}

// ifVersion is the condition that a row has one of the allowed versions.
func ifVersion(allowed chat.Versions) expression.ConditionBuilder {
	versions := []expression.OperandBuilder{expression.Value(0)} // which no row has: IN must name one
	for _, v := range allowed {
		versions = append(versions, expression.Value(v))
	}
	return expression.In(expression.Name("version"), versions[0], versions[1:]...)
}

// whyNotDeleted tells why the condition of a delete failed on a row, which is
// empty if it does not exist: nil if the message is already deleted.
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
