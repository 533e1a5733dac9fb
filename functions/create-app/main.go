// Command create-app is the Lambda function behind POST /api/v1/apps.
package main

import (
	"context"
	"log/slog"
	"os"

	"chatapi/pkg/api"
	"chatapi/pkg/apigateway"
	"chatapi/pkg/auth"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/function"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func main() { os.Exit(function.Start("create-app", wire)) }

func wire(_ context.Context, cfg aws.Config, log *slog.Logger) error {
	store, err := dynamo.FromEnv(cfg)
	if err != nil {
		return err
	}
	admin, err := auth.AdminFromEnv(os.Getenv)
	if err != nil {
		return err
	}
	apigateway.Start(api.New(log, api.CreateApp(store, store, api.Guard{Admin: admin})))
	return nil
}
