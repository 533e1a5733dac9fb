package cli

import (
	"context"
	"fmt"
	"strconv"

	"chatapi/pkg/client"

	"github.com/spf13/cobra"
)

// pageSize is the number of items in a request for a list: the API's maximum.
const pageSize = 200

func (r *remote) appsCommand() *cobra.Command {
	cmd := Group(&cobra.Command{
		Use:     "apps",
		Short:   "Create, list and rename apps",
		GroupID: groupChat,
	})
	cmd.AddCommand(r.appsCreateCommand(), r.appsListCommand(), r.appsGetCommand(), r.appsRenameCommand())
	return cmd
}

func (r *remote) appsCreateCommand() *cobra.Command {
	var metadata metadataFlag
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create an app and print the variable with its token for the other commands",
		Long: `Create an app and print, as a shell command, the variable with its token.

The token is the only key to the app: whoever has it can read and write
everything in the app.`,
		Example: `  eval "$(chatapi apps create 'My app')"
  chatapi apps create 'My app' --json | jq -r .data.app_token`,
		Args: exactly("NAME"),
	}
	metadata.add(cmd.Flags())
	return r.onServer(cmd, patient, func(ctx context.Context, s *session, args []string) error {
		created, err := s.CreateApp(ctx, client.CreateAppRequest{Name: args[0], Metadata: metadata.values},
			client.CreateAppParams{IdempotencyKey: keyOr("")})
		if err != nil {
			return err
		}
		if s.out.json {
			return s.out.object(created)
		}
		s.note(fmt.Sprintf("App %q created. Its token is the only key to it: keep it secret.", created.Data.Name))
		return s.out.line("export CHATAPI_APP='%s'", created.Data.AppToken)
	})
}

func (r *remote) appsListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List all apps of the server with their tokens",
		Example: `  chatapi apps list
  chatapi apps list --json | jq -r .name`,
		Args: NoArgs,
	}
	return r.onServer(cmd, brief, func(ctx context.Context, s *session, _ []string) error {
		if s.out.json {
			return s.eachApp(ctx, func(a client.App) error { return s.out.object(a) })
		}
		rows := [][]string{{"TOKEN", "CHATS", "CREATED", "NAME"}}
		err := s.eachApp(ctx, func(a client.App) error {
			rows = append(rows, []string{a.AppToken, strconv.FormatInt(a.ChatCount, 10), localTime(a.CreatedAt), inLine(a.Name)})
			return nil
		})
		if err != nil {
			return err
		}
		return s.out.table(rows...)
	})
}

// eachApp calls do for each app of the server.
func (s *session) eachApp(ctx context.Context, do func(client.App) error) error {
	for params := (client.ListAppsParams{Limit: pageSize}); ; {
		page, err := s.ListApps(ctx, params)
		if err != nil {
			return err
		}
		for _, a := range page.Apps {
			if err := do(a); err != nil {
				return err
			}
		}
		if params.Cursor = parameter(page.Next, "cursor"); params.Cursor == "" {
			return nil
		}
	}
}

func (r *remote) appsGetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "get",
		Short:   "Show the app of CHATAPI_APP",
		Example: `  chatapi apps get`,
		Args:    NoArgs,
	}
	return r.onApp(cmd, brief, func(ctx context.Context, s *session, _ []string) error {
		app, err := s.GetApp(ctx, s.token)
		if err != nil {
			return err
		}
		return s.printApp(app)
	})
}

func (r *remote) appsRenameCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "rename NAME",
		Short:             "Rename the app of CHATAPI_APP",
		Example:           `  chatapi apps rename 'Our app'`,
		Args:              exactly("NAME"),
		ValidArgsFunction: completeNothing,
	}
	return r.onApp(cmd, patient, func(ctx context.Context, s *session, args []string) error {
		app, err := s.UpdateApp(ctx, s.token, client.UpdateAppRequest{Name: &args[0]})
		if err != nil {
			return err
		}
		return s.printApp(app)
	})
}

func (s *session) printApp(app *client.App) error {
	if s.out.json {
		return s.out.object(app)
	}
	return s.out.table(append([][]string{
		{"name", inLine(app.Name)},
		{"chats", strconv.FormatInt(app.ChatCount, 10)},
		{"created", localTime(app.CreatedAt)},
		{"changed", localTime(app.UpdatedAt)},
	}, metadataRows(app.Metadata)...)...)
}
