// Command create-chat is the Lambda function behind POST /api/v1/apps/{app_token}/chats.
package main

import (
	"context"
	"log/slog"
	"os"

	"chatapi/pkg/api"
	"chatapi/pkg/apigateway"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/sqs"

	"github.com/aws/aws-sdk-go-v2/config"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(context.Background(), log); err != nil {
		log.Error("create-chat does not start", "error", err)
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
	queue, err := sqs.FromEnv(cfg)
	if err != nil {
		return err
	}
	apigateway.Start(api.New(log, api.CreateChat(store, queue)))
	return nil
}
