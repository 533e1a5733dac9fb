// Command create-message is the Lambda function behind POST /api/v1/apps/{app_token}/chats/{chat_number}/messages.
package main

import (
	"context"
	"log/slog"
	"os"

	"chatapi/pkg/api"
	"chatapi/pkg/apigateway"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/function"
	"chatapi/pkg/sqs"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func main() { os.Exit(function.Start("create-message", wire)) }

func wire(_ context.Context, cfg aws.Config, log *slog.Logger) error {
	store, err := dynamo.FromEnv(cfg)
	if err != nil {
		return err
	}
	queue, err := sqs.FromEnv(cfg)
	if err != nil {
		return err
	}
	apigateway.Start(api.New(log, api.CreateMessage(store, queue, store)))
	return nil
}
