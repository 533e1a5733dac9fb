package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"chatapi/pkg/api"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/local"
	"chatapi/pkg/opensearch"
	"chatapi/pkg/sqs"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// checkWithin bounds the check of all engines before the server starts.
	checkWithin = 15 * time.Second
	// receives is how many calls receive creates side by side: each brings at
	// most 10, and a batch of the writer on AWS has up to 100.
	receives = 10
)

// serveAWS runs the API on the engines of the SDK's environment. It creates
// nothing, and does not start where an engine, table or queue is missing.
func serveAWS(ctx context.Context, addr string, stdout, stderr io.Writer) error {
	backend, err := openAWS(ctx)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	announce(stdout, listener, "from the engines of its environment")
	return local.Serve(ctx, newLog(stderr), listener, backend)
}

// openAWS returns the backend that the variables of the functions name, once
// all of it is found to be there.
func openAWS(ctx context.Context) (local.Backend, error) {
	cfg, err := loadAWS(ctx)
	if err != nil {
		return local.Backend{}, err
	}
	tables, noTables := dynamo.TablesFromEnv()
	queue, noQueue := sqs.FromEnv(cfg)
	deadLetters, noDeadLetters := sqs.DeadLettersFromEnv(cfg)
	index, noIndex := opensearch.FromEnv(cfg)
	if err := errors.Join(noTables, noQueue, noDeadLetters, noIndex, mixed(services(cfg))); err != nil {
		return local.Backend{}, err
	}
	stream := dynamo.NewStream(cfg, tables)
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	for _, there := range []func(context.Context) error{
		func(ctx context.Context) error { return checkTables(ctx, cfg, tables) },
		stream.Ping,
		func(ctx context.Context) error { return checkQueue(ctx, queue, createsQueue) },
		func(ctx context.Context) error {
			return checkQueue(ctx, sqs.New(cfg, os.Getenv(streamDeadLetters)), streamDeadLetters)
		},
		index.Ping,
	} {
		if err := there(ctx); err != nil {
			return local.Backend{}, err
		}
	}
	store := dynamo.New(cfg, tables)
	return local.Backend{
		Ports:    api.Ports{Store: store, Queue: queue, Index: index, Readers: store, Idempotency: store},
		Receiver: local.Prefetch(queue, receives), Stream: stream, DeadLetters: deadLetters,
	}, nil
}

// checkTables returns an error where a table is not there.
func checkTables(ctx context.Context, cfg aws.Config, tables dynamo.Tables) error {
	client := dynamodb.NewFromConfig(cfg)
	for _, t := range tableVariables(&tables) {
		_, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: t.table})
		var missing *dynamodbtypes.ResourceNotFoundException
		if errors.As(err, &missing) {
			return fmt.Errorf("there is no table %s, which %s names; %s", *t.table, t.variable, createIt)
		}
		if err != nil {
			return fmt.Errorf("look for table %s: %w", *t.table, err)
		}
	}
	return nil
}

// checkQueue returns an error where the queue is not there whose URL a
// variable holds.
func checkQueue(ctx context.Context, queue *sqs.Queue, variable string) error {
	err := queue.Ping(ctx)
	var missing *sqstypes.QueueDoesNotExist
	if errors.As(err, &missing) {
		return fmt.Errorf("there is no queue %s, which %s names; %s", os.Getenv(variable), variable, createIt)
	}
	if err != nil {
		return fmt.Errorf("look for queue %s: %w", os.Getenv(variable), err)
	}
	return nil
}

const createIt = `"chatapi setup" creates it on emulators`
