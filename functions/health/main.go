// Command health is the Lambda function behind GET /health.
package main

import (
	"context"
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
		return err
	}
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
	apigateway.Start(api.New(log, api.Health(
		api.Engine{Name: "store", Ping: store.Ping},
		api.Engine{Name: "queue", Ping: queue.Ping},
		api.Engine{Name: "index", Ping: index.Ping},
	)))
	return nil
}
