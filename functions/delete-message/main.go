// Command delete-message is the Lambda function behind
// DELETE /api/v1/apps/{app_token}/chats/{chat_number}/messages/{message_number}.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"chatapi/pkg/api"
	"chatapi/pkg/apigateway"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/function"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func main() { os.Exit(function.Start("delete-message", wire)) }

func wire(_ context.Context, cfg aws.Config, log *slog.Logger) error {
	store, err := dynamo.FromEnv(cfg)
	if err != nil {
		return err
	}
	apigateway.Start(api.New(log, api.DeleteMessage(store, time.Now)))
	return nil
}
