package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"chatapi/internal/cli"
	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/embedded"
	"chatapi/pkg/opensearch"
	"chatapi/pkg/reindex"

	"github.com/spf13/cobra"
)

const reindexExamples = `  chatapi reindex --data /var/lib/chatapi
  chatapi reindex --backend aws
  chatapi reindex --backend aws --abandon`

// reindexCommand is the command that builds the search index anew from what is
// stored.
func reindexCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reindex",
		Short: "Build the search index anew from what is stored, and put it in the place of the old one",
		Long: `Build the search index anew from what is stored, and put it in the place of
the old one. On aws the old index serves meanwhile, and no search misses
anything. Called again after it was stopped, it goes on where it was.`,
		Example: reindexExamples,
		GroupID: groupRepair,
		Args:    cli.NoArgs,
	}
	backend := addBackendFlags(cmd, getenv)
	abandon := cmd.Flags().Bool("abandon", false, "remove what was built so far instead of going on")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		inFolder, err := backend.embedded(cmd)
		if err != nil {
			return err
		}
		open := openBuildOnAWS
		if inFolder {
			open = func(context.Context) (*build, error) { return openBuildInFolder(*backend.data) }
		}
		b, err := open(cmd.Context())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.close()) }()
		if *abandon {
			return b.Abandon(cmd.Context())
		}
		return runReindex(cmd.Context(), b, cmd.OutOrStdout())
	}
	return cmd
}

// build is an index that is built anew, and the rows that it is built from.
type build struct {
	abandonable
	scanner chat.Scanner
	close   func() error
}

type abandonable interface {
	chat.Rebuild
	Abandon(ctx context.Context) error
}

func openBuildInFolder(data string) (*build, error) {
	b, err := embedded.OpenRebuild(data)
	if err != nil {
		return nil, stopServer(err)
	}
	return &build{abandonable: b, scanner: b.Scanner, close: b.Close}, nil
}

func openBuildOnAWS(ctx context.Context) (*build, error) {
	cfg, err := loadAWS(ctx)
	if err != nil {
		return nil, err
	}
	store, noTables := dynamo.FromEnv(cfg)
	index, noIndex := opensearch.FromEnv(cfg)
	if err := errors.Join(noTables, noIndex, mixed(services(cfg))); err != nil {
		return nil, err
	}
	b, err := index.Rebuild(ctx)
	if err != nil {
		return nil, err
	}
	return &build{abandonable: b, scanner: store, close: func() error { return nil }}, nil
}

func runReindex(ctx context.Context, b *build, stdout io.Writer) error {
	begun := time.Now()
	if p := b.Progress(); p.Messages > 0 {
		fmt.Fprintf(stdout, "going on after %d messages\n", p.Messages)
	}
	result, err := reindex.New(b.scanner, b, reindex.Options{Report: func(p chat.Progress) {
		fmt.Fprintf(stdout, "%d messages after %v\n", p.Messages, time.Since(begun).Round(time.Second))
	}}).Run(ctx)
	if err != nil {
		return fmt.Errorf("%w; call reindex again to go on", err)
	}
	fmt.Fprintf(stdout, "the new index is live: %d messages, and %d changes meanwhile, in %v\n",
		result.Messages, result.Changed, time.Since(begun).Round(time.Second))
	if result.Refused > 0 {
		return fmt.Errorf("the index refused %d messages, the first because: %s", result.Refused, result.Refusal)
	}
	return nil
}
