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

// exactly wants the arguments with these names.
func exactly(names ...string) cobra.PositionalArgs { return between(len(names), names...) }

// between wants the arguments with these names, of which the first are needed.
func between(needed int, names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < needed {
			return Usagef("%s is missing", names[len(args)])
		}
		if len(args) > len(names) {
			return Usagef("takes no further argument %q; text with spaces needs quotes", args[len(names)])
		}
		return nil
	}
}

// number reads the number of a chat or message.
func number(what, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, Usagef("%s is a number from 1, not %q", what, text)
	}
	return n, nil
}

// metadataFlag is the flag --metadata, which can be given more than once.
type metadataFlag struct{ values map[string]string }

func (f *metadataFlag) add(flags *pflag.FlagSet) {
	flags.VarP(f, "metadata", "m", "`KEY=VALUE` to keep with it; can be given more than once")
}

// String, Set and Type are what package pflag wants of a flag.
func (f *metadataFlag) String() string { return "" }

// Set adds a pair.
func (f *metadataFlag) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return errors.New("is to be KEY=VALUE")
	}
	if f.values == nil {
		f.values = map[string]string{}
	}
	f.values[key] = value
	return nil
}

// Type names the values in the help.
func (f *metadataFlag) Type() string { return "KEY=VALUE" }

func metadataRows(metadata map[string]string) (rows [][]string) {
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		rows = append(rows, []string{inLine(key), inLine(metadata[key])})
	}
	return rows
}

// timeFlag is a flag with a time: a date, or date and time, in the local time
// zone where it names none.
type timeFlag struct{ at time.Time }

// String, Set and Type are what package pflag wants of a flag.
func (f *timeFlag) String() string { return "" }

// Set reads a time.
func (f *timeFlag) Set(text string) error {
	for _, layout := range []string{time.RFC3339, time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", time.DateTime} {
		at, err := time.ParseInLocation(layout, text, time.Local)
		if err == nil {
			f.at = at
			return nil
		}
	}
	return errors.New("is to be like 2026-11-23, 2026-11-23T14:30 or 2026-11-23T14:30:00Z")
}

// Type names the values in the help.
func (f *timeFlag) Type() string { return "TIME" }

// limitFlag is the flag --limit, for which 0 is no limit.
type limitFlag struct{ most int }

// addLimit adds the flag to a command that lists things.
func addLimit(flags *pflag.FlagSet, most int, things string) *limitFlag {
	f := &limitFlag{most}
	flags.VarP(f, "limit", "n", things+" at `MOST`; 0 for all")
	return f
}

// String, Set and Type are what package pflag wants of a flag.
func (f *limitFlag) String() string { return strconv.Itoa(f.most) }

// Set reads a limit.
func (f *limitFlag) Set(text string) error {
	most, err := strconv.Atoi(text)
	if err != nil || most < 0 {
		return errors.New("is to be a number from 0")
	}
	if f.most = most; most == 0 {
		f.most = math.MaxInt
	}
	return nil
}

// Type names the values in the help.
func (f *limitFlag) Type() string { return "MOST" }

// parameter returns a parameter of the query of a link, "" where it has none.
func parameter(link, name string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.Query().Get(name)
}

// completeWithin is how long a shell waits for what it may complete.
const completeWithin = 2 * time.Second

// completeChats completes the number of a chat, with titles to choose by. It
// completes nothing where the server does not say.
func (r *remote) completeChats(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 || r.app() == "" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	s, err := r.session(cmd, brief)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), completeWithin)
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

// completeFlagChat completes the number of a chat that is a flag's value.
func (r *remote) completeFlagChat(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return r.completeChats(cmd, nil, word)
}

// completeNothing keeps a shell from completing names of files.
func completeNothing(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}
