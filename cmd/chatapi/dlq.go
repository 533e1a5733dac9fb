package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"chatapi/internal/cli"
	"chatapi/pkg/chat"
	"chatapi/pkg/redrive"

	"github.com/spf13/cobra"
)

// groupRepair is the group of the commands that repair.
const groupRepair = "repair"

// redriveLimit is the default limit of dead letters that one redrive processes.
const redriveLimit = 1000

// dlqCommand returns the command whose subcommands work on dead letters.
func dlqCommand(getenv func(string) string) *cobra.Command {
	cmd := cli.Group(&cobra.Command{
		Use:     "dlq",
		Short:   "List, show, redrive and delete dead letters: creates that were not stored, changes that were not indexed",
		GroupID: groupRepair,
	})
	cmd.AddCommand(dlqListCommand(getenv), dlqShowCommand(getenv), dlqRedriveCommand(getenv), dlqDeleteCommand(getenv))
	return cmd
}

// letterSource is a source of dead letters and their handler.
type letterSource struct {
	name    string
	letters chat.DeadLetters
	handler redrive.Handler
}

// letterSources returns the sources of dead letters of a backend.
func letterSources(p chat.Ports) []letterSource {
	return []letterSource{
		{"creates", p.CreateDeadLetters, redrive.Creates{Store: p.Store}},
		{"stream", p.ChangeDeadLetters, redrive.Changes{Store: p.Store, Index: p.Index, Batches: p.Batches}},
	}
}

// lettersAction is what a command does with the dead letters of some sources.
type lettersAction func(ctx context.Context, sources []letterSource, args []string, stdout io.Writer) error

// onLetters sets run as the action of a command on dead letters, of one source or
// of all.
func onLetters(cmd *cobra.Command, getenv func(string) string, run lettersAction) *cobra.Command {
	backend := addBackendFlags(cmd, getenv)
	source := cmd.Flags().String("source", "", "only dead letters of this `SOURCE`: creates or stream (default both)")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if *source != "" && *source != "creates" && *source != "stream" {
			return cli.Usagef("invalid --source %q: want creates or stream", *source)
		}
		b, err := backend.open(cmd, newLog(cmd.ErrOrStderr()))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.close()) }()
		sources := slices.DeleteFunc(letterSources(b.Ports), func(s letterSource) bool {
			return *source != "" && s.name != *source
		})
		return run(cmd.Context(), sources, args, cmd.OutOrStdout())
	}
	return cmd
}

func dlqListCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters: id, source, time, what each is about, and the reason",
		Example: `  chatapi dlq list --data /var/lib/chatapi
  chatapi dlq list --backend aws --source stream`,
		Args: cli.NoArgs,
	}
	limit := cmd.Flags().Int("limit", 100, "print at most `N` dead letters of each source")
	asJSON := cmd.Flags().Bool("json", false, "print a line of JSON for each dead letter, with its body")
	return onLetters(cmd, getenv, func(ctx context.Context, sources []letterSource, _ []string, stdout io.Writer) error {
		return eachLetter(ctx, sources, nil, *limit, func(s letterSource, letter chat.DeadLetter) error {
			if *asJSON {
				return json.NewEncoder(stdout).Encode(sourced{s.name, letter})
			}
			_, err := fmt.Fprintf(stdout, "%s  %-7s  %s  %s: %s\n", letter.ID, s.name, letter.SentAt.Format(time.RFC3339),
				s.handler.Describe(letter), cmp.Or(letter.Reason, "no reason given"))
			return err
		})
	})
}

// sourced is a dead letter with the name of its source.
type sourced struct {
	Source string `json:"source"`
	chat.DeadLetter
}

func dlqShowCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show ID…",
		Short:   "Show dead letters as they arrived, with their bodies",
		Example: `  chatapi dlq show --backend aws 8c5de0f9-4a3f-4d5e-9a63-0f8f5c9c2c11`,
		Args:    someIDs,
	}
	return onLetters(cmd, getenv, func(ctx context.Context, sources []letterSource, ids []string, stdout io.Writer) error {
		found := 0
		err := eachLetter(ctx, sources, ids, len(ids), func(s letterSource, letter chat.DeadLetter) error {
			found++
			_, err := fmt.Fprintf(stdout, "id: %s\nsource: %s\nsent: %s\nabout: %s\nreason: %s\nbody: %s\n", letter.ID, s.name,
				letter.SentAt.Format(time.RFC3339), s.handler.Describe(letter), cmp.Or(letter.Reason, "none given"), letter.Body)
			return err
		})
		return cmp.Or(err, allFound(found, ids))
	})
}

func dlqRedriveCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "redrive [ID…]",
		Short: "Store or index what dead letters are about, and delete those that succeeded",
		Long: `Store the creates and index the messages that dead letters are about, and delete
each dead letter when that has succeeded. Without ids, all dead letters are
redriven. It is safe to repeat. A message is indexed as it is stored now.`,
		Example: `  chatapi dlq redrive --backend aws --dry-run
  chatapi dlq redrive --backend aws --source creates --limit 10`,
		Args: cobra.ArbitraryArgs,
	}
	limit := cmd.Flags().Int("limit", redriveLimit, "redrive at most `N` dead letters of each source")
	dryRun := cmd.Flags().Bool("dry-run", false, "only print which dead letters would be redriven")
	return onLetters(cmd, getenv, func(ctx context.Context, sources []letterSource, ids []string, stdout io.Writer) error {
		var sum redrive.Result
		for _, s := range sources {
			result, err := redrive.Run(ctx, s.letters, s.handler, redrive.Options{IDs: ids, Limit: *limit, DryRun: *dryRun,
				Report: func(letter chat.DeadLetter, err error) { reportRedrive(stdout, s, letter, err, *dryRun) }})
			sum.Redriven, sum.Failed = sum.Redriven+result.Redriven, sum.Failed+result.Failed
			if err != nil {
				return err
			}
		}
		return cmp.Or(failedLetters(sum), allFound(sum.Redriven+sum.Failed, ids))
	})
}

// reportRedrive prints what became of a dead letter.
func reportRedrive(stdout io.Writer, s letterSource, letter chat.DeadLetter, err error, dryRun bool) {
	result := "redriven"
	switch {
	case errors.Is(err, chat.ErrChangesGone):
		result = fmt.Sprintf("not redriven: %v; run chatapi verify --repair to index what is missing, "+
			"then chatapi dlq delete %s", err, letter.ID)
	case err != nil:
		result = "not redriven: " + strings.ReplaceAll(err.Error(), "\n", "; ")
	case dryRun:
		result = "would be redriven"
	}
	fmt.Fprintf(stdout, "%s  %-7s  %s: %s\n", letter.ID, s.name, s.handler.Describe(letter), result)
}

// failedLetters returns an error if dead letters were not redriven.
func failedLetters(r redrive.Result) error {
	if r.Failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %s not redriven", r.Failed, cli.Count(r.Failed+r.Redriven, "dead letter"))
}

func dlqDeleteCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete ID…",
		Short:   "Delete dead letters without storing or indexing what they are about",
		Example: `  chatapi dlq delete --data /var/lib/chatapi 17`,
		Args:    someIDs,
	}
	return onLetters(cmd, getenv, func(ctx context.Context, sources []letterSource, ids []string, stdout io.Writer) error {
		found := 0
		err := eachLetter(ctx, sources, ids, len(ids), func(s letterSource, letter chat.DeadLetter) error {
			found++
			if err := s.letters.Delete(ctx, letter); err != nil {
				return err
			}
			_, err := fmt.Fprintf(stdout, "%s  %-7s  %s: deleted\n", letter.ID, s.name, s.handler.Describe(letter))
			return err
		})
		return cmp.Or(err, allFound(found, ids))
	})
}

// someIDs returns a UsageError if there are no arguments.
func someIDs(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cli.Usagef("missing ID: want ids of dead letters, as chatapi dlq list prints them")
	}
	return nil
}

// eachLetter calls do for up to limit dead letters of each source, all or those with
// some ids, and releases them.
func eachLetter(
	ctx context.Context, sources []letterSource, ids []string, limit int, do func(letterSource, chat.DeadLetter) error,
) error {
	for _, s := range sources {
		err := redrive.Each(ctx, s.letters, ids, limit, func(letter chat.DeadLetter) error { return do(s, letter) })
		if err := errors.Join(err, s.letters.Release(context.WithoutCancel(ctx))); err != nil {
			return err
		}
	}
	return nil
}

// allFound returns an error if some of the ids were not found.
func allFound(found int, ids []string) error {
	if found >= len(ids) {
		return nil
	}
	return fmt.Errorf("%d of %s not found; want ids that chatapi dlq list prints, and that nobody else is redriving",
		len(ids)-found, cli.Count(len(ids), "dead letter"))
}
