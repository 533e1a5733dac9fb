package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"chatapi/pkg/client"

	"github.com/spf13/cobra"
)

// query is the words to search for, and filters.
type query struct {
	words    string
	chat     int64 // 0 for all chats of the app
	sender   string
	from, to timeFlag
}

func (r *remote) searchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "search WORD…",
		Short: "Search the messages of an app or of a chat",
		Long: `Search the messages of an app or, with --chat, of a chat. All words must match,
as words, beginnings of words or parts of words. Put a phrase into double quotes,
and the double quotes into single quotes for the shell. Without --chat, messages
are shown with their chat: 3/17 is message 17 of chat 3.`,
		Example: `  chatapi search cafe
  chatapi search --chat 1 '"opens at" 9' --sender ada --from 2026-11-01
  chatapi search cafe --limit 0 --json | jq -r .body`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return Usagef("missing WORD: want one or more words to search for")
			}
			return nil
		},
		GroupID:           groupChat,
		ValidArgsFunction: completeNothing,
	}
	var q query
	flags := cmd.Flags()
	flags.Int64Var(&q.chat, "chat", 0, "only messages of the chat with this `NUMBER`")
	flags.StringVar(&q.sender, "sender", "", "only messages of the sender with this `NAME`")
	flags.Var(&q.from, "from", "only messages created at this `TIME` or later")
	flags.Var(&q.to, "to", "only messages created before this `TIME`")
	limit := addLimit(flags, 20, "messages")
	_ = cmd.RegisterFlagCompletionFunc("chat", r.completeFlagChat)
	return r.onApp(cmd, brief, func(ctx context.Context, s *session, args []string) error {
		if q.chat < 0 {
			return Usagef("invalid --chat %d: want a number from 1", q.chat)
		}
		q.words = strings.Join(args, " ")
		return s.search(ctx, q, limit.n)
	})
}

// search prints up to limit messages that match a query.
func (s *session) search(ctx context.Context, q query, limit int) error {
	found, next := 0, ""
	for found < limit {
		messages, after, err := s.searchPage(ctx, q, min(limit-found, pageSize), next)
		if err != nil {
			return err
		}
		for _, m := range messages {
			if err := s.printFound(m, q.chat == 0); err != nil {
				return err
			}
		}
		found += len(messages)
		if next = after; next == "" {
			break
		}
	}
	if found == 0 && !s.out.json {
		s.note("nothing found")
	}
	return nil
}

// searchPage returns a page of the messages that match a query, and the cursor of
// the next page, "" after the last.
func (s *session) searchPage(
	ctx context.Context, q query, limit int, next string,
) ([]client.FoundMessage, string, error) {
	if q.chat == 0 {
		page, err := s.SearchApp(ctx, s.token, client.SearchAppParams{
			Query: q.words, Sender: q.sender, From: q.from.at, To: q.to.at, Limit: int64(limit), Next: next,
		})
		if err != nil {
			return nil, "", err
		}
		return page.Messages, parameter(page.Next, "next"), nil
	}
	page, err := s.SearchMessages(ctx, s.token, q.chat, client.SearchRequest{
		Query: q.words, Sender: q.sender, From: q.from.at, To: q.to.at, Limit: int64(limit), Next: next,
	})
	if err != nil {
		return nil, "", err
	}
	return page.Messages, page.Next, nil
}

func (s *session) printFound(m client.FoundMessage, withChat bool) error {
	if s.out.json {
		return s.out.object(m)
	}
	name := strconv.FormatInt(m.MessageNumber, 10)
	if withChat {
		name = fmt.Sprintf("%d/%s", m.ChatNumber, name)
	}
	return s.out.message(shown{name: name, at: m.CreatedAt, sender: m.Sender, body: m.Body, marks: m.Highlights})
}
