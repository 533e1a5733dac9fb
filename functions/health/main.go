// Command health is the Lambda function behind GET /health: it asks every engine.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"chatapi/pkg/api"
	"chatapi/pkg/apigateway"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/opensearch"
	"chatapi/pkg/sqs"

	"github.com/aws/aws-sdk-go-v2/config"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(context.Background(), log); err != nil {
		log.Error("health does not start", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, log *slog.Logger) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	tables, err := dynamo.TablesFromEnv()
	if err != nil {
		return err
	}
	url, err := sqs.CreatesURLFromEnv()
	if err != nil {
		return err
	}
	domain, err := opensearch.ConfigFromEnv()
	if err != nil {
		return err
	}
	index, err := opensearch.New(cfg, domain)
	if err != nil {
		return err
	}
	handler := api.New(log, api.Health(
		api.Engine{Name: "store", Ping: dynamo.New(cfg, tables).Ping},
		api.Engine{Name: "queue", Ping: sqs.New(cfg, url).Ping},
		api.Engine{Name: "index", Ping: index.Ping},
	))
	apigateway.Start(handler)
	return nil
}
