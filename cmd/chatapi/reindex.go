package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"chatapi/internal/cli"
	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
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
		scanner, build, err := openRebuild(cmd, backend)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, build.Close()) }()
		if *abandon {
			return build.Abandon(cmd.Context())
		}
		return runReindex(cmd.Context(), scanner, build, cmd.OutOrStdout())
	}
	return cmd
}

// openRebuild begins or resumes a rebuild of the index of the backend that the
// flags name. In a data folder the index itself is not opened, because it may be
// damaged.
func openRebuild(cmd *cobra.Command, f backendFlags) (chat.Scanner, chat.Rebuild, error) {
	inFolder, err := f.embedded(cmd)
	if err != nil {
		return nil, nil, err
	}
	if inFolder {
		b, err := embedded.OpenRebuild(*f.data)
		if err != nil {
			return nil, nil, stopServer(err)
		}
		return b.Scanner, b, nil
	}
	ports, err := openAWS(cmd.Context())
	if err != nil {
		return nil, nil, err
	}
	build, err := ports.Rebuild(cmd.Context())
	return ports.Scanner, build, err
}

func runReindex(ctx context.Context, scanner chat.Scanner, build chat.Rebuild, stdout io.Writer) error {
	begun := time.Now()
	if p := build.Progress(); p.Messages > 0 {
		fmt.Fprintf(stdout, "going on after %d messages\n", p.Messages)
	}
	result, err := reindex.New(scanner, build, reindex.Options{Report: func(p chat.Progress) {
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
