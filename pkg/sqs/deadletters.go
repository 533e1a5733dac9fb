package sqs

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// maxLetter is how much SQS takes of one message, in bytes: body and
	// attributes together.
	//
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
	maxLetter = 1 << 20
	// maxReason is how much of a reason is kept, in bytes.
	maxReason = 1 << 10

	reasonName, reasonType = "Reason", "String"
)

// DeadLetters is the queue of what cannot be dealt with, for people to look
// at. It is safe for concurrent use.
type DeadLetters struct {
	client *sqs.Client
	url    string
}

// NewDeadLetters returns the queue with this URL. It calls nothing.
func NewDeadLetters(cfg aws.Config, queueURL string) *DeadLetters {
	return &DeadLetters{client: sqs.NewFromConfig(cfg), url: queueURL}
}

// DeadLettersFromEnv returns the dead letters whose queue's URL is in
// STREAM_DEAD_LETTERS_URL.
func DeadLettersFromEnv(cfg aws.Config) (*DeadLetters, error) {
	url, err := urlFromEnv("STREAM_DEAD_LETTERS_URL")
	if err != nil {
		return nil, err
	}
	return NewDeadLetters(cfg, url), nil
}

// Send sends a record, as JSON, with the reason why it is here in the message
// attribute Reason. What SQS would refuse is cut or replaced rather than lost:
// a reason beyond 1 KiB, a record beyond 1 MiB, and characters that SQS does
// not take. An error wraps chat.ErrUnavailable where it may pass.
func (d *DeadLetters) Send(ctx context.Context, reason string, record []byte) error {
	if len(record) == 0 {
		return errors.New("send dead letter: the record is empty")
	}
	reason = cut(printable(reason), maxReason)
	if reason == "" {
		reason = "unknown"
	}
	body := cut(printable(escape(record)), maxLetter-len(reason)-len(reasonName)-len(reasonType))
	_, err := d.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl:    &d.url,
		MessageBody: &body,
		MessageAttributes: map[string]types.MessageAttributeValue{
			reasonName: {DataType: aws.String(reasonType), StringValue: &reason},
		},
	})
	if err != nil {
		return failure("send dead letter", err)
	}
	return nil
}

// printable replaces the characters that SQS does not take.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == '\ufffe', r == '\uffff':
			return utf8.RuneError
		default:
			return r // strings.Map makes RuneError of what is not UTF-8
		}
	}, text)
}

// cut returns at most so many bytes of a text, in whole characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
