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

// backendFlags select the backend of an operator's command.
type backendFlags struct {
	backend, data *string
}

func addBackendFlags(cmd *cobra.Command, getenv func(string) string) backendFlags {
	flags := cmd.Flags()
	return backendFlags{
		backend: flags.String("backend", "embedded",
			"`NAME` of the backend: embedded, a data folder that no server has open; "+
				"or aws, the tables, queues and index that the environment names"),
		data: flags.String("data", cmp.Or(getenv("CHATAPI_DATA"), defaultData),
			"data `FOLDER` of the embedded backend, or CHATAPI_DATA"),
	}
}

// embedded reports whether the backend is a data folder.
func (f backendFlags) embedded(cmd *cobra.Command) (bool, error) { return isEmbedded(cmd, *f.backend) }

// isEmbedded reports whether a value of --backend means a data folder. It returns an
// error if the value, or --data with it, is invalid.
func isEmbedded(cmd *cobra.Command, backend string) (bool, error) {
	switch {
	case backend == "embedded":
		return true, nil
	case backend != "aws":
		return false, cli.Usagef("invalid --backend %q: want embedded or aws", backend)
	case cmd.Flags().Changed("data"):
		return false, cli.Usagef("invalid --data with --backend aws: want --backend embedded, or no --data")
	default:
		return false, nil
	}
}

// backend is the opened backend of a command.
type backend struct {
	chat.Ports
	shared bool // others may use the backend concurrently
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
		return nil, explainInUse(err)
	}
	return &backend{Ports: b.Ports, close: b.Close}, nil
}

// drain stores the creates and indexes the changes that a stopped server left in a
// data folder. On AWS the functions do that.
func (b *backend) drain(ctx context.Context, log *slog.Logger) error {
	if b.shared {
		return nil
	}
	return local.Drain(ctx, log, b.Ports)
}

// explainInUse adds what to do to the error of a folder that a server has open.
func explainInUse(err error) error {
	if errors.Is(err, embedded.ErrInUse) {
		return errors.Join(err, errors.New("stop the server first"))
	}
	return err
}

// openAWS returns the ports of the engines that the environment names.
func openAWS(ctx context.Context) (chat.Ports, error) {
	cfg, err := loadAWS(ctx)
	if err != nil {
		return chat.Ports{}, err
	}
	names, err := awsbackend.ConfigFromEnv()
	if err := errors.Join(err, checkEndpoints(services(cfg))); err != nil {
		return chat.Ports{}, err
	}
	return awsbackend.New(cfg, names)
}
