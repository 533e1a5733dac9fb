// Command writer is the Lambda function that stores what the Creates queue holds.
package main

import (
	"context"
	"log/slog"
	"os"

	"chatapi/pkg/dynamo"
	"chatapi/pkg/eventsource"
	"chatapi/pkg/function"
	"chatapi/pkg/sqs"
	"chatapi/pkg/writer"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
)

func main() { os.Exit(function.Start("writer", wire)) }

func wire(_ context.Context, cfg aws.Config, log *slog.Logger) error {
	store, err := dynamo.FromEnv(cfg)
	if err != nil {
		return err
	}
	deadLetters, err := sqs.CreateDeadLettersFromEnv(cfg)
	if err != nil {
		return err
	}
	lambda.Start(eventsource.Queue(writer.New(store).Write, deadLetters, log))
	return nil
}
