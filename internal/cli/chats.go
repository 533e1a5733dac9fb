package cli

import (
	"context"
	"strconv"

	"chatapi/pkg/client"

	"github.com/spf13/cobra"
)

func (r *remote) chatsCommand() *cobra.Command {
	cmd := Group(&cobra.Command{
		Use:     "chats",
		Short:   "Create, list, show and rename the chats of an app",
		GroupID: groupChat,
	})
	cmd.AddCommand(r.chatsCreateCommand(), r.chatsListCommand(), r.chatsGetCommand(), r.chatsRenameCommand())
	return cmd
}

func (r *remote) chatsCreateCommand() *cobra.Command {
	var metadata metadataFlag
	cmd := &cobra.Command{
		Use:   "create [TITLE]",
		Short: "Create a chat and print its number",
		Example: `  chatapi chats create Kitchen
  chatapi chats create 'Ticket 4711' --metadata customer=ada`,
		Args:              between(0, "TITLE"),
		ValidArgsFunction: completeNothing,
	}
	metadata.add(cmd.Flags())
	return r.onApp(cmd, patient, func(ctx context.Context, s *session, args []string) error {
		request := client.CreateChatRequest{Metadata: metadata.values}
		if len(args) > 0 {
			request.Title = args[0]
		}
		created, err := s.CreateChat(ctx, s.token, request, client.CreateChatParams{IdempotencyKey: keyOr("")})
		if err != nil {
			return err
		}
		if s.out.json {
			return s.out.object(created)
		}
		return s.out.line("%d", created.ChatNumber)
	})
}

func (r *remote) chatsListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List chats, the newest first",
		Example: `  chatapi chats list --limit 10
  chatapi chats list --limit 0 --json | jq -r .title`,
		Args: NoArgs,
	}
	limit := addLimit(cmd.Flags(), 50, "chats")
	return r.onApp(cmd, brief, func(ctx context.Context, s *session, _ []string) error {
		if s.out.json {
			return s.eachChat(ctx, limit.n, func(c client.Chat) error { return s.out.object(c) })
		}
		rows := [][]string{{"CHAT", "MESSAGES", "CREATED", "TITLE"}}
		err := s.eachChat(ctx, limit.n, func(c client.Chat) error {
			rows = append(rows, []string{
				strconv.FormatInt(c.ChatNumber, 10), strconv.FormatInt(c.MessageCount, 10), localTime(c.CreatedAt), inLine(c.Title),
			})
			return nil
		})
		if err != nil {
			return err
		}
		return s.out.table(rows...)
	})
}

// eachChat calls do for up to limit chats of the app, the newest first.
func (s *session) eachChat(ctx context.Context, limit int, do func(client.Chat) error) error {
	params := client.ListChatsParams{Order: "desc"}
	for found := 0; found < limit; {
		params.Limit = int64(min(limit-found, pageSize))
		page, err := s.ListChats(ctx, s.token, params)
		if err != nil {
			return err
		}
		for _, c := range page.Chats {
			if err := do(c); err != nil {
				return err
			}
			params.Before = c.ChatNumber
		}
		if found += len(page.Chats); page.Next == "" {
			break
		}
	}
	return nil
}

func (r *remote) chatsGetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "get CHAT",
		Short:             "Show a chat",
		Example:           `  chatapi chats get 1`,
		Args:              exactly("CHAT"),
		ValidArgsFunction: r.completeChats,
	}
	return r.onApp(cmd, brief, func(ctx context.Context, s *session, args []string) error {
		chat, err := number("CHAT", args[0])
		if err != nil {
			return err
		}
		found, err := s.GetChat(ctx, s.token, chat)
		if err != nil {
			return err
		}
		return s.printChat(found)
	})
}

func (r *remote) chatsRenameCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rename CHAT TITLE",
		Short: "Change the title of a chat",
		Example: `  chatapi chats rename 1 'Kitchen and garden'
  chatapi chats rename 1 ''`,
		Args:              exactly("CHAT", "TITLE"),
		ValidArgsFunction: r.completeChats,
	}
	return r.onApp(cmd, patient, func(ctx context.Context, s *session, args []string) error {
		chat, err := number("CHAT", args[0])
		if err != nil {
			return err
		}
		changed, err := s.UpdateChat(ctx, s.token, chat, client.UpdateChatRequest{Title: &args[1]})
		if err != nil {
			return err
		}
		return s.printChat(changed)
	})
}

func (s *session) printChat(c *client.Chat) error {
	if s.out.json {
		return s.out.object(c)
	}
	return s.out.table(append([][]string{
		{"chat", strconv.FormatInt(c.ChatNumber, 10)},
		{"title", inLine(c.Title)},
		{"messages", strconv.FormatInt(c.MessageCount, 10)},
		{"created", localTime(c.CreatedAt)},
		{"changed", localTime(c.UpdatedAt)},
	}, metadataRows(c.Metadata)...)...)
}
