// Command indexer is the Lambda function that brings the stream of the Messages
// table into the search index, which it sets up at its cold start.
package main

import (
	"context"
	"log/slog"
	"os"

	"chatapi/pkg/eventsource"
	"chatapi/pkg/function"
	"chatapi/pkg/indexer"
	"chatapi/pkg/opensearch"
	"chatapi/pkg/sqs"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
)

func main() { os.Exit(function.Start("indexer", wire)) }

func wire(ctx context.Context, cfg aws.Config, log *slog.Logger) error {
	index, err := opensearch.FromEnv(cfg)
	if err != nil {
		return err
	}
	deadLetters, err := sqs.ChangeDeadLettersFromEnv(cfg)
	if err != nil {
		return err
	}
	if err := index.Setup(ctx); err != nil {
		return err
	}
	lambda.Start(eventsource.Stream(indexer.New(index).Index, deadLetters, log))
	return nil
}
