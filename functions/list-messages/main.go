// Command list-messages is the Lambda function behind GET /api/v1/apps/{app_token}/chats/{chat_number}/messages.
package main

import (
	"context"
	"log/slog"
	"os"

	"chatapi/pkg/api"
	"chatapi/pkg/apigateway"
	"chatapi/pkg/dynamo"

	"github.com/aws/aws-sdk-go-v2/config"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(context.Background(), log); err != nil {
		log.Error("list-messages does not start", "error", err)
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
	apigateway.Start(api.New(log, api.ListMessages(store)))
	return nil
}
