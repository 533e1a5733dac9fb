package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// MaxReceives is how often a create is delivered before SQS makes it a dead
// letter: the maxReceiveCount of template.yaml, which says why.
const MaxReceives = 500

// URLs are the URLs of a service's queues.
type URLs struct {
	Creates           string
	CreateDeadLetters string // creates that were not stored
	ChangeDeadLetters string // changes that were not indexed
}

// The environment variables that hold the URLs.
const (
	CreatesVariable           = "CREATES_QUEUE_URL"
	CreateDeadLettersVariable = "CREATES_DEAD_LETTERS_URL"
	ChangeDeadLettersVariable = "STREAM_DEAD_LETTERS_URL"
)

// URLsFromEnv returns the URLs in the environment. The error names every
// variable that is missing.
func URLsFromEnv() (URLs, error) {
	creates, noCreates := urlFromEnv(CreatesVariable)
	createDeadLetters, noCreateDeadLetters := urlFromEnv(CreateDeadLettersVariable)
	changeDeadLetters, noChangeDeadLetters := urlFromEnv(ChangeDeadLettersVariable)
	return URLs{creates, createDeadLetters, changeDeadLetters},
		errors.Join(noCreates, noCreateDeadLetters, noChangeDeadLetters)
}

func urlFromEnv(name string) (string, error) {
	if url := os.Getenv(name); url != "" {
		return url, nil
	}
	return "", fmt.Errorf("the environment variable %s must hold the URL of an SQS queue", name)
}

// CreateQueues creates the queues, named by the ends of the URLs, for emulators
// and tests; existing queues get the same settings. It returns their URLs. The
// visibility timeout of the creates is in whole seconds; after maxReceives
// deliveries a create becomes a dead letter. On AWS the stack's template creates
// the queues.
func CreateQueues(
	ctx context.Context, cfg aws.Config, names URLs, visibility time.Duration, maxReceives int,
) (URLs, error) {
	client := sqs.NewFromConfig(cfg)
	var urls URLs
	for _, q := range []struct {
		name string
		url  *string
	}{
		{names.CreateDeadLetters, &urls.CreateDeadLetters},
		{names.ChangeDeadLetters, &urls.ChangeDeadLetters},
		{names.Creates, &urls.Creates},
	} {
		var err error
		if *q.url, err = create(ctx, client, path.Base(q.name)); err != nil {
			return URLs{}, err
		}
	}
	redrive, err := redrivePolicy(ctx, client, urls.CreateDeadLetters, maxReceives)
	if err != nil {
		return URLs{}, err
	}
	_, err = client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
		QueueUrl: &urls.Creates,
		Attributes: map[string]string{
			string(types.QueueAttributeNameVisibilityTimeout): strconv.Itoa(int(visibility / time.Second)),
			string(types.QueueAttributeNameRedrivePolicy):     redrive,
		},
	})
	if err != nil {
		return URLs{}, failure("set up queue "+names.Creates, err)
	}
	return urls, nil
}

// NamesWithPrefix returns names of queues that begin with a prefix.
func NamesWithPrefix(prefix string) URLs {
	return URLs{
		Creates: prefix + "-creates", CreateDeadLetters: prefix + "-creates-dead-letters",
		ChangeDeadLetters: prefix + "-stream-dead-letters",
	}
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
func redrivePolicy(ctx context.Context, client *sqs.Client, deadLettersURL string, maxReceives int) (string, error) {
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
	}{out.Attributes[string(arn)], maxReceives})
	if err != nil {
		return "", fmt.Errorf("encode redrive policy: %w", err)
	}
	return string(policy), nil
}
