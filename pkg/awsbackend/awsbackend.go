// Package awsbackend assembles the ports of a service on DynamoDB, SQS and
// OpenSearch, for processes that use all of them. Lambda functions use the
// adapters directly, so that each links only its engines.
package awsbackend

import (
	"context"
	"errors"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/opensearch"
	"chatapi/pkg/sqs"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// receives is how many calls receive creates concurrently: SQS returns at most
// 10 messages a call, and a batch of the writer on AWS has up to 99.
const receives = 10

// Config says where the engines of a service keep its data.
type Config struct {
	Tables dynamo.Tables
	Queues sqs.URLs
	Search opensearch.Config
}

// ConfigFromEnv returns the tables, queues and index that the variables of the
// functions name. The error names every variable that is missing.
func ConfigFromEnv() (Config, error) {
	tables, noTables := dynamo.TablesFromEnv()
	queues, noQueues := sqs.URLsFromEnv()
	search, noSearch := opensearch.ConfigFromEnv()
	return Config{Tables: tables, Queues: queues, Search: search}, errors.Join(noTables, noQueues, noSearch)
}

// New returns the ports of a service. It calls nothing.
func New(cfg aws.Config, c Config) (chat.Ports, error) {
	index, err := opensearch.New(cfg, c.Search)
	if err != nil {
		return chat.Ports{}, err
	}
	store, stream, queue := dynamo.New(cfg, c.Tables), dynamo.NewStream(cfg, c.Tables), sqs.New(cfg, c.Queues.Creates)
	return chat.Ports{
		Store: store, Readers: store, Idempotency: store, Auditor: store, Scanner: store,
		Queue: queue, Receiver: sqs.Prefetch(queue, receives),
		CreateDeadLetters: sqs.NewDeadLetters(cfg, c.Queues.CreateDeadLetters),
		Stream:            stream, Batches: stream,
		ChangeDeadLetters: sqs.NewDeadLetters(cfg, c.Queues.ChangeDeadLetters),
		Index:             index,
		Rebuild:           func(ctx context.Context) (chat.Rebuild, error) { return index.Rebuild(ctx) },
	}, nil
}
