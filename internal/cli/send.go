package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"chatapi/pkg/chat"
	"chatapi/pkg/client"

	"github.com/spf13/cobra"
)

func (r *remote) sendCommand() *cobra.Command {
	var metadata metadataFlag
	cmd := &cobra.Command{
		Use:   "send CHAT TEXT",
		Short: "Send a message and print its number",
		Long: `Send a message and print its number. If TEXT is "-", the text is read from the
standard input.

If the server does not respond, the request is retried for some seconds with the
same Idempotency-Key, so that the message is created once.`,
		Example: `  chatapi send 1 'Hello, the café opens at 9' --sender ada
  uptime | chatapi send 1 - --sender "$HOSTNAME" --metadata kind=status`,
		Args:              exactly("CHAT", "TEXT"),
		GroupID:           groupChat,
		ValidArgsFunction: r.completeChats,
	}
	sender := cmd.Flags().StringP("sender", "s", "", "`NAME` of the sender")
	key := cmd.Flags().String("key", "",
		"Idempotency-`KEY` of the message, for a script that may run again (default a new key)")
	metadata.add(cmd.Flags())
	return r.onApp(cmd, patient, func(ctx context.Context, s *session, args []string) error {
		chatNumber, err := number("CHAT", args[0])
		if err != nil {
			return err
		}
		text, err := s.text(args[1])
		if err != nil {
			return err
		}
		request := client.CreateMessageRequest{Body: text, Sender: *sender, Metadata: metadata.values}
		created, err := s.CreateMessage(ctx, s.token, chatNumber, request,
			client.CreateMessageParams{IdempotencyKey: keyOr(*key)})
		if err != nil {
			return err
		}
		if s.out.json {
			return s.out.object(created)
		}
		return s.out.line("%d", created.MessageNumber)
	})
}

// text returns the text of a message: the argument or, if that is "-", the standard
// input without its last line break.
func (s *session) text(argument string) (string, error) {
	if argument != "-" {
		return argument, nil
	}
	data, err := io.ReadAll(io.LimitReader(s.in, chat.MaxBody+2))
	if err != nil {
		return "", fmt.Errorf("read the text from the standard input: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}
