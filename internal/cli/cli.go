// Package cli implements the commands that call the API, and what all commands
// share: how they run, how they report errors, and their exit statuses.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The exit statuses of the program.
const (
	statusOK     = 0
	statusFailed = 1 // the command failed
	statusUsage  = 2 // the command was used incorrectly
)

// The groups of commands in the program's help.
const (
	GroupServer = "server"
	groupChat   = "chat"
	groupFiles  = "files"
)

// New returns the root command with the commands that call the API. The caller
// adds those that serve it.
func New(getenv func(string) string) *cobra.Command {
	root := Group(&cobra.Command{
		Use:   "chatapi",
		Short: "A chat backend: apps hold chats, chats hold messages, messages are searched",
		Long:  "chatapi is a chat backend: apps hold chats, chats hold messages, messages are searched.",
	})
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return Usagef("%w", err) })
	// A command that only has subcommands cannot run: leave it out of the usage.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if not .HasSubCommands}}", 1))
	root.AddGroup(
		&cobra.Group{ID: GroupServer, Title: "Serve the API:"},
		&cobra.Group{ID: groupChat, Title: "Use the API:"},
		&cobra.Group{ID: groupFiles, Title: "Export and import:"},
	)
	root.Version = version()
	root.SetVersionTemplate("chatapi {{.Version}}\n")
	r := &remote{getenv: getenv}
	root.AddCommand(
		r.appsCommand(), r.chatsCommand(), r.sendCommand(), r.editCommand(), r.deleteCommand(), r.tailCommand(),
		r.searchCommand(), r.readersCommand(), r.exportCommand(), r.importCommand(),
	)
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"})
	help.Args = knownCommand
	return root
}

// version returns the version of the program, the commit that it was built from,
// and the version of Go, as far as the build recorded them.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "of unknown version"
	}
	text := info.Main.Version
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			text += " " + s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			text += " with changes"
		}
	}
	return text + " " + info.GoVersion
}

// knownCommand returns an error if help is asked for an unknown command.
func knownCommand(cmd *cobra.Command, args []string) error {
	if _, rest, err := cmd.Root().Find(args); err != nil || len(rest) > 0 {
		return unknownCommand(strings.Join(args, " "), cmd)
	}
	return nil
}

// plainUsage removes the backquotes around names of values from the usage of flags.
// Only the help interprets them; completions would show them.
func plainUsage(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
	for _, c := range cmd.Commands() {
		plainUsage(c)
	}
}

// Group makes cmd a command that only has subcommands. Without arguments it prints
// its usage. An unknown subcommand is a UsageError that suggests similar ones.
func Group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return &UsageError{}
		}
		return unknownCommand(args[0], cmd)
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(*cobra.Command, []string) error { return nil } // Args returns an error before
	return cmd
}

// unknownCommand returns the error for a name that is not a subcommand of parent.
func unknownCommand(name string, parent *cobra.Command) error {
	if similar := parent.SuggestionsFor(name); len(similar) > 0 {
		return Usagef("unknown command %q (did you mean %s?)", name, strings.Join(similar, " or "))
	}
	return Usagef("unknown command %q", name)
}

// UsageError is returned when a command was used incorrectly. If it has no cause,
// Run prints the usage of the command.
type UsageError struct{ cause error }

// Usagef returns a UsageError whose cause is formatted by fmt.Errorf.
func Usagef(format string, args ...any) error {
	return &UsageError{cause: fmt.Errorf(format, args...)}
}

// Error implements error.
func (e *UsageError) Error() string {
	if e.cause == nil {
		return "usage"
	}
	return e.cause.Error()
}

// Unwrap returns the cause, which may be nil.
func (e *UsageError) Unwrap() error { return e.cause }

// NoArgs returns a UsageError if there are arguments.
func NoArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usagef("unexpected argument %q: want none", args[0])
	}
	return nil
}

// Run runs the command that the arguments name and returns the exit status: 0 if it
// succeeded, 1 if it failed, 2 if it was used incorrectly. It prints an error as
// one line.
func Run(ctx context.Context, root *cobra.Command, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(append([]string{}, args...)) // not nil, for which cobra uses os.Args
	if len(args) > 0 && args[0] == cobra.ShellCompRequestCmd {
		plainUsage(root)
	}
	cmd, err := root.ExecuteContextC(ctx)
	var usage *UsageError
	switch {
	case err == nil:
		return statusOK
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "chatapi: stopped")
		return statusFailed
	case !errors.As(err, &usage):
		fmt.Fprintf(stderr, "chatapi: %s\n", oneLine(err))
		return statusFailed
	case usage.cause == nil:
		fmt.Fprint(stderr, cmd.UsageString())
		return statusUsage
	default:
		fmt.Fprintf(stderr, "%s: %s; see %s --help\n", cmd.CommandPath(), oneLine(err), cmd.CommandPath())
		return statusUsage
	}
}

// oneLine returns the text of an error, in which errors.Join separates causes by line
// breaks, as one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
