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

// verifyCommand is the command that compares counters, counts and the index
// with the rows. It fails where differences are left, or a count is not known
// to be right.
func verifyCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "verify",
		Short:   "Compare counters, counts and the search index with what is stored, and repair them",
		Example: verifyExamples,
		GroupID: groupRepair,
		Args:    cli.NoArgs,
	}
	backend := addBackendFlags(cmd, getenv)
	flags := cmd.Flags()
	app := flags.String("app", "", "verify the app with this `TOKEN` only")
	repair := flags.Bool("repair", false, "repair counters, counts and index")
	asJSON := flags.Bool("json", false, "print a line of JSON for each difference, and one with the sums")
	grace := flags.Duration("grace", verify.DefaultGrace, "how long what differs is given to arrive, where others are at work")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if *app != "" && !chat.ValidToken(*app) {
			return cli.Usagef("--app must be an app token of %d characters", chat.TokenLength)
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

// notVerified returns an error where differences are left, or a count is not
// known to be right.
func notVerified(r verify.Result, repaired bool) error {
	switch {
	case r.Differences > 0 && repaired:
		return fmt.Errorf("%d differences are left; a new index mends them: chatapi reindex", r.Differences)
	case r.Differences > 0:
		return fmt.Errorf("%d differences are left; --repair mends them", r.Differences)
	case r.Unchecked > 0:
		return fmt.Errorf("%d counts changed too fast to be counted; verify again when there is less to do", r.Unchecked)
	default:
		return nil
	}
}

// verifyOutput prints what is found while it is found.
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

func placeOf(d verify.Difference) string {
	if d.Chat == 0 {
		return "app " + d.AppToken
	}
	return fmt.Sprintf("app %s chat %d", d.AppToken, d.Chat)
}

func describe(d verify.Difference) string {
	numbers := fmt.Sprintf("number %d", d.First)
	if d.Last > d.First {
		numbers = fmt.Sprintf("numbers %d to %d", d.First, d.Last)
	}
	switch d.Kind {
	case verify.Gap:
		return fmt.Sprintf("%s given out and not stored: unused, or on its way", numbers)
	case verify.CounterBehind:
		return fmt.Sprintf("the counter is %d, below the highest number %d", d.Has, d.Want)
	case verify.ChatCount, verify.MessageCount:
		return fmt.Sprintf("%s is %d and should be %d", d.Kind, d.Has, d.Want)
	case verify.NoRow:
		return fmt.Sprintf("message %d is in the index and not stored", d.First)
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
	fmt.Fprintf(o.w, "verified %d apps, %d chats, %d messages: %d differences left, %d repaired; %d unused numbers\n",
		r.Apps, r.Chats, r.Messages, r.Differences, r.Repaired, r.Gaps)
	if r.Unchecked > 0 {
		fmt.Fprintf(o.w, "%d counts are not verified\n", r.Unchecked)
	}
}

func (o verifyOutput) object(v any) { _ = json.NewEncoder(o.w).Encode(v) }
