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
		Long: `Send a message and print its number. For TEXT "-" the text is read from the
standard input.

Where the server does not answer, the message is sent again with the same
Idempotency-Key for some seconds, so it is there once, however often it was
sent.`,
		Example: `  chatapi send 1 'Hello, the café opens at 9' --sender ada
  uptime | chatapi send 1 - --sender "$HOSTNAME" --metadata kind=status`,
		Args:              exactly("CHAT", "TEXT"),
		GroupID:           groupChat,
		ValidArgsFunction: r.completeChats,
	}
	sender := cmd.Flags().StringP("sender", "s", "", "`NAME` of who sends it")
	key := cmd.Flags().String("key", "", "Idempotency-`KEY` of the message, for a script that may run again (default a new one)")
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
		made, err := s.CreateMessage(ctx, s.token, chatNumber, request, client.CreateMessageParams{IdempotencyKey: keyOr(*key)})
		if err != nil {
			return err
		}
		if s.out.json {
			return s.out.object(made)
		}
		return s.out.line("%d", made.MessageNumber)
	})
}

// text returns a message's text: an argument or, where that is "-", what the
// standard input has, without its last line break.
func (s *session) text(argument string) (string, error) {
	if argument != "-" {
		return argument, nil
	}
	text, err := io.ReadAll(io.LimitReader(s.in, chat.MaxBody+2))
	if err != nil {
		return "", fmt.Errorf("read the text: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}
