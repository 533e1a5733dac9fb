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

// reindexCommand returns the command that builds a new search index from the rows.
func reindexCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reindex",
		Short: "Build a new search index from what is stored, and switch to it",
		Long: `Build a new search index from what is stored, and switch to it. On aws the old
index serves meanwhile, and no search misses a message. A reindex that was stopped
continues when it is run again.`,
		Example: reindexExamples,
		GroupID: groupRepair,
		Args:    cli.NoArgs,
	}
	backend := addBackendFlags(cmd, getenv)
	abandon := cmd.Flags().Bool("abandon", false, "remove what was built so far instead of continuing")
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

// openRebuild begins or resumes a rebuild of the index of the backend that the flags
// select. It does not open the index of a data folder, because it may be damaged.
func openRebuild(cmd *cobra.Command, f backendFlags) (chat.Scanner, chat.Rebuild, error) {
	inFolder, err := f.embedded(cmd)
	if err != nil {
		return nil, nil, err
	}
	if inFolder {
		b, err := embedded.OpenRebuild(*f.data)
		if err != nil {
			return nil, nil, explainInUse(err)
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

// runReindex runs a rebuild and prints its progress.
func runReindex(ctx context.Context, scanner chat.Scanner, build chat.Rebuild, stdout io.Writer) error {
	start := time.Now()
	if p := build.Progress(); p.Messages > 0 {
		fmt.Fprintf(stdout, "continuing after %s\n", cli.Count(p.Messages, "message"))
	}
	result, err := reindex.New(scanner, build, reindex.Options{Report: func(p chat.Progress) {
		fmt.Fprintf(stdout, "%s after %v\n", cli.Count(p.Messages, "message"), time.Since(start).Round(time.Second))
	}}).Run(ctx)
	if err != nil {
		return fmt.Errorf("%w; run chatapi reindex again to continue", err)
	}
	fmt.Fprintf(stdout, "the new index is live: %s, and %s meanwhile, in %v\n",
		cli.Count(result.Messages, "message"), cli.Count(result.Changed, "change"), time.Since(start).Round(time.Second))
	if result.Refused > 0 {
		return fmt.Errorf("the index refused %s, the first because: %s",
			cli.Count(result.Refused, "message"), result.Refusal)
	}
	return nil
}
