package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"chatapi/internal/cli"
	"chatapi/pkg/chat"
	"chatapi/pkg/verify"

	"github.com/spf13/cobra"
)

const verifyExamples = `  chatapi verify --data /var/lib/chatapi
  chatapi verify --backend aws --app "$token" --repair
  chatapi verify --backend aws --json | jq -r .kind`

// verifyCommand returns the command that compares counters, counts and the index
// with the rows. It fails if differences are left, or if a count could not be
// verified.
func verifyCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "verify",
		Short:   "Compare counters, counts and the search index with the stored rows, and repair them",
		Example: verifyExamples,
		GroupID: groupRepair,
		Args:    cli.NoArgs,
	}
	backend := addBackendFlags(cmd, getenv)
	flags := cmd.Flags()
	app := flags.String("app", "", "verify the app with this `TOKEN` only")
	repair := flags.Bool("repair", false, "repair counters, counts and index")
	asJSON := flags.Bool("json", false, "print a line of JSON for each difference, and one with the totals")
	grace := flags.Duration("grace", verify.DefaultGrace,
		"`DURATION` after which a difference is compared again, because it may be in transit; only with --backend aws")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if *app != "" && !chat.ValidToken(*app) {
			return cli.Usagef("invalid --app: want an app token of %d characters", chat.TokenLength)
		}
		log := newLog(cmd.ErrOrStderr())
		b, err := backend.open(cmd, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.close()) }()
		if err := b.drain(cmd.Context(), log); err != nil {
			return err
		}
		if !b.shared {
			*grace = time.Nanosecond
		}
		out := verifyOutput{w: cmd.OutOrStdout(), json: *asJSON}
		result, err := verify.New(b.Ports, verify.Options{
			App: *app, Repair: *repair, Grace: *grace, Found: out.difference,
		}).Run(cmd.Context())
		out.result(result)
		if err != nil {
			return err
		}
		return notVerified(result, *repair)
	}
	return cmd
}

// notVerified returns an error if differences are left, or if a count could not be
// verified.
func notVerified(r verify.Result, repaired bool) error {
	switch {
	case r.Differences > 0 && repaired:
		return fmt.Errorf("%s left; run chatapi reindex to build a new index", cli.Count(r.Differences, "difference"))
	case r.Differences > 0:
		return fmt.Errorf("%s left; run chatapi verify --repair", cli.Count(r.Differences, "difference"))
	case r.Unchecked > 0:
		return fmt.Errorf("%s changed too fast to be verified; run chatapi verify again at a quieter time",
			cli.Count(r.Unchecked, "count"))
	default:
		return nil
	}
}

// verifyOutput prints differences as they are found.
type verifyOutput struct {
	w    io.Writer
	json bool
}

func (o verifyOutput) difference(d verify.Difference) {
	if o.json {
		o.object(d)
		return
	}
	end := ""
	if d.Repaired {
		end = ", repaired"
	}
	fmt.Fprintf(o.w, "%s: %s%s\n", placeOf(d), describe(d), end)
}

// placeOf returns the app or chat that a difference is in.
func placeOf(d verify.Difference) string {
	if d.Chat == 0 {
		return "app " + d.AppToken
	}
	return fmt.Sprintf("app %s chat %d", d.AppToken, d.Chat)
}

// describe returns a difference in words.
func describe(d verify.Difference) string {
	numbers := fmt.Sprintf("number %d", d.First)
	if d.Last > d.First {
		numbers = fmt.Sprintf("numbers %d to %d", d.First, d.Last)
	}
	switch d.Kind {
	case verify.Gap:
		return fmt.Sprintf("%s allocated but not stored: unused, or still to be stored", numbers)
	case verify.CounterBehind:
		return fmt.Sprintf("the counter is %d, below the highest number %d", d.Has, d.Want)
	case verify.ChatCount, verify.MessageCount:
		return fmt.Sprintf("%s is %d and should be %d", d.Kind, d.Has, d.Want)
	case verify.NoRow:
		return fmt.Sprintf("message %d is in the index but not stored", d.First)
	case verify.IndexAhead:
		return fmt.Sprintf("message %d has version %d in the index and %d stored", d.First, d.Has, d.Want)
	case verify.NotIndexed:
		if d.Has == 0 {
			return fmt.Sprintf("message %d is not in the index", d.First)
		}
		return fmt.Sprintf("message %d has version %d in the index and %d stored", d.First, d.Has, d.Want)
	default:
		return string(d.Kind)
	}
}

func (o verifyOutput) result(r verify.Result) {
	if o.json {
		o.object(r)
		return
	}
	fmt.Fprintf(o.w, "verified %s, %s, %s: %s left, %d repaired; %s\n",
		cli.Count(r.Apps, "app"), cli.Count(r.Chats, "chat"), cli.Count(r.Messages, "message"),
		cli.Count(r.Differences, "difference"), r.Repaired, cli.Count(r.Gaps, "unused number"))
	if r.Unchecked > 0 {
		fmt.Fprintf(o.w, "%s not verified\n", cli.Count(r.Unchecked, "count"))
	}
}

func (o verifyOutput) object(v any) { _ = json.NewEncoder(o.w).Encode(v) }
