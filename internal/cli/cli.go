// Package cli is the part of the command line that calls the API, and what all
// commands share: how they are run, how they fail and what their exit status
// says.
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
	statusUsage  = 2 // the command was called wrongly
)

// The groups of commands in the program's help.
const (
	GroupServer = "server"
	groupChat   = "chat"
	groupFiles  = "files"
)

// New returns the program's root command with the commands that call the API;
// those that serve it are to be added.
func New(getenv func(string) string) *cobra.Command {
	root := Group(&cobra.Command{
		Use:   "chatapi",
		Short: "A chat backend: apps hold chats, chats hold messages, messages are searched",
		Long:  "chatapi is a chat backend: apps hold chats, chats hold messages, messages are searched.",
	})
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return Usagef("%w", err) })
	// A command that only holds others is no way to call the program.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if not .HasSubCommands}}", 1))
	root.AddGroup(
		&cobra.Group{ID: GroupServer, Title: "Serve the API:"},
		&cobra.Group{ID: groupChat, Title: "Use it:"},
		&cobra.Group{ID: groupFiles, Title: "Move much of it:"},
	)
	root.Version = version()
	root.SetVersionTemplate("chatapi {{.Version}}\n")
	r := &remote{getenv: getenv}
	root.AddCommand(
		r.appsCommand(), r.chatsCommand(), r.sendCommand(), r.editCommand(), r.deleteCommand(), r.tailCommand(), r.searchCommand(), r.readersCommand(),
		r.exportCommand(), r.importCommand(),
	)
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"})
	help.Args = knownCommand
	return root
}

// version returns the program's version and the commit that it was built from,
// as far as the build knows them.
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

// knownCommand refuses to help with a command that is not there.
func knownCommand(cmd *cobra.Command, args []string) error {
	if _, rest, err := cmd.Root().Find(args); err != nil || len(rest) > 0 {
		return Usagef("there is no command %q", strings.Join(args, " "))
	}
	return nil
}

// plainUsage takes the backquotes out of what flags say, which name a value in
// the help and mean nothing to a shell that completes.
func plainUsage(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
	for _, c := range cmd.Commands() {
		plainUsage(c)
	}
}

// Group makes a command one that only holds others. Called by itself it prints
// its usage; called with a word that is none of its commands, it says so.
func Group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return &UsageError{}
		}
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return Usagef("there is no command %q; did you mean %s?", args[0], strings.Join(near, " or "))
		}
		return Usagef("there is no command %q", args[0])
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(*cobra.Command, []string) error { return nil } // Args has refused
	return cmd
}

// UsageError is the error of a command that was called wrongly. Without a
// cause, all there is to say is how the command is used.
type UsageError struct{ cause error }

// Usagef returns a UsageError with a text as fmt.Errorf makes it.
func Usagef(format string, args ...any) error {
	return &UsageError{cause: fmt.Errorf(format, args...)}
}

// Error says what is wrong.
func (e *UsageError) Error() string {
	if e.cause == nil {
		return "usage"
	}
	return e.cause.Error()
}

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.cause }

// NoArgs refuses arguments.
func NoArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usagef("takes no argument %q", args[0])
	}
	return nil
}

// Run runs the command that the arguments name and returns the exit status: 0,
// 1 where the command failed, 2 where it was called wrongly. It prints an
// error as one line.
func Run(ctx context.Context, root *cobra.Command, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(append([]string{}, args...)) // for nil cobra takes those of the process
	if len(args) > 0 && args[0] == cobra.ShellCompRequestCmd {
		plainUsage(root)
	}
	cmd, err := root.ExecuteContextC(ctx)
	var wrong *UsageError
	switch {
	case err == nil:
		return statusOK
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "chatapi: stopped")
		return statusFailed
	case !errors.As(err, &wrong):
		fmt.Fprintf(stderr, "chatapi: %s\n", oneLine(err))
		return statusFailed
	case wrong.cause == nil:
		fmt.Fprint(stderr, cmd.UsageString())
		return statusUsage
	default:
		fmt.Fprintf(stderr, "%s: %s; see %s --help\n", cmd.CommandPath(), oneLine(err), cmd.CommandPath())
		return statusUsage
	}
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
