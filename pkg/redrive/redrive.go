// Package redrive deals with dead letters again: it stores creates, and brings
// the newest version of messages whose changes were never indexed into the
// index. It knows no engine.
//
// Both are safe to repeat, so a letter is deleted only afterwards. A change is
// never replayed as it was, only its message as it is now: there may have been
// later ones.
package redrive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"chatapi/pkg/chat"
	"chatapi/pkg/indexer"

	"github.com/aws/aws-lambda-go/events"
)

// Handler deals with letters of one kind.
type Handler interface {
	// Redrive deals with what a letter is about. Again is no change. An error
	// that wraps chat.ErrChangesGone says that the letter alone no longer tells
	// what is missing.
	Redrive(ctx context.Context, letter chat.DeadLetter) error
	// Describe says in a few words what a letter is about, without what anybody
	// wrote and without an app's token.
	Describe(letter chat.DeadLetter) string
}

// Creates stores dead creates.
type Creates struct {
	Store chat.Store
}

// Redrive implements Handler: it stores the create of a letter.
func (c Creates) Redrive(ctx context.Context, letter chat.DeadLetter) error {
	create, err := chat.DecodeCreate([]byte(letter.Body))
	switch {
	case err != nil:
		return err
	case create.Chat != nil:
		return c.Store.StoreChats(ctx, create.AppToken(), []chat.Chat{*create.Chat})
	default:
		return c.Store.StoreMessages(ctx, create.Message.ChatID(), []chat.Message{*create.Message})
	}
}

// Describe implements Handler.
func (c Creates) Describe(letter chat.DeadLetter) string {
	create, err := chat.DecodeCreate([]byte(letter.Body))
	switch {
	case err != nil:
		return "no create: " + err.Error()
	case create.Chat != nil:
		return fmt.Sprintf("chat %d", create.Chat.Number)
	default:
		return fmt.Sprintf("message %d of chat %d", create.Message.Number, create.Message.ChatNumber)
	}
}

// Changes indexes the messages of dead changes.
type Changes struct {
	Store  chat.Store
	Index  chat.Index
	Stream chat.BatchStream // for the letters of Lambda; nil where there are none
}

// Redrive implements Handler: it indexes the messages of a letter as they are
// stored now.
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
	switch {
	case err != nil:
		return err.Error()
	case l.Batch.Size > 0:
		return fmt.Sprintf("%d changes up to %s (%s)", l.Batch.Size, l.Batch.LastArrival, l.Context.Condition)
	default:
		m, err := indexer.Changed(l.DynamoDBEventRecord)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("message %d of chat %d", m.Number, m.ChatNumber)
	}
}

// letter is either a record, which the indexer sent, or the record of an
// invocation, with which Lambda gave up a batch. The latter only points to the
// batch.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
type letter struct {
	events.DynamoDBEventRecord
	Context struct {
		Condition string `json:"condition"`
	} `json:"requestContext"`
	Batch struct {
		Shard       string `json:"shardId"`
		First       string `json:"startSequenceNumber"`
		Last        string `json:"endSequenceNumber"`
		LastArrival string `json:"approximateArrivalOfLastRecord"`
		Size        int    `json:"batchSize"`
		Stream      string `json:"streamArn"`
	} `json:"DDBStreamBatchInfo"`
}

// decode reads a letter. One that was cut to the size that SQS takes cannot be
// read any more.
func decode(body string) (l letter, err error) {
	if err := json.Unmarshal([]byte(body), &l); err != nil {
		return letter{}, fmt.Errorf("no record of a stream: %w", err)
	}
	return l, nil
}

// changed returns the messages that a letter is about: of those that are
// removed their tombstones, of the others at least their keys.
func (c Changes) changed(ctx context.Context, dead chat.DeadLetter) ([]chat.Message, error) {
	l, err := decode(dead.Body)
	if err != nil {
		return nil, err
	}
	if l.Batch.Size == 0 {
		m, err := indexer.Changed(l.DynamoDBEventRecord)
		return []chat.Message{m}, err
	}
	if c.Stream == nil {
		return nil, errors.New("there is no stream to read the batch from")
	}
	changes, err := c.Stream.ReadBatch(ctx, chat.StreamBatch{Stream: l.Batch.Stream, Shard: l.Batch.Shard, First: l.Batch.First, Last: l.Batch.Last})
	if err != nil {
		return nil, err
	}
	messages := make([]chat.Message, len(changes))
	for i, change := range changes {
		messages[i] = ofChange(change)
	}
	return messages, nil
}

func ofChange(c chat.Change) chat.Message {
	if c.New != nil {
		return *c.New
	}
	return c.Old.Tombstone(c.At)
}

// newest returns a message as it is stored now. One that is not is as good as
// deleted where the change says so.
func (c Changes) newest(ctx context.Context, changed chat.Message) (chat.Message, error) {
	m, err := c.Store.Message(ctx, changed.ChatID(), changed.Number)
	notStored := errors.Is(err, chat.ErrNotStoredYet) || errors.Is(err, chat.ErrMessageNotFound) ||
		errors.Is(err, chat.ErrChatNotFound) || errors.Is(err, chat.ErrAppNotFound)
	switch {
	case notStored && changed.Deleted():
		return changed, nil
	case err != nil:
		return chat.Message{}, fmt.Errorf("read message %d of chat %d: %w", changed.Number, changed.ChatNumber, err)
	default:
		return m, nil
	}
}
