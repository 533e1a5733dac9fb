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

// groupRepair is the group of the commands for when something went wrong.
const groupRepair = "repair"

// mostLetters is how many letters a command deals with where no flag says so.
const mostLetters = 1000

// dlqCommand holds the commands on dead letters.
func dlqCommand(getenv func(string) string) *cobra.Command {
	cmd := cli.Group(&cobra.Command{
		Use:     "dlq",
		Short:   "List, show, redrive and delete dead letters: creates that were not stored, changes that were not indexed",
		GroupID: groupRepair,
	})
	cmd.AddCommand(dlqListCommand(getenv), dlqShowCommand(getenv), dlqRedriveCommand(getenv), dlqDeleteCommand(getenv))
	return cmd
}

// letterBox holds the dead letters of one source.
type letterBox struct {
	source  string
	letters chat.DeadLetters
	handler redrive.Handler
}

func letterBoxes(p chat.Ports) []letterBox {
	return []letterBox{
		{"creates", p.CreateDeadLetters, redrive.Creates{Store: p.Store}},
		{"stream", p.ChangeDeadLetters, redrive.Changes{Store: p.Store, Index: p.Index, Batches: p.Batches}},
	}
}

// onLetters makes a command one that works on dead letters, of one source or
// of all.
func onLetters(cmd *cobra.Command, getenv func(string) string, run func(ctx context.Context, boxes []letterBox, args []string, stdout io.Writer) error) *cobra.Command {
	backend := addBackendFlags(cmd, getenv)
	source := cmd.Flags().String("source", "", "only the letters of this `SOURCE`: creates or stream")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if *source != "" && *source != "creates" && *source != "stream" {
			return cli.Usagef("there is no source %q, only creates and stream", *source)
		}
		b, err := backend.open(cmd, newLog(cmd.ErrOrStderr()))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.close()) }()
		boxes := slices.DeleteFunc(letterBoxes(b.Ports), func(box letterBox) bool { return *source != "" && box.source != *source })
		return run(cmd.Context(), boxes, args, cmd.OutOrStdout())
	}
	return cmd
}

func dlqListCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters: id, source, when, what they are about, and why they are here",
		Example: `  chatapi dlq list --data /var/lib/chatapi
  chatapi dlq list --backend aws --source stream`,
		Args: cli.NoArgs,
	}
	limit := cmd.Flags().Int("limit", 100, "letters of each source at most")
	asJSON := cmd.Flags().Bool("json", false, "print a line of JSON for each letter, with its body")
	return onLetters(cmd, getenv, func(ctx context.Context, boxes []letterBox, _ []string, stdout io.Writer) error {
		return eachLetter(ctx, boxes, nil, *limit, func(b letterBox, letter chat.DeadLetter) error {
			if *asJSON {
				return json.NewEncoder(stdout).Encode(sourced{b.source, letter})
			}
			_, err := fmt.Fprintf(stdout, "%s  %-7s  %s  %s: %s\n", letter.ID, b.source, letter.SentAt.Format(time.RFC3339),
				b.handler.Describe(letter), cmp.Or(letter.Reason, "no reason given"))
			return err
		})
	})
}

// sourced is a letter with where it comes from.
type sourced struct {
	Source string `json:"source"`
	chat.DeadLetter
}

func dlqShowCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show ID…",
		Short:   "Show dead letters as they came, with all that is in them",
		Example: `  chatapi dlq show --backend aws 8c5de0f9-4a3f-4d5e-9a63-0f8f5c9c2c11`,
		Args:    someIDs,
	}
	return onLetters(cmd, getenv, func(ctx context.Context, boxes []letterBox, ids []string, stdout io.Writer) error {
		found := 0
		err := eachLetter(ctx, boxes, ids, len(ids), func(b letterBox, letter chat.DeadLetter) error {
			found++
			_, err := fmt.Fprintf(stdout, "id: %s\nsource: %s\nsent: %s\nabout: %s\nreason: %s\nbody: %s\n", letter.ID, b.source,
				letter.SentAt.Format(time.RFC3339), b.handler.Describe(letter), cmp.Or(letter.Reason, "none given"), letter.Body)
			return err
		})
		return cmp.Or(err, allFound(found, ids))
	})
}

func dlqRedriveCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "redrive [ID…]",
		Short: "Store or index what dead letters are about, and delete those that succeeded",
		Long: `Store the creates and index the messages that dead letters are about, all or
those with some ids, and delete each letter once that succeeded. It is safe to
do again. A message is indexed as it is stored now.`,
		Example: `  chatapi dlq redrive --backend aws --dry-run
  chatapi dlq redrive --backend aws --source creates --limit 10`,
		Args: cobra.ArbitraryArgs,
	}
	limit := cmd.Flags().Int("limit", mostLetters, "letters of each source at most")
	dryRun := cmd.Flags().Bool("dry-run", false, "only say which letters would be dealt with")
	return onLetters(cmd, getenv, func(ctx context.Context, boxes []letterBox, ids []string, stdout io.Writer) error {
		var sum redrive.Result
		for _, b := range boxes {
			result, err := redrive.Run(ctx, b.letters, b.handler, redrive.Options{IDs: ids, Limit: *limit, DryRun: *dryRun,
				Report: func(letter chat.DeadLetter, err error) { reportRedrive(stdout, b, letter, err, *dryRun) }})
			sum.Redriven, sum.Failed = sum.Redriven+result.Redriven, sum.Failed+result.Failed
			if err != nil {
				return err
			}
		}
		return cmp.Or(failedLetters(sum), allFound(sum.Redriven+sum.Failed, ids))
	})
}

func reportRedrive(stdout io.Writer, b letterBox, letter chat.DeadLetter, err error, dryRun bool) {
	what := b.handler.Describe(letter)
	switch {
	case errors.Is(err, chat.ErrChangesGone):
		fmt.Fprintf(stdout, "%s  %-7s  %s: not redriven: %v; chatapi verify --repair finds and indexes what is missing, then chatapi dlq delete %s\n", letter.ID, b.source, what, err, letter.ID)
	case err != nil:
		fmt.Fprintf(stdout, "%s  %-7s  %s: not redriven: %s\n", letter.ID, b.source, what, strings.ReplaceAll(err.Error(), "\n", "; "))
	case dryRun:
		fmt.Fprintf(stdout, "%s  %-7s  %s: would be redriven\n", letter.ID, b.source, what)
	default:
		fmt.Fprintf(stdout, "%s  %-7s  %s: redriven\n", letter.ID, b.source, what)
	}
}

func failedLetters(r redrive.Result) error {
	if r.Failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d dead letters are left", r.Failed, r.Failed+r.Redriven)
}

func dlqDeleteCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete ID…",
		Short:   "Delete dead letters for good, without storing or indexing anything",
		Example: `  chatapi dlq delete --data /var/lib/chatapi 17`,
		Args:    someIDs,
	}
	return onLetters(cmd, getenv, func(ctx context.Context, boxes []letterBox, ids []string, stdout io.Writer) error {
		found := 0
		err := eachLetter(ctx, boxes, ids, len(ids), func(b letterBox, letter chat.DeadLetter) error {
			found++
			if err := b.letters.Delete(ctx, letter); err != nil {
				return err
			}
			_, err := fmt.Fprintf(stdout, "%s  %-7s  %s: deleted\n", letter.ID, b.source, b.handler.Describe(letter))
			return err
		})
		return cmp.Or(err, allFound(found, ids))
	})
}

func someIDs(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cli.Usagef("needs the ID of a letter; dlq list has them")
	}
	return nil
}

// eachLetter calls do with the letters of all boxes, or those with some ids,
// and releases them.
func eachLetter(ctx context.Context, boxes []letterBox, ids []string, limit int, do func(letterBox, chat.DeadLetter) error) error {
	for _, b := range boxes {
		err := redrive.Each(ctx, b.letters, ids, limit, func(letter chat.DeadLetter) error { return do(b, letter) })
		if err := errors.Join(err, b.letters.Release(context.WithoutCancel(ctx))); err != nil {
			return err
		}
	}
	return nil
}

// allFound returns an error where letters that were named are not there.
func allFound(found int, ids []string) error {
	if found >= len(ids) {
		return nil
	}
	return fmt.Errorf("%d of %d letters are not there, or someone else has just taken them", len(ids)-found, len(ids))
}
