package sqs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// maxLetter is the maximum size of a message in bytes, body and attributes
	// together.
	//
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
	maxLetter = 1 << 20
	// maxReason is how much of a reason is kept, in bytes.
	maxReason = 1 << 10

	reasonName, reasonType = "Reason", "String"

	// letterVisibility is how long received dead letters are hidden from
	// others. Release ends it sooner.
	letterVisibility = 5 * time.Minute
	// emptyPolls is how many consecutive long polls must return nothing new
	// before Receive concludes that there are no others: a queue is spread over
	// many servers.
	emptyPolls = 2
	// letterPoll is how long each of them waits.
	letterPoll = time.Second
)

// DeadLetters implements chat.DeadLetters on a queue. Send is safe for
// concurrent use. The other methods are for one run of one command, one call at
// a time: SQS returns a message only by receiving it, so reading the dead
// letters hides them for a while.
//
// StartMessageMoveTask would move all dead letters to the queue that they came
// from. It cannot select some, and does not report what became of them.
type DeadLetters struct {
	client   *sqs.Client
	url      string
	receipts map[string]string // of received dead letters, by ID; "" once deleted
}

var _ chat.DeadLetters = (*DeadLetters)(nil)

// NewDeadLetters returns the dead letters in the queue with this URL. It calls
// nothing.
func NewDeadLetters(cfg aws.Config, queueURL string) *DeadLetters {
	return &DeadLetters{client: sqs.NewFromConfig(cfg), url: queueURL, receipts: map[string]string{}}
}

// ChangeDeadLettersFromEnv returns the dead letters in the queue whose URL is in
// STREAM_DEAD_LETTERS_URL.
func ChangeDeadLettersFromEnv(cfg aws.Config) (*DeadLetters, error) {
	url, err := urlFromEnv(ChangeDeadLettersVariable)
	if err != nil {
		return nil, err
	}
	return NewDeadLetters(cfg, url), nil
}

// CreateDeadLettersFromEnv returns the dead letters in the queue whose URL is in
// CREATES_DEAD_LETTERS_URL.
func CreateDeadLettersFromEnv(cfg aws.Config) (*DeadLetters, error) {
	url, err := urlFromEnv(CreateDeadLettersVariable)
	if err != nil {
		return nil, err
	}
	return NewDeadLetters(cfg, url), nil
}

// Send implements chat.DeadLetters. The reason is the message attribute Reason.
// What SQS would refuse is cut or replaced rather than lost: a reason above
// 1 KiB, a body above 1 MiB, and characters that SQS does not accept. An error
// wraps chat.ErrUnavailable if the same call may succeed later.
func (d *DeadLetters) Send(ctx context.Context, reason string, body []byte) error {
	if len(body) == 0 {
		return errors.New("send dead letter: the body is empty")
	}
	reason = cut(printable(reason), maxReason)
	if reason == "" {
		reason = "unknown"
	}
	text := cut(printable(escape(body)), maxLetter-len(reason)-len(reasonName)-len(reasonType))
	_, err := d.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl:    &d.url,
		MessageBody: &text,
		MessageAttributes: map[string]types.MessageAttributeValue{
			reasonName: {DataType: aws.String(reasonType), StringValue: &reason},
		},
	})
	if err != nil {
		return failure("send dead letter", err)
	}
	return nil
}

// printable replaces the characters that SQS does not accept.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == '\ufffe', r == '\uffff':
			return utf8.RuneError
		default:
			return r // strings.Map replaces what is not UTF-8 by RuneError
		}
	}, text)
}

// cut returns the first bytes of a text, up to a limit, in whole characters.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// Receive implements chat.DeadLetters.
func (d *DeadLetters) Receive(ctx context.Context, limit int) (letters []chat.DeadLetter, err error) {
	for empty := 0; len(letters) < limit && empty < emptyPolls; {
		out, err := d.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl:              &d.url,
			MaxNumberOfMessages:   int32(min(limit-len(letters), maxBatch)),
			WaitTimeSeconds:       int32(letterPoll / time.Second),
			VisibilityTimeout:     int32(letterVisibility / time.Second),
			MessageAttributeNames: []string{reasonName},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{
				types.MessageSystemAttributeNameSentTimestamp,
			},
		})
		if err != nil {
			return letters, failure("receive dead letters", err)
		}
		added := d.added(out.Messages)
		if letters = append(letters, added...); len(added) == 0 {
			empty++
		} else {
			empty = 0
		}
	}
	return letters, nil
}

// added returns the dead letters that were not received before, and records the
// receipts of all.
func (d *DeadLetters) added(messages []types.Message) (letters []chat.DeadLetter) {
	for _, m := range messages {
		letter := letterOf(m)
		if _, before := d.receipts[letter.ID]; !before {
			letters = append(letters, letter)
		}
		d.receipts[letter.ID] = aws.ToString(m.ReceiptHandle)
	}
	return letters
}

func letterOf(m types.Message) chat.DeadLetter {
	letter := chat.DeadLetter{ID: aws.ToString(m.MessageId), Body: aws.ToString(m.Body)}
	if reason, ok := m.MessageAttributes[reasonName]; ok {
		letter.Reason = aws.ToString(reason.StringValue)
	}
	sent, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
	if err == nil {
		letter.SentAt = time.UnixMilli(sent).UTC()
	}
	return letter
}

// Delete implements chat.DeadLetters.
func (d *DeadLetters) Delete(ctx context.Context, letter chat.DeadLetter) error {
	receipt, received := d.receipts[letter.ID]
	if !received {
		return fmt.Errorf("delete dead letter %s: it was not received", letter.ID)
	}
	if receipt == "" {
		return nil
	}
	_, err := d.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &d.url, ReceiptHandle: &receipt})
	if err != nil {
		return failure("delete dead letter", err)
	}
	d.receipts[letter.ID] = ""
	return nil
}

// Release implements chat.DeadLetters, ten dead letters a call.
func (d *DeadLetters) Release(ctx context.Context) error {
	var entries []types.ChangeMessageVisibilityBatchRequestEntry
	for id, receipt := range d.receipts {
		if receipt != "" {
			entries = append(entries, types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(len(entries))), ReceiptHandle: &receipt, VisibilityTimeout: 0,
			})
		}
		delete(d.receipts, id)
	}
	var failures []error
	for some := range slices.Chunk(entries, maxBatch) {
		_, err := d.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{
			QueueUrl: &d.url, Entries: some,
		})
		if err != nil {
			failures = append(failures, failure("release dead letters", err))
		}
	}
	return errors.Join(failures...)
}
