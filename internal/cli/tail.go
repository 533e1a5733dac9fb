package cli

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"chatapi/internal/follow"
	"chatapi/pkg/client"

	"github.com/spf13/cobra"
)

// The time between two polls of tail. It grows from the minimum to the maximum
// while no message arrives.
const (
	minPollInterval = 200 * time.Millisecond
	maxPollInterval = 3 * time.Second
)

func (r *remote) tailCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tail CHAT",
		Short: "Show the last messages of a chat and follow it until Ctrl-C",
		Long: `Show the last messages of a chat, then new ones until Ctrl-C, in the order of
their numbers, each once.

A message may be stored a moment after one with a higher number. While a number
is missing, the messages above it are held back for at most --wait, because a
number can also stay unused. A void number is not waited for.`,
		Example: `  chatapi tail 1
  chatapi tail 1 --lines 100 --follow=false
  chatapi tail 1 --json | jq --unbuffered -r .body`,
		Args:              exactly("CHAT"),
		GroupID:           groupChat,
		ValidArgsFunction: r.completeChats,
	}
	lines := cmd.Flags().IntP("lines", "n", 10, "show the last `N` messages first")
	following := cmd.Flags().BoolP("follow", "f", true, "then show new messages until Ctrl-C")
	wait := cmd.Flags().Duration("wait", 10*time.Second, "maximum `DURATION` of waiting for a missing number")
	return r.onApp(cmd, stubborn, func(ctx context.Context, s *session, args []string) error {
		chat, err := number("CHAT", args[0])
		if err != nil {
			return err
		}
		if *lines < 0 || *lines > pageSize {
			return Usagef("invalid --lines %d: want 0 to %d", *lines, pageSize)
		}
		after, err := s.before(ctx, chat, *lines)
		if err != nil {
			return err
		}
		err = s.tail(ctx, follow.New(s.messages(chat), after, *wait), *following)
		if ctx.Err() != nil {
			return nil // Ctrl-C is not an error
		}
		return err
	})
}

// before returns the number below that of the first of the last messages of a chat.
func (s *session) before(ctx context.Context, chat int64, last int) (int64, error) {
	page, err := s.ListMessages(ctx, s.token, chat, client.ListMessagesParams{Limit: int64(max(last, 1)), Order: "desc"})
	switch {
	case err != nil:
		return 0, err
	case len(page.Messages) == 0:
		return 0, nil
	case last == 0:
		return page.Messages[0].MessageNumber, nil
	case len(page.Messages) < last:
		return 0, nil
	}
	return page.Messages[last-1].MessageNumber - 1, nil
}

// messages returns the list of a chat's messages.
func (s *session) messages(chat int64) follow.List[client.ListedMessage] {
	return func(ctx context.Context, after int64) (follow.Page[client.ListedMessage], error) {
		page, err := s.ListMessages(ctx, s.token, chat, client.ListMessagesParams{Limit: pageSize, After: after})
		if err != nil {
			return follow.Page[client.ListedMessage]{}, err
		}
		found := follow.Page[client.ListedMessage]{More: page.Next != "", At: s.serverTime()}
		for _, m := range page.Messages {
			found.Rows = append(found.Rows, follow.Row[client.ListedMessage]{
				Number: m.MessageNumber, At: createdAt(m), Item: m, Void: m.Void,
			})
		}
		return found, nil
	}
}

// createdAt returns when a message was created. For a tombstone it returns when the
// message was deleted, which is not earlier.
func createdAt(m client.ListedMessage) time.Time {
	if !m.DeletedAt.IsZero() {
		return m.DeletedAt
	}
	return m.CreatedAt
}

// tail prints the messages that a reader returns, until it has caught up or, if
// following, until the context ends. If following, it retries after temporary
// errors.
func (s *session) tail(ctx context.Context, reader *follow.Reader[client.ListedMessage], following bool) error {
	poll := minPollInterval
	for {
		rows, state, err := reader.Next(ctx)
		if err != nil && !(following && temporary(err)) {
			return err
		}
		for _, row := range rows {
			if err := s.printMessage(row.Item); err != nil {
				return err
			}
		}
		switch {
		case state == follow.More:
			poll = minPollInterval
			continue
		case state == follow.CaughtUp && !following:
			return nil
		case state == follow.Waiting || len(rows) > 0:
			poll = minPollInterval
		default:
			poll = min(poll*3/2, maxPollInterval)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(poll):
		}
	}
}

// temporary reports whether a request may succeed later: there was no response, or
// its status is 429 or 5xx.
func temporary(err error) bool {
	var problem *client.Problem
	var failed *url.Error
	return errors.As(err, &failed) || errors.As(err, &problem) && (problem.Status >= 500 || problem.Status == 429)
}

func (s *session) printMessage(m client.ListedMessage) error {
	if s.out.json {
		return s.out.object(m)
	}
	return s.out.message(shown{
		name: strconv.FormatInt(m.MessageNumber, 10), at: createdAt(m), sender: m.Sender, body: m.Body,
		deleted: !m.DeletedAt.IsZero(),
	})
}
