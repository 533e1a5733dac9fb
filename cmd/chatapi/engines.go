package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"chatapi/internal/cli"
	"chatapi/pkg/api"
	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/embedded"
	"chatapi/pkg/local"
	"chatapi/pkg/opensearch"
	"chatapi/pkg/redrive"
	"chatapi/pkg/sqs"
	"chatapi/pkg/verify"

	"github.com/spf13/cobra"
)

// backendFlags say which engines a command that repairs works on.
type backendFlags struct {
	backend, data *string
}

func addBackendFlags(cmd *cobra.Command, getenv func(string) string) backendFlags {
	flags := cmd.Flags()
	return backendFlags{
		backend: flags.String("backend", "embedded", "`NAME` of the backend: embedded, a data folder that no server has open; or aws, the tables, queues and index that the environment names"),
		data:    flags.String("data", cmp.Or(getenv("CHATAPI_DATA"), defaultData), "the data `FOLDER` of the embedded backend, or CHATAPI_DATA"),
	}
}

// embedded reports whether the backend is a data folder.
func (f backendFlags) embedded(cmd *cobra.Command) (bool, error) {
	switch {
	case *f.backend == "embedded":
		return true, nil
	case *f.backend != "aws":
		return false, cli.Usagef("there is no backend %q, only embedded and aws", *f.backend)
	case cmd.Flags().Changed("data"):
		return false, cli.Usagef("--data is for the embedded backend; aws keeps its data in DynamoDB, SQS and OpenSearch")
	default:
		return false, nil
	}
}

// engines are what a command that repairs works on.
type engines struct {
	store   verify.Store
	index   chat.VersionIndex
	letters []letterBox
	live    bool // others may be at work on them
	// drain stores and indexes what a server that was stopped has left in the
	// queue and in the stream.
	drain func(ctx context.Context) error
	close func() error
}

// letterBox holds the dead letters of one source.
type letterBox struct {
	source  string
	letters chat.DeadLetters
	handler redrive.Handler
}

// openEngines opens the engines that the flags name.
func openEngines(cmd *cobra.Command, f backendFlags, log *slog.Logger) (*engines, error) {
	inFolder, err := f.embedded(cmd)
	if err != nil {
		return nil, err
	}
	if inFolder {
		return openFolder(*f.data, log)
	}
	return openAWSEngines(cmd.Context())
}

func openFolder(data string, log *slog.Logger) (*engines, error) {
	b, err := embedded.Open(data, embedded.Options{Existing: true, Log: log})
	if err != nil {
		return nil, stopServer(err)
	}
	drain := func(ctx context.Context) error {
		return local.Drain(ctx, log, local.Backend{
			Ports:    api.Ports{Store: b.Store, Queue: b.Queue, Index: b.Index, Readers: b.Store, Idempotency: b.Idempotency},
			Receiver: b.Queue, Stream: b.Stream, DeadLetters: b.DeadLetters,
		})
	}
	return &engines{
		store: b.Store, index: b.Index, drain: drain, close: b.Close,
		letters: []letterBox{
			{"creates", b.DeadLetters.Letters(embedded.SourceCreates), redrive.Creates{Store: b.Store}},
			{"stream", b.DeadLetters.Letters(embedded.SourceStream), redrive.Changes{Store: b.Store, Index: b.Index}},
		},
	}, nil
}

// stopServer tells what to do where a server has the folder open.
func stopServer(err error) error {
	if errors.Is(err, embedded.ErrInUse) {
		return errors.Join(err, errors.New("stop the server first"))
	}
	return err
}

func openAWSEngines(ctx context.Context) (*engines, error) {
	cfg, err := loadAWS(ctx)
	if err != nil {
		return nil, err
	}
	tables, noTables := dynamo.TablesFromEnv()
	_, noQueue := sqs.FromEnv(cfg)
	changes, noDeadLetters := sqs.StreamLettersFromEnv(cfg)
	index, noIndex := opensearch.FromEnv(cfg)
	if err := errors.Join(noTables, noQueue, noDeadLetters, noIndex, mixed(services(cfg))); err != nil {
		return nil, err
	}
	creates, err := sqs.CreatesLettersFromEnv(ctx, cfg)
	if err != nil {
		return nil, err
	}
	store := dynamo.New(cfg, tables)
	return &engines{
		store: store, index: index, live: true,
		drain: func(context.Context) error { return nil }, // the functions do that
		close: func() error { return nil },
		letters: []letterBox{
			{"creates", creates, redrive.Creates{Store: store}},
			{"stream", changes, redrive.Changes{Store: store, Index: index, Stream: dynamo.NewStream(cfg, tables)}},
		},
	}, nil
}
