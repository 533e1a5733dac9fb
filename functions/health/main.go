// Command health is the Lambda function behind GET /health.
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
	"chatapi/pkg/sqs"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func main() { os.Exit(function.Start("health", wire)) }

func wire(_ context.Context, cfg aws.Config, log *slog.Logger) error {
	store, err := dynamo.FromEnv(cfg)
	if err != nil {
		return err
	}
	queue, err := sqs.FromEnv(cfg)
	if err != nil {
		return err
	}
	index, err := opensearch.FromEnv(cfg)
	if err != nil {
		return err
	}
	apigateway.Start(api.New(log, api.Health(store, queue, index)))
	return nil
}
