// Package sqs implements the ports chat.Queue, chat.Receiver and chat.DeadLetters
// on Amazon SQS.
package sqs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// sendTimeout is how long a Send takes with all its retries, so that a caller
	// that stores a create which the queue refused has time left.
	sendTimeout = 2 * time.Second
	// waitTime is how long a Receive waits for a first delivery: a long poll, which
	// asks all of SQS's servers. SQS waits for at most 20 s.
	waitTime = 2 * time.Second
	// maxBatch is how many messages SQS receives or deletes in one call.
	//
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
	maxBatch = 10
)

// Queue implements chat.Queue and chat.Receiver on a standard queue. It is safe for
// concurrent use.
type Queue struct {
	client *sqs.Client
	url    string
}

var (
	_ chat.Queue    = (*Queue)(nil)
	_ chat.Receiver = (*Queue)(nil)
)

// New returns the queue with this URL. It calls nothing.
func New(cfg aws.Config, queueURL string) *Queue {
	return &Queue{client: sqs.NewFromConfig(cfg), url: queueURL}
}

// FromEnv returns the queue whose URL is in CREATES_QUEUE_URL.
func FromEnv(cfg aws.Config) (*Queue, error) {
	url, err := urlFromEnv(CreatesVariable)
	if err != nil {
		return nil, err
	}
	return New(cfg, url), nil
}

// Send implements chat.Queue. It returns within 2 seconds. The create's app is the
// message's group, which makes the queue a fair one: an app that sends many creates
// does not delay those of the others.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
func (q *Queue) Send(ctx context.Context, create chat.Create) error {
	body, err := chat.EncodeCreate(create)
	if err != nil {
		return fmt.Errorf("send create: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	_, err = q.client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl:       &q.url,
		MessageBody:    aws.String(escape(body)),
		MessageGroupId: aws.String(create.Parent().AppToken),
	})
	if err != nil {
		return fmt.Errorf("send create: %w: %w", chat.ErrUnavailable, err)
	}
	return nil
}

// escape escapes the two characters in JSON that SQS refuses and JSON allows.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
func escape(body []byte) string {
	body = bytes.ReplaceAll(body, []byte("\ufffe"), []byte(`\ufffe`))
	body = bytes.ReplaceAll(body, []byte("\uffff"), []byte(`\uffff`))
	return string(body)
}

// Receive implements chat.Receiver. It returns at most 10 deliveries, which is the
// limit of SQS, and waits up to 2 seconds for the first.
func (q *Queue) Receive(ctx context.Context, limit int) ([]chat.Delivery, error) {
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:            &q.url,
		MaxNumberOfMessages: int32(min(limit, maxBatch)),
		WaitTimeSeconds:     int32(waitTime / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameApproximateReceiveCount,
			types.MessageSystemAttributeNameSentTimestamp,
		},
	})
	if err != nil {
		return nil, failure("receive creates", err)
	}
	deliveries := make([]chat.Delivery, len(out.Messages))
	for i, m := range out.Messages {
		if deliveries[i], err = delivery(m); err != nil {
			return nil, fmt.Errorf("receive creates: %w", err)
		}
	}
	return deliveries, nil
}

func delivery(m types.Message) (chat.Delivery, error) {
	receives, err := strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	if err != nil {
		return chat.Delivery{}, fmt.Errorf("read receive count: %w", err)
	}
	sent, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
	if err != nil {
		return chat.Delivery{}, fmt.Errorf("read sent timestamp: %w", err)
	}
	return chat.Delivery{
		ID:       aws.ToString(m.MessageId),
		Receipt:  aws.ToString(m.ReceiptHandle),
		Body:     aws.ToString(m.Body),
		Receives: receives,
		SentAt:   time.UnixMilli(sent).UTC(),
	}, nil
}

// Delete implements chat.Receiver, ten deliveries a call. It attempts all and
// returns the errors of those that were not deleted.
func (q *Queue) Delete(ctx context.Context, deliveries []chat.Delivery) error {
	var failures []error
	for some := range slices.Chunk(deliveries, maxBatch) {
		failures = append(failures, q.deleteBatch(ctx, some))
	}
	return errors.Join(failures...)
}

func (q *Queue) deleteBatch(ctx context.Context, deliveries []chat.Delivery) error {
	entries := make([]types.DeleteMessageBatchRequestEntry, len(deliveries))
	for i, d := range deliveries {
		entries[i] = types.DeleteMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(d.Receipt),
		}
	}
	out, err := q.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
	if err != nil {
		return failure(fmt.Sprintf("delete %d deliveries", len(entries)), err)
	}
	var failures []error
	for _, f := range out.Failed {
		failures = append(failures, notDeleted(f))
	}
	return errors.Join(failures...)
}

// notDeleted returns the error of one entry of a batch. Unless SQS says that the
// sender is at fault, the same call may succeed later.
func notDeleted(f types.BatchResultErrorEntry) error {
	err := fmt.Errorf("delete delivery: %s: %s", aws.ToString(f.Code), aws.ToString(f.Message))
	if f.SenderFault {
		return err
	}
	return fmt.Errorf("%w: %w", chat.ErrUnavailable, err)
}

// Ping returns an error if the queue does not exist or cannot be reached.
func (q *Queue) Ping(ctx context.Context) error {
	_, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl:       &q.url,
		AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return failure("ping SQS", err)
	}
	return nil
}
