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

// style is an ANSI escape that changes how text looks on a terminal.
type style string

const (
	bold  style = "\x1b[1m"
	dim   style = "\x1b[2m"
	match style = "\x1b[1;31m"
	plain style = "\x1b[0m"
)

// timeFormat is how people read times: in their time zone.
const timeFormat = time.DateTime

// output prints what a command is asked for.
type output struct {
	w      io.Writer
	json   bool
	colour bool
}

// newOutput returns an output that has colour on a terminal, unless NO_COLOR
// is set, and elsewhere where CLICOLOR_FORCE is.
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

// table prints rows in columns. The last column is for text of any script,
// which has no known width.
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

// in puts text into a style.
func (o *output) in(s style, text string) string {
	if !o.colour || text == "" {
		return text
	}
	return string(s) + text + string(plain)
}

// shown is a message as it is printed.
type shown struct {
	name    string // its number, and perhaps its chat's
	at      time.Time
	sender  string
	body    string
	marks   []client.Highlight // of the body
	deleted bool
}

// message prints a message. The lines of its body stand below one another.
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

// marked returns a text in which places are marked, which are counted in
// code points and do not overlap.
func (o *output) marked(text string, marks []client.Highlight) string {
	runes := []rune(text)
	var b strings.Builder
	at := 0
	for _, m := range marks {
		start, end := int(m.Start), int(m.End)
		if start < at || end < start || end > len(runes) {
			break // not places of this text
		}
		b.WriteString(printable(string(runes[at:start])))
		b.WriteString(o.in(match, printable(string(runes[start:end]))))
		at = end
	}
	b.WriteString(printable(string(runes[at:])))
	return b.String()
}

func localTime(t time.Time) string { return t.Local().Format(timeFormat) }

// printable returns text without what a terminal would obey: of control
// characters only the line break stays. Others' texts are printed here.
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

// inLine is printable text of one line.
func inLine(text string) string { return strings.ReplaceAll(printable(text), "\n", " ") }
