package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// hold is how long letters that are taken are hidden from others. Release
	// ends it sooner.
	hold = 5 * time.Minute
	// emptyPolls is how many long polls in a row must bring nothing new before
	// Take believes that there is nothing more: a queue is spread over many
	// servers.
	emptyPolls = 2
	// letterPoll is how long each of them waits.
	letterPoll = time.Second
)

// Letters is a chat.DeadLetters on a queue. SQS shows a letter only to those
// who receive it, so looking at the letters hides them for a while. It is for
// one run of one command, and one call at a time.
//
// StartMessageMoveTask would move all letters to the queue that they came
// from. It knows no choice of letters and does not tell what became of them.
type Letters struct {
	client *sqs.Client
	url    string
	taken  map[string]string // receipts by id; "" once deleted
}

var _ chat.DeadLetters = (*Letters)(nil)

// NewLetters returns the letters in the queue with this URL. It calls nothing.
func NewLetters(cfg aws.Config, queueURL string) *Letters {
	return &Letters{client: sqs.NewFromConfig(cfg), url: queueURL, taken: map[string]string{}}
}

// StreamLettersFromEnv returns the letters in the queue whose URL is in
// STREAM_DEAD_LETTERS_URL.
func StreamLettersFromEnv(cfg aws.Config) (*Letters, error) {
	url, err := urlFromEnv("STREAM_DEAD_LETTERS_URL")
	if err != nil {
		return nil, err
	}
	return NewLetters(cfg, url), nil
}

// CreatesLettersFromEnv returns the dead letters of the queue whose URL is in
// CREATES_QUEUE_URL: the queue itself says where they go.
func CreatesLettersFromEnv(ctx context.Context, cfg aws.Config) (*Letters, error) {
	url, err := urlFromEnv("CREATES_QUEUE_URL")
	if err != nil {
		return nil, err
	}
	client := sqs.NewFromConfig(cfg)
	name, err := deadLettersOf(ctx, client, url)
	if err != nil {
		return nil, err
	}
	out, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return nil, failure("look for queue "+name, err)
	}
	return NewLetters(cfg, aws.ToString(out.QueueUrl)), nil
}

// deadLettersOf returns the name of the queue that a queue's letters go to.
func deadLettersOf(ctx context.Context, client *sqs.Client, url string) (string, error) {
	const policy = types.QueueAttributeNameRedrivePolicy
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{policy}})
	if err != nil {
		return "", failure("read where dead letters go", err)
	}
	var redrive struct {
		Target string `json:"deadLetterTargetArn"`
	}
	if err := json.Unmarshal([]byte(out.Attributes[string(policy)]), &redrive); err != nil || redrive.Target == "" {
		return "", fmt.Errorf("queue %s names no queue for its dead letters", url)
	}
	return redrive.Target[strings.LastIndexByte(redrive.Target, ':')+1:], nil
}

// Take implements chat.DeadLetters.
func (l *Letters) Take(ctx context.Context, most int) (letters []chat.DeadLetter, err error) {
	for empty := 0; len(letters) < most && empty < emptyPolls; {
		out, err := l.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl:              &l.url,
			MaxNumberOfMessages:   int32(min(most-len(letters), mostAtOnce)),
			WaitTimeSeconds:       int32(letterPoll / time.Second),
			VisibilityTimeout:     int32(hold / time.Second),
			MessageAttributeNames: []string{reasonName},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{
				types.MessageSystemAttributeNameSentTimestamp,
			},
		})
		if err != nil {
			return letters, failure("receive dead letters", err)
		}
		found := l.fresh(out.Messages)
		if letters = append(letters, found...); len(found) == 0 {
			empty++
		} else {
			empty = 0
		}
	}
	return letters, nil
}

// fresh returns the letters that were not taken before, and notes all receipts.
func (l *Letters) fresh(messages []types.Message) (letters []chat.DeadLetter) {
	for _, m := range messages {
		letter := letterOf(m)
		if _, before := l.taken[letter.ID]; !before {
			letters = append(letters, letter)
		}
		l.taken[letter.ID] = aws.ToString(m.ReceiptHandle)
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
func (l *Letters) Delete(ctx context.Context, letter chat.DeadLetter) error {
	receipt, taken := l.taken[letter.ID]
	if !taken {
		return fmt.Errorf("delete dead letter %s: it was not taken", letter.ID)
	}
	if receipt == "" {
		return nil
	}
	if _, err := l.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &l.url, ReceiptHandle: &receipt}); err != nil {
		return failure("delete dead letter", err)
	}
	l.taken[letter.ID] = ""
	return nil
}

// Release implements chat.DeadLetters, ten letters a call.
func (l *Letters) Release(ctx context.Context) error {
	var entries []types.ChangeMessageVisibilityBatchRequestEntry
	for id, receipt := range l.taken {
		if receipt != "" {
			entries = append(entries, types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(len(entries))), ReceiptHandle: &receipt, VisibilityTimeout: 0,
			})
		}
		delete(l.taken, id)
	}
	var failures []error
	for some := range slices.Chunk(entries, mostAtOnce) {
		_, err := l.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &l.url, Entries: some})
		if err != nil {
			failures = append(failures, failure("release dead letters", err))
		}
	}
	return errors.Join(failures...)
}
