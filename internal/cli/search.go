package cli

import (
	"context"
	"strconv"
	"strings"

	"chatapi/pkg/client"

	"github.com/spf13/cobra"
)

func (r *remote) searchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "search WORD…",
		Short: "Search the messages of a chat",
		Long: `Search messages: all words must match, as words, beginnings of words or parts of
words. A phrase stands in double quotes, which a shell wants quoted once more.`,
		Example: `  chatapi search --chat 1 cafe
  chatapi search --chat 1 '"opens at" 9' --sender ada --from 2026-11-01
  chatapi search --chat 1 cafe --limit 0 --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return Usagef("what is to be found?")
			}
			return nil
		},
		GroupID:           groupChat,
		ValidArgsFunction: completeNothing,
	}
	flags := cmd.Flags()
	var from, to timeFlag
	chat := flags.Int64("chat", 0, "the chat's `NUMBER`")
	sender := flags.String("sender", "", "only messages of this `NAME`")
	flags.Var(&from, "from", "only messages from this `TIME` on")
	flags.Var(&to, "to", "only messages before this `TIME`")
	limit := flags.IntP("limit", "n", 20, "messages at `MOST`; 0 for all")
	_ = cmd.RegisterFlagCompletionFunc("chat", r.completeFlagChat)
	return r.onApp(cmd, brief, func(ctx context.Context, s *session, args []string) error {
		if *chat < 1 {
			return Usagef("which chat? say --chat NUMBER")
		}
		request := client.SearchRequest{Query: strings.Join(args, " "), Sender: *sender, From: from.at, To: to.at}
		found := 0
		for left := orAll(*limit); left > 0; {
			request.Limit = int64(min(left, pageSize))
			page, err := s.SearchMessages(ctx, s.token, *chat, request)
			if err != nil {
				return err
			}
			for _, m := range page.Messages {
				if err := s.printFound(m); err != nil {
					return err
				}
			}
			found += len(page.Messages)
			left -= len(page.Messages)
			if request.Next = page.Next; request.Next == "" {
				break
			}
		}
		if found == 0 && !s.out.json {
			s.note("nothing found")
		}
		return nil
	})
}

func (s *session) printFound(m client.FoundMessage) error {
	if s.out.json {
		return s.out.object(m)
	}
	return s.out.message(shown{
		name: strconv.FormatInt(m.MessageNumber, 10), at: m.CreatedAt, sender: m.Sender, body: m.Body, marks: m.Highlights,
	})
}
