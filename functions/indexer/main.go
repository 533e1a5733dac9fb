// Command indexer is the Lambda function that brings the stream of the Messages
// table into the search index, which it sets up at its cold start.
package main

import (
	"context"
	"log/slog"
	"os"

	"chatapi/pkg/indexer"
	"chatapi/pkg/opensearch"
	"chatapi/pkg/sqs"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(context.Background(), log); err != nil {
		log.Error("indexer does not start", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	index, err := opensearch.FromEnv(cfg)
	if err != nil {
		return err
	}
	deadLetters, err := sqs.DeadLettersFromEnv(cfg)
	if err != nil {
		return err
	}
	if err := index.Setup(ctx); err != nil {
		return err
	}
	lambda.Start(indexer.New(index, deadLetters, log).Handle)
	return nil
}
