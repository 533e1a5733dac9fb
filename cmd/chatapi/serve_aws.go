package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"chatapi/pkg/awsbackend"
	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/local"
	"chatapi/pkg/sqs"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// checkWithin bounds the check of all engines before the server starts.
	checkWithin = 15 * time.Second
)

// serveAWS runs the API on the engines that the environment names. It creates
// nothing, and does not start if an engine, table or queue is missing.
func serveAWS(ctx context.Context, addr string, access accessFlags, stdout, stderr io.Writer) error {
	options, err := access.options(addr)
	if err != nil {
		return err
	}
	ports, err := openAWS(ctx)
	if err != nil {
		return err
	}
	if err := checkAWS(ctx, ports); err != nil {
		return err
	}
	listener, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	announce(stdout, listener, "from the engines of its environment", access)
	return local.Serve(ctx, newLog(stderr), listener, ports, options)
}

// checkAWS returns an error that names the first table, queue or engine that
// does not exist.
func checkAWS(ctx context.Context, ports chat.Ports) error {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	cfg, err := loadAWS(ctx)
	if err != nil {
		return err
	}
	names, err := awsbackend.ConfigFromEnv()
	if err != nil {
		return err
	}
	if err := checkTables(ctx, cfg, names.Tables); err != nil {
		return err
	}
	for variable, url := range map[string]string{
		sqs.CreatesVariable: names.Queues.Creates, sqs.CreateDeadLettersVariable: names.Queues.CreateDeadLetters,
		sqs.ChangeDeadLettersVariable: names.Queues.ChangeDeadLetters,
	} {
		if err := checkQueue(ctx, sqs.New(cfg, url), variable); err != nil {
			return err
		}
	}
	return errors.Join(dynamo.NewStream(cfg, names.Tables).Ping(ctx), ports.Index.Ping(ctx))
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
