// Command verify is the Lambda function that compares counters, counts and the
// search index with the rows, and repairs them if it is told to. It is
// invoked by hand or by a schedule.
package main

import (
	"context"
	"log/slog"
	"os"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/function"
	"chatapi/pkg/opensearch"
	"chatapi/pkg/verify"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
)

func main() { os.Exit(function.Start("verify", wire)) }

func wire(_ context.Context, cfg aws.Config, log *slog.Logger) error {
	store, err := dynamo.FromEnv(cfg)
	if err != nil {
		return err
	}
	index, err := opensearch.FromEnv(cfg)
	if err != nil {
		return err
	}
	lambda.Start(verify.Function{Ports: chat.Ports{Store: store, Auditor: store, Index: index}, Log: log}.Handle)
	return nil
}
