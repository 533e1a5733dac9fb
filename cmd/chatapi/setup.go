package main

import (
	"cmp"
	"context"
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
	// setupTimeout limits a setup.
	setupTimeout = 2 * time.Minute
	// visibility is how long a delivery is hidden from other receivers. It must
	// not be shorter than the writer may take for a batch.
	visibility = embedded.DefaultVisibility
)

// tableVariable is a table and the environment variable that names it.
type tableVariable struct {
	variable string
	table    *string
	suffix   string // of the name that setup chooses
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

// setupCommand returns the command that creates the tables, queues and index that
// do not exist yet, and prints the variables that name them.
func setupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "setup",
		Short:   "Create tables, queues and index on emulators, and print the variables that name them",
		Example: setupExamples,
		GroupID: cli.GroupServer,
		Args:    cli.NoArgs,
	}
	name := cmd.Flags().String("name", "chatapi", "`PREFIX` of the names of tables and queues that no variable names")
	realAWS := cmd.Flags().Bool("real-aws", false,
		"create them in an AWS account, without the backups, alarms and permissions of template.yaml")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), setupTimeout)
		defer cancel()
		created, err := setUp(ctx, *name, *realAWS)
		if err != nil {
			return err
		}
		for _, v := range created {
			fmt.Fprintf(cmd.OutOrStdout(), "export %s='%s'\n", v.name, strings.ReplaceAll(v.value, "'", `'\''`))
		}
		return nil
	}
	return cmd
}

const setupExamples = `  export AWS_ENDPOINT_URL=http://127.0.0.1:4566 OPENSEARCH_ENDPOINT=http://127.0.0.1:9200
  eval "$(chatapi setup)" && chatapi serve --backend aws`

// variable is an environment variable.
type variable struct{ name, value string }

// setUp creates what does not exist, and returns the variables that name the tables
// and queues.
func setUp(ctx context.Context, prefix string, realAWS bool) ([]variable, error) {
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
	tables, err := setUpTables(ctx, cfg, prefix)
	if err != nil {
		return nil, err
	}
	queues, err := setUpQueues(ctx, cfg, prefix)
	if err != nil {
		return nil, err
	}
	if err := index.Setup(ctx); err != nil {
		return nil, err
	}
	return append(tables, queues...), nil
}

// refuseAWS returns an error if anything would be created on AWS.
func refuseAWS(all []service, index string) error {
	for _, s := range all {
		if s.onAWS() {
			return fmt.Errorf("invalid endpoint of %s: it is on AWS; "+
				"want an emulator in AWS_ENDPOINT_URL or %s, or --real-aws; %s", s.name, s.variable, deployIt)
		}
	}
	if isAWS(index) {
		return fmt.Errorf("invalid endpoint of OpenSearch: it is on AWS; want another server in OPENSEARCH_ENDPOINT, "+
			"or --real-aws; %s", deployIt)
	}
	return nil
}

// deployIt says how to create what setup creates on AWS.
const deployIt = "to deploy on AWS, use template.yaml"

func setUpTables(ctx context.Context, cfg aws.Config, prefix string) (variables []variable, err error) {
	var tables dynamo.Tables
	for _, t := range tableVariables(&tables) {
		*t.table = cmp.Or(os.Getenv(t.variable), prefix+"-"+t.suffix)
		variables = append(variables, variable{t.variable, *t.table})
	}
	return variables, dynamo.New(cfg, tables).CreateTables(ctx)
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
