// Command reindex is the Lambda function that builds the search index anew from
// the Messages table. It is invoked by hand, until its answer says done.
package main

import (
	"context"
	"log/slog"
	"os"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/function"
	"chatapi/pkg/opensearch"
	"chatapi/pkg/reindex"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
)

func main() { os.Exit(function.Start("reindex", wire)) }

func wire(_ context.Context, cfg aws.Config, log *slog.Logger) error {
	store, err := dynamo.FromEnv(cfg)
	if err != nil {
		return err
	}
	index, err := opensearch.FromEnv(cfg)
	if err != nil {
		return err
	}
	begin := func(ctx context.Context) (chat.Rebuild, error) { return index.Rebuild(ctx) }
	lambda.Start(reindex.Function{Scanner: store, Begin: begin, Log: log}.Handle)
	return nil
}
