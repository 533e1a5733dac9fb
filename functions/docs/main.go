// Command docs is the Lambda function behind GET /docs and GET /docs/{file}.
package main

import (
	"context"
	"log/slog"
	"os"

	"chatapi/pkg/api"
	"chatapi/pkg/apigateway"
	"chatapi/pkg/docs"
	"chatapi/pkg/function"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func main() { os.Exit(function.Start("docs", wire)) }

func wire(_ context.Context, _ aws.Config, log *slog.Logger) error {
	apigateway.Start(api.New(log, docs.Operations()...))
	return nil
}
