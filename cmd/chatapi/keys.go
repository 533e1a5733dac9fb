package main

import (
	"fmt"

	"chatapi/internal/cli"
	"chatapi/pkg/auth"

	"github.com/spf13/cobra"
)

// keysCommand returns the command whose subcommands generate keys.
func keysCommand() *cobra.Command {
	cmd := cli.Group(&cobra.Command{
		Use:     "keys",
		Short:   "Generate keys",
		GroupID: cli.GroupServer,
	})
	cmd.AddCommand(&cobra.Command{
		Use:   "admin",
		Short: "Generate an admin key and print it with its hash",
		Long: `Generate an admin key, with which apps are created and listed. Print the variables
with the key, for "chatapi apps", and with its SHA-256 hash, for "chatapi serve".`,
		Example: `  chatapi keys admin`,
		Args:    cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key, hash := auth.NewAdminKey()
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "CHATAPI_ADMIN_KEY=%s\nCHATAPI_ADMIN_KEY_SHA256=%s\n", key, hash)
			return err
		},
	})
	return cmd
}
