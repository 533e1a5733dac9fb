// Command openapi is the Lambda function behind GET /openapi.json and
// GET /openapi.yaml.
package main

import (
	"context"
	"log/slog"
	"os"

	"chatapi/pkg/api"
	"chatapi/pkg/apigateway"
	"chatapi/pkg/chat"
	"chatapi/pkg/function"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func main() { os.Exit(function.Start("openapi", wire)) }

func wire(_ context.Context, _ aws.Config, log *slog.Logger) error {
	apigateway.Start(api.New(log, api.OpenAPI(api.Operations(chat.Ports{}, api.Guard{})...)...))
	return nil
}
