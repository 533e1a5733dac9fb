// Command create-chat is the Lambda function behind POST /api/v1/apps/{app_token}/chats.
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

func main() { os.Exit(function.Start("create-chat", wire)) }

func wire(_ context.Context, cfg aws.Config, log *slog.Logger) error {
	store, err := dynamo.FromEnv(cfg)
	if err != nil {
		return err
	}
	queue, err := sqs.FromEnv(cfg)
	if err != nil {
		return err
	}
	apigateway.Start(api.New(log, api.CreateChat(store, queue, store)))
	return nil
}
