package cli

import (
	"context"
	"strconv"

	"chatapi/pkg/client"

	"github.com/spf13/cobra"
)

func (r *remote) readersCommand() *cobra.Command {
	cmd := Group(&cobra.Command{
		Use:     "readers",
		Short:   "Record how far readers have read a chat, and show how much is unread",
		GroupID: groupChat,
	})
	cmd.AddCommand(r.readersSetCommand(), r.readersGetCommand())
	return cmd
}

func (r *remote) readersSetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "set CHAT READER MESSAGE",
		Short:             "Record that a reader has read a chat up to a message; a lower number changes nothing",
		Example:           `  chatapi readers set 1 ada 17`,
		Args:              exactly("CHAT", "READER", "MESSAGE"),
		ValidArgsFunction: r.completeChats,
	}
	return r.onApp(cmd, patient, func(ctx context.Context, s *session, args []string) error {
		chat, err := number("CHAT", args[0])
		if err != nil {
			return err
		}
		read, err := number("MESSAGE", args[2])
		if err != nil {
			return err
		}
		state, err := s.UpdateReader(ctx, s.token, chat, args[1], client.UpdateReaderRequest{LastRead: read})
		if err != nil {
			return err
		}
		return s.printReader(state)
	})
}

func (r *remote) readersGetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get CHAT READER",
		Short: "Show how far a reader has read a chat, and how much is unread",
		Example: `  chatapi readers get 1 ada
  chatapi readers get 1 ada --json | jq .unread`,
		Args:              exactly("CHAT", "READER"),
		ValidArgsFunction: r.completeChats,
	}
	return r.onApp(cmd, brief, func(ctx context.Context, s *session, args []string) error {
		chat, err := number("CHAT", args[0])
		if err != nil {
			return err
		}
		state, err := s.GetReader(ctx, s.token, chat, args[1])
		if err != nil {
			return err
		}
		return s.printReader(state)
	})
}

func (s *session) printReader(r *client.Reader) error {
	if s.out.json {
		return s.out.object(r)
	}
	rows := [][]string{
		{"reader", inLine(r.Reader)},
		{"read", strconv.FormatInt(r.LastRead, 10)},
		{"unread", strconv.FormatInt(r.Unread, 10)},
		{"last", strconv.FormatInt(r.LastMessageNumber, 10)},
	}
	return s.out.table(rows...)
}
