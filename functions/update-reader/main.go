// Command update-reader is the Lambda function behind
// PUT /api/v1/apps/{app_token}/chats/{chat_number}/readers/{reader}.
package main

import (
	"context"
	"log/slog"
	"os"

	"chatapi/pkg/api"
	"chatapi/pkg/apigateway"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/function"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func main() { os.Exit(function.Start("update-reader", wire)) }

func wire(_ context.Context, cfg aws.Config, log *slog.Logger) error {
	store, err := dynamo.FromEnv(cfg)
	if err != nil {
		return err
	}
	apigateway.Start(api.New(log, api.UpdateReader(store)))
	return nil
}
