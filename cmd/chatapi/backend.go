package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"chatapi/internal/cli"
	"chatapi/pkg/awsbackend"
	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
	"chatapi/pkg/local"

	"github.com/spf13/cobra"
)

// backendFlags select the backend of a command that repairs.
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

// backend is the ports that a command works on.
type backend struct {
	chat.Ports
	shared bool // others may use it at the same time
	close  func() error
}

// open opens the backend that the flags name.
func (f backendFlags) open(cmd *cobra.Command, log *slog.Logger) (*backend, error) {
	inFolder, err := f.embedded(cmd)
	if err != nil {
		return nil, err
	}
	if !inFolder {
		ports, err := openAWS(cmd.Context())
		return &backend{Ports: ports, shared: true, close: func() error { return nil }}, err
	}
	b, err := embedded.Open(*f.data, embedded.Options{Existing: true, Log: log})
	if err != nil {
		return nil, stopServer(err)
	}
	return &backend{Ports: b.Ports, close: b.Close}, nil
}

// drain stores and indexes what a stopped server has left in the queue and the
// stream. On AWS the functions do that.
func (b *backend) drain(ctx context.Context, log *slog.Logger) error {
	if b.shared {
		return nil
	}
	return local.Drain(ctx, log, b.Ports)
}

// stopServer adds what to do if a server has the folder open.
func stopServer(err error) error {
	if errors.Is(err, embedded.ErrInUse) {
		return errors.Join(err, errors.New("stop the server first"))
	}
	return err
}

// openAWS returns the ports that the environment names.
func openAWS(ctx context.Context) (chat.Ports, error) {
	cfg, err := loadAWS(ctx)
	if err != nil {
		return chat.Ports{}, err
	}
	names, err := awsbackend.ConfigFromEnv()
	if err := errors.Join(err, mixed(services(cfg))); err != nil {
		return chat.Ports{}, err
	}
	return awsbackend.New(cfg, names)
}
