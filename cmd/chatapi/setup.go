package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"chatapi/internal/cli"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/embedded"
	"chatapi/pkg/opensearch"
	"chatapi/pkg/sqs"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
)

const (
	// setupWithin bounds the whole of a setup.
	setupWithin = 2 * time.Minute
	// visibility is how long a delivery is hidden from other receivers: no
	// shorter than a batch of the writer may take.
	visibility = embedded.DefaultVisibility
)

// tableVariable is a table and the variable that names it.
type tableVariable struct {
	variable string
	table    *string
	suffix   string // of the name that setup gives it
}

func tableVariables(t *dynamo.Tables) []tableVariable {
	return []tableVariable{
		{"APPS_TABLE", &t.Apps, "apps"},
		{"CHATS_TABLE", &t.Chats, "chats"},
		{"MESSAGES_TABLE", &t.Messages, "messages"},
		{"COUNTERS_TABLE", &t.Counters, "counters"},
		{"READERS_TABLE", &t.Readers, "readers"},
		{"IDEMPOTENCY_TABLE", &t.Idempotency, "idempotency"},
	}
}

// setupCommand is the command that creates the tables, the queues and the
// index of the SDK's environment where they are missing, and prints the
// variables that name them.
func setupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "setup",
		Short:   "Create tables, queues and index on emulators, and print the variables that name them",
		Example: setupExamples,
		GroupID: cli.GroupServer,
		Args:    cli.NoArgs,
	}
	name := cmd.Flags().String("name", "chatapi", "begin of the names of tables and queues that no variable names")
	realAWS := cmd.Flags().Bool("real-aws", false, "create them in an AWS account, without the backups, alarms and rights of template.yaml")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), setupWithin)
		defer cancel()
		made, err := setUp(ctx, *name, *realAWS)
		if err != nil {
			return err
		}
		for _, v := range made {
			fmt.Fprintf(cmd.OutOrStdout(), "export %s='%s'\n", v.name, strings.ReplaceAll(v.value, "'", `'\''`))
		}
		return nil
	}
	return cmd
}

const setupExamples = `  export AWS_ENDPOINT_URL=http://127.0.0.1:4566 OPENSEARCH_ENDPOINT=http://127.0.0.1:9200
  eval "$(chatapi setup)" && chatapi serve --backend aws`

// variable is one of the environment.
type variable struct{ name, value string }

// setUp creates all that is missing and returns the variables that name it.
func setUp(ctx context.Context, name string, realAWS bool) ([]variable, error) {
	cfg, err := loadAWS(ctx)
	if err != nil {
		return nil, err
	}
	index, err := opensearch.FromEnv(cfg)
	if err != nil {
		return nil, err
	}
	if err := refuseAWS(services(cfg), os.Getenv("OPENSEARCH_ENDPOINT")); err != nil && !realAWS {
		return nil, err
	}
	tables, err := setUpTables(ctx, cfg, name)
	if err != nil {
		return nil, err
	}
	queues, err := setUpQueues(ctx, cfg, name)
	if err != nil {
		return nil, err
	}
	if err := index.Setup(ctx); err != nil {
		return nil, err
	}
	return append(tables, queues...), nil
}

// refuseAWS returns an error where anything would be created on AWS itself.
func refuseAWS(all []service, index string) error {
	for _, s := range all {
		if s.onAWS() {
			return fmt.Errorf("%s is AWS's own: set AWS_ENDPOINT_URL or %s to an emulator, deploy template.yaml, or say --real-aws", s.name, s.variable)
		}
	}
	if awsHost(index) {
		return errors.New("OpenSearch is AWS's own: set OPENSEARCH_ENDPOINT to another server, deploy template.yaml, or say --real-aws")
	}
	return nil
}

func setUpTables(ctx context.Context, cfg aws.Config, name string) (made []variable, err error) {
	var tables dynamo.Tables
	for _, t := range tableVariables(&tables) {
		*t.table = cmp.Or(os.Getenv(t.variable), name+"-"+t.suffix)
		made = append(made, variable{t.variable, *t.table})
	}
	return made, dynamo.New(cfg, tables).CreateTables(ctx)
}

func setUpQueues(ctx context.Context, cfg aws.Config, prefix string) ([]variable, error) {
	names := sqs.NamesWithPrefix(prefix)
	urls, err := sqs.CreateQueues(ctx, cfg, sqs.URLs{
		Creates:           cmp.Or(os.Getenv(sqs.CreatesVariable), names.Creates),
		CreateDeadLetters: cmp.Or(os.Getenv(sqs.CreateDeadLettersVariable), names.CreateDeadLetters),
		ChangeDeadLetters: cmp.Or(os.Getenv(sqs.ChangeDeadLettersVariable), names.ChangeDeadLetters),
	}, visibility, sqs.MaxReceives)
	if err != nil {
		return nil, err
	}
	return []variable{
		{sqs.CreatesVariable, urls.Creates},
		{sqs.CreateDeadLettersVariable, urls.CreateDeadLetters},
		{sqs.ChangeDeadLettersVariable, urls.ChangeDeadLetters},
	}, nil
}
