package cli

import (
	"context"
	"errors"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatapi/pkg/client"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// exactly accepts arguments if there is one for each name.
func exactly(names ...string) cobra.PositionalArgs { return between(len(names), names...) }

// between accepts arguments for the names, of which the first are required.
func between(required int, names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < required {
			return Usagef("missing %s: want %s", names[len(args)], strings.Join(names, " "))
		}
		if len(args) > len(names) {
			return Usagef("unexpected argument %q: want %s, with quotes around text that has spaces",
				args[len(names)], strings.Join(names, " "))
		}
		return nil
	}
}

// number parses the number of a chat or message. The name is that of the argument.
func number(name, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, Usagef("invalid %s %q: want a number from 1", name, text)
	}
	return n, nil
}

// metadataFlag is the flag --metadata. It implements pflag.Value.
type metadataFlag struct{ values map[string]string }

func (f *metadataFlag) add(flags *pflag.FlagSet) {
	flags.VarP(f, "metadata", "m", "`KEY=VALUE` of metadata to store with it; can be repeated")
}

// String returns "": the flag has no default.
func (f *metadataFlag) String() string { return "" }

// Set parses and adds a pair.
func (f *metadataFlag) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return errors.New("want KEY=VALUE")
	}
	if f.values == nil {
		f.values = map[string]string{}
	}
	f.values[key] = value
	return nil
}

// Type returns the name of a value in the help.
func (f *metadataFlag) Type() string { return "KEY=VALUE" }

func metadataRows(metadata map[string]string) (rows [][]string) {
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		rows = append(rows, []string{inLine(key), inLine(metadata[key])})
	}
	return rows
}

// timeFlag is a flag with a date, or a date and a time, by default in the local
// time zone. It implements pflag.Value.
type timeFlag struct{ at time.Time }

// String returns "": the flag has no default.
func (f *timeFlag) String() string { return "" }

// Set parses a time.
func (f *timeFlag) Set(text string) error {
	for _, layout := range []string{time.RFC3339, time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", time.DateTime} {
		at, err := time.ParseInLocation(layout, text, time.Local)
		if err == nil {
			f.at = at
			return nil
		}
	}
	return errors.New("want a time like 2026-11-23, 2026-11-23T14:30 or 2026-11-23T14:30:00Z")
}

// Type returns the name of a value in the help.
func (f *timeFlag) Type() string { return "TIME" }

// limitFlag is the flag --limit. It implements pflag.Value. The value 0 means no
// limit, for which n is math.MaxInt.
type limitFlag struct{ n int }

// addLimit adds the flag with a default to a command that lists things.
func addLimit(flags *pflag.FlagSet, n int, things string) *limitFlag {
	f := &limitFlag{n}
	flags.VarP(f, "limit", "n", "print at most `N` "+things+"; 0 for all")
	return f
}

// String returns the default for the help.
func (f *limitFlag) String() string { return strconv.Itoa(f.n) }

// Set parses a limit.
func (f *limitFlag) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return errors.New("want a number from 0")
	}
	if f.n = n; n == 0 {
		f.n = math.MaxInt
	}
	return nil
}

// Type returns the name of a value in the help.
func (f *limitFlag) Type() string { return "N" }

// parameter returns a query parameter of a link, "" if it has none.
func parameter(link, name string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.Query().Get(name)
}

// completionTimeout limits how long a shell waits for completions.
const completionTimeout = 2 * time.Second

// completeChats completes the number of a chat, with its title as the description.
// It completes nothing if the server does not respond.
func (r *remote) completeChats(
	cmd *cobra.Command, args []string, _ string,
) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 || r.app() == "" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	s, err := r.session(cmd, brief)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), completionTimeout)
	defer cancel()
	page, err := s.ListChats(ctx, s.token, client.ListChatsParams{Limit: pageSize, Order: "desc"})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found []cobra.Completion
	for _, c := range page.Chats {
		found = append(found, cobra.CompletionWithDesc(strconv.FormatInt(c.ChatNumber, 10), inLine(c.Title)))
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeFlagChat completes the number of a chat as the value of a flag.
func (r *remote) completeFlagChat(
	cmd *cobra.Command, _ []string, word string,
) ([]cobra.Completion, cobra.ShellCompDirective) {
	return r.completeChats(cmd, nil, word)
}

// completeNothing prevents the shell from completing file names.
func completeNothing(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}
