package cli

import (
	"context"

	"chatapi/pkg/client"

	"github.com/spf13/cobra"
)

func (r *remote) editCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "edit CHAT MESSAGE TEXT",
		Short: "Replace the text of a message",
		Example: `  chatapi edit 1 17 'Hello, the café opens at 10'
  fortune | chatapi edit 1 17 -`,
		Args:              exactly("CHAT", "MESSAGE", "TEXT"),
		GroupID:           groupChat,
		ValidArgsFunction: r.completeChats,
	}
	return r.onMessage(cmd, func(ctx context.Context, s *session, chat, message int64, args []string) error {
		text, err := s.text(args[0])
		if err != nil {
			return err
		}
		changed, err := s.UpdateMessage(ctx, s.token, chat, message, client.UpdateMessageRequest{Body: &text})
		if err != nil || !s.out.json {
			return err
		}
		return s.out.object(changed)
	})
}

func (r *remote) deleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete CHAT MESSAGE",
		Short:             "Delete a message",
		Example:           `  chatapi delete 1 17`,
		Args:              exactly("CHAT", "MESSAGE"),
		GroupID:           groupChat,
		ValidArgsFunction: r.completeChats,
	}
	return r.onMessage(cmd, func(ctx context.Context, s *session, chat, message int64, _ []string) error {
		return s.DeleteMessage(ctx, s.token, chat, message)
	})
}

// onMessage sets run as the action of a command whose first arguments are the
// numbers of a chat and of a message.
func (r *remote) onMessage(
	cmd *cobra.Command, run func(ctx context.Context, s *session, chat, message int64, args []string) error,
) *cobra.Command {
	return r.onApp(cmd, patient, func(ctx context.Context, s *session, args []string) error {
		chat, err := number("CHAT", args[0])
		if err != nil {
			return err
		}
		message, err := number("MESSAGE", args[1])
		if err != nil {
			return err
		}
		return run(ctx, s, chat, message, args[2:])
	})
}
