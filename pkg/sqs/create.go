package sqs

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// URLs are the URLs of the two queues that CreateQueues creates.
type URLs struct {
	Creates     string
	DeadLetters string // where creates go after chat.MaxReceives deliveries
}

// CreateQueues creates the queue name and its dead letters, for emulators and
// tests; queues that are there already get the same settings. The visibility
// timeout is in whole seconds. On AWS the stack's template creates the queues.
func CreateQueues(ctx context.Context, cfg aws.Config, name string, visibility time.Duration) (URLs, error) {
	client := sqs.NewFromConfig(cfg)
	dead, err := create(ctx, client, name+"-dead-letters")
	if err != nil {
		return URLs{}, err
	}
	creates, err := create(ctx, client, name)
	if err != nil {
		return URLs{}, err
	}
	redrive, err := redrivePolicy(ctx, client, dead)
	if err != nil {
		return URLs{}, err
	}
	_, err = client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
		QueueUrl: &creates,
		Attributes: map[string]string{
			string(types.QueueAttributeNameVisibilityTimeout): strconv.Itoa(int(visibility / time.Second)),
			string(types.QueueAttributeNameRedrivePolicy):     redrive,
		},
	})
	if err != nil {
		return URLs{}, failure("set up queue "+name, err)
	}
	return URLs{Creates: creates, DeadLetters: dead}, nil
}

func create(ctx context.Context, client *sqs.Client, name string) (url string, err error) {
	out, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		return "", failure("create queue "+name, err)
	}
	return aws.ToString(out.QueueUrl), nil
}

// redrivePolicy returns the rule that moves creates to the dead letters.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
func redrivePolicy(ctx context.Context, client *sqs.Client, deadLettersURL string) (string, error) {
	const arn = types.QueueAttributeNameQueueArn
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl:       &deadLettersURL,
		AttributeNames: []types.QueueAttributeName{arn},
	})
	if err != nil {
		return "", failure("read ARN of dead letters", err)
	}
	policy, err := json.Marshal(struct {
		Target      string `json:"deadLetterTargetArn"`
		MaxReceives int    `json:"maxReceiveCount"`
	}{out.Attributes[string(arn)], chat.MaxReceives})
	if err != nil {
		return "", fmt.Errorf("encode redrive policy: %w", err)
	}
	return string(policy), nil
}
