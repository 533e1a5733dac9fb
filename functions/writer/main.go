// Command writer is the Lambda function that stores what the Creates queue holds.
package main

import (
	"context"
	"log/slog"
	"os"

	"chatapi/pkg/dynamo"
	"chatapi/pkg/writer"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(context.Background(), log); err != nil {
		log.Error("writer does not start", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	store, err := dynamo.FromEnv(cfg)
	if err != nil {
		return err
	}
	lambda.Start(writer.New(store, log).Handle)
	return nil
}
