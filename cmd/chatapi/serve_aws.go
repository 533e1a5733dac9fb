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

// checkTimeout limits the check of all engines before the server starts.
const checkTimeout = 15 * time.Second

// serveAWS serves the API from the engines that the environment names. It creates
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
	announce(stdout, listener, "from the engines that its environment names", access)
	return local.Serve(ctx, newLog(stderr), listener, ports, options)
}

// checkAWS returns an error that names the first table, queue or engine that
// does not exist.
func checkAWS(ctx context.Context, ports chat.Ports) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
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

// checkTables returns an error if a table does not exist.
func checkTables(ctx context.Context, cfg aws.Config, tables dynamo.Tables) error {
	client := dynamodb.NewFromConfig(cfg)
	for _, t := range tableVariables(&tables) {
		_, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: t.table})
		var missing *dynamodbtypes.ResourceNotFoundException
		if errors.As(err, &missing) {
			return fmt.Errorf("invalid %s %q: the table does not exist; %s", t.variable, *t.table, createIt)
		}
		if err != nil {
			return fmt.Errorf("describe table %s: %w", *t.table, err)
		}
	}
	return nil
}

// checkQueue returns an error if the queue, whose URL is in a variable, does not
// exist.
func checkQueue(ctx context.Context, queue *sqs.Queue, variable string) error {
	err := queue.Ping(ctx)
	var missing *sqstypes.QueueDoesNotExist
	if errors.As(err, &missing) {
		return fmt.Errorf("invalid %s %q: the queue does not exist; %s", variable, os.Getenv(variable), createIt)
	}
	if err != nil {
		return fmt.Errorf("check queue %s: %w", os.Getenv(variable), err)
	}
	return nil
}

// createIt says how to create a table or queue.
const createIt = `"chatapi setup" creates it on emulators`
