package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"chatapi/pkg/client"

	"golang.org/x/term"
)

// style is an ANSI escape sequence that changes how a terminal shows text.
type style string

const (
	bold  style = "\x1b[1m"
	dim   style = "\x1b[2m"
	match style = "\x1b[1;31m"
	plain style = "\x1b[0m"
)

// timeFormat is the format of times, which are printed in the local time zone.
const timeFormat = time.DateTime

// output prints the results of a command.
type output struct {
	w      io.Writer
	json   bool
	colour bool
}

// newOutput returns an output to w. It is coloured if w is a terminal or
// CLICOLOR_FORCE is set, unless NO_COLOR is set.
//
// https://no-color.org, https://bixense.com/clicolors
func newOutput(w io.Writer, json bool, getenv func(string) string) *output {
	colour := isTerminal(w) || getenv("CLICOLOR_FORCE") != ""
	return &output{w: w, json: json, colour: colour && getenv("NO_COLOR") == ""}
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// object prints a value as a line of JSON.
func (o *output) object(v any) error {
	encoder := json.NewEncoder(o.w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// line prints a line of text.
func (o *output) line(format string, args ...any) error {
	_, err := fmt.Fprintf(o.w, format+"\n", args...)
	return err
}

// table prints rows in columns. Text of any script belongs into the last column,
// because its width on a terminal is not known.
func (o *output) table(rows ...[]string) error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for row := range strings.Lines(b.String()) {
		if err := o.line("%s", strings.TrimRight(row, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// in returns text in a style, if the output is coloured.
func (o *output) in(s style, text string) string {
	if !o.colour || text == "" {
		return text
	}
	return string(s) + text + string(plain)
}

// shown is a message as it is printed.
type shown struct {
	name    string // its number, or CHAT/NUMBER
	at      time.Time
	sender  string
	body    string
	marks   []client.Highlight // places to mark in the body
	deleted bool
}

// message prints a message, with the lines of its body aligned.
func (o *output) message(m shown) error {
	head := fmt.Sprintf("%5s  %s  ", m.name, localTime(m.at))
	if m.deleted {
		return o.line("%s", o.in(dim, head+"(deleted)"))
	}
	indent := "\n" + strings.Repeat(" ", len(head))
	head = o.in(dim, head)
	if m.sender != "" {
		head += o.in(bold, inLine(m.sender)) + ": "
	}
	return o.line("%s%s", head, strings.ReplaceAll(o.marked(m.body, m.marks), "\n", indent))
}

// marked returns printable text with some places marked. Places are counted in code
// points, in ascending order, and do not overlap.
func (o *output) marked(text string, marks []client.Highlight) string {
	runes := []rune(text)
	var b strings.Builder
	at := 0
	for _, m := range marks {
		start, end := int(m.Start), int(m.End)
		if start < at || end < start || end > len(runes) {
			break // not a place in this text
		}
		b.WriteString(printable(string(runes[at:start])))
		b.WriteString(o.in(match, printable(string(runes[start:end]))))
		at = end
	}
	b.WriteString(printable(string(runes[at:])))
	return b.String()
}

func localTime(t time.Time) string { return t.Local().Format(timeFormat) }

// printable returns text without control characters, except for line breaks. Other
// people's messages must not control the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case r == '\r':
			return -1
		case unicode.IsControl(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// inLine returns printable text in one line.
func inLine(text string) string { return strings.ReplaceAll(printable(text), "\n", " ") }

// Count returns a number of things in words, such as "1 app" or "2 searches".
func Count[N int | int64 | float64](n N, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case strings.HasSuffix(thing, "ch"):
		return fmt.Sprint(n, " ", thing, "es")
	default:
		return fmt.Sprint(n, " ", thing, "s")
	}
}
