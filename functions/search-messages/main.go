// Command search-messages is the Lambda function behind
// POST /api/v1/apps/{app_token}/chats/{chat_number}/messages/search.
package main

import (
	"context"
	"log/slog"
	"os"

	"chatapi/pkg/api"
	"chatapi/pkg/apigateway"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/function"
	"chatapi/pkg/opensearch"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func main() { os.Exit(function.Start("search-messages", wire)) }

func wire(_ context.Context, cfg aws.Config, log *slog.Logger) error {
	store, err := dynamo.FromEnv(cfg)
	if err != nil {
		return err
	}
	index, err := opensearch.FromEnv(cfg)
	if err != nil {
		return err
	}
	apigateway.Start(api.New(log, api.SearchMessages(store, index)))
	return nil
}
