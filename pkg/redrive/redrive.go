// Package redrive processes dead letters again: it stores creates, and indexes
// the newest version of messages whose changes were not indexed. It knows no
// engine.
//
// Both are safe to repeat, so that a dead letter is deleted only afterwards. A
// change is never indexed as it was, only its message as it is now: there may
// have been later changes.
package redrive

import (
	"context"
	"errors"
	"fmt"

	"chatapi/pkg/chat"
)

// Handler processes dead letters of one source.
type Handler interface {
	// Redrive does what could not be done before. Redriving again is safe. An
	// error that wraps chat.ErrChangesGone says that the dead letter no longer
	// tells which messages are missing.
	Redrive(ctx context.Context, letter chat.DeadLetter) error
	// Describe says in a few words what a dead letter is about, without bodies
	// of messages and without an app's token.
	Describe(letter chat.DeadLetter) string
}

// Creates implements Handler for creates that were not stored.
type Creates struct {
	Store chat.Store
}

// Redrive stores the create.
func (c Creates) Redrive(ctx context.Context, letter chat.DeadLetter) error {
	create, err := chat.DecodeCreate([]byte(letter.Body))
	if err != nil {
		return err
	}
	return create.Store(ctx, c.Store)
}

// Describe implements Handler.
func (c Creates) Describe(letter chat.DeadLetter) string {
	create, err := chat.DecodeCreate([]byte(letter.Body))
	if err != nil {
		return "not a create: " + err.Error()
	}
	return create.String()
}

// Changes implements Handler for changes that were not indexed.
type Changes struct {
	Store   chat.Store
	Index   chat.Index
	Batches chat.BatchStream // for dead letters of Lambda; nil if there are none
}

// Redrive indexes the messages of a dead letter as they are stored now.
func (c Changes) Redrive(ctx context.Context, letter chat.DeadLetter) error {
	changed, err := c.changed(ctx, letter)
	if err != nil {
		return err
	}
	var newest []chat.Message
	for _, m := range chat.NewestVersions(changed) { // each once
		if m, err = c.newest(ctx, m); err != nil {
			return err
		}
		newest = append(newest, m)
	}
	return errors.Join(c.Index.Apply(ctx, newest)...)
}

// Describe implements Handler.
func (c Changes) Describe(letter chat.DeadLetter) string {
	l, err := decode(letter.Body)
	if err != nil {
		return err.Error()
	}
	if l.batch.Size > 0 {
		return fmt.Sprintf("%d changes up to %s (%s)", l.batch.Size, l.batch.LastArrival, l.condition)
	}
	return chat.MessageName(l.message.ChatNumber, l.message.Number)
}

// changed returns the messages that a dead letter is about: tombstones of those
// whose rows were removed, and at least the keys of the others.
func (c Changes) changed(ctx context.Context, letter chat.DeadLetter) ([]chat.Message, error) {
	l, err := decode(letter.Body)
	if err != nil {
		return nil, err
	}
	if l.batch.Size == 0 {
		return []chat.Message{l.message}, nil
	}
	if c.Batches == nil {
		return nil, errors.New("there is no stream to read the batch from")
	}
	changes, err := c.Batches.ReadBatch(ctx, l.batch.StreamBatch)
	if err != nil {
		return nil, err
	}
	messages := make([]chat.Message, len(changes))
	for i, change := range changes {
		messages[i], _ = change.Message() // of a row that is not a message, the key
	}
	return messages, nil
}

// newest returns a message as it is stored now. A message without a row is
// deleted if the change says so.
func (c Changes) newest(ctx context.Context, changed chat.Message) (chat.Message, error) {
	m, err := c.Store.Message(ctx, changed.ChatID(), changed.Number)
	notStored := errors.Is(err, chat.ErrNotStoredYet) || errors.Is(err, chat.ErrMessageNotFound) ||
		errors.Is(err, chat.ErrChatNotFound) || errors.Is(err, chat.ErrAppNotFound)
	switch {
	case notStored && changed.Deleted():
		return changed, nil
	case err != nil:
		return chat.Message{}, fmt.Errorf("read %s: %w", chat.MessageName(changed.ChatNumber, changed.Number), err)
	default:
		return m, nil
	}
}
