package cli_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"chatapi/internal/cli"
	"chatapi/pkg/api"
	"chatapi/pkg/embedded"
	"chatapi/pkg/local"

	"github.com/google/go-cmp/cmp"
)

// serve runs the service until the test ends and returns its URL.
func serve(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	backend, err := embedded.Open(filepath.Join(t.TempDir(), "data"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() {
		options := local.Options{Guard: api.Guard{Open: true}}
		done <- local.Serve(ctx, slog.New(slog.DiscardHandler), listener, backend.Ports, options)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

// shell runs commands with an environment.
type shell struct {
	t   *testing.T
	env map[string]string
}

// newShell returns a shell whose commands call a new server, for a new app.
func newShell(t *testing.T) shell {
	t.Helper()
	sh := shell{t: t, env: map[string]string{"CHATAPI_URL": serve(t)}}
	_, token, _ := strings.Cut(sh.must("apps", "create", "Café"), "=")
	sh.env["CHATAPI_APP"] = strings.Trim(token, "'\n")
	return sh
}

// said is what a command printed, and its exit status.
type said struct {
	Status         int
	Stdout, Stderr string
}

func (sh shell) run(stdin string, args ...string) said {
	sh.t.Helper()
	return sh.runWith(sh.t.Context(), stdin, args...)
}

func (sh shell) runWith(ctx context.Context, stdin string, args ...string) said {
	sh.t.Helper()
	var stdout, stderr bytes.Buffer
	getenv := func(name string) string { return sh.env[name] }
	status := cli.Run(ctx, cli.New(getenv), args, strings.NewReader(stdin), &stdout, &stderr)
	return said{status, stdout.String(), stderr.String()}
}

// must runs a command that must succeed and returns what it printed.
func (sh shell) must(args ...string) string {
	sh.t.Helper()
	got := sh.run("", args...)
	if got.Status != 0 {
		sh.t.Fatalf("chatapi %s: status %d: %s", strings.Join(args, " "), got.Status, got.Stderr)
	}
	return got.Stdout
}

// with returns a shell with a variable changed.
func (sh shell) with(name, value string) shell {
	env := map[string]string{name: value}
	for n, v := range sh.env {
		if n != name {
			env[n] = v
		}
	}
	return shell{sh.t, env}
}

var (
	tokens  = regexp.MustCompile(`\b[a-z2-7]{36}\b`)
	times   = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)
	instant = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[0-9:.]+Z"`)
)

// same replaces what differs between runs by placeholders of the same length.
func same(text string) string {
	text = tokens.ReplaceAllString(text, "token-of-the-app-with-36-characters-")
	text = times.ReplaceAllString(text, "YYYY-MM-DD hh:mm:ss")
	return instant.ReplaceAllString(text, `"…"`)
}

// TestCommands runs a session in which commands build on earlier ones.
func TestCommands(t *testing.T) {
	sh := newShell(t)
	for _, tt := range []struct {
		name  string
		args  []string
		stdin string
		want  said
	}{
		{"an app", []string{"apps", "create", "My app", "--metadata", "plan=free"}, "", said{
			Stdout: "export CHATAPI_APP='token-of-the-app-with-36-characters-'\n",
			Stderr: "App \"My app\" created. Its token is the only key to it: keep it secret.\n",
		}},
		{"the app", []string{"apps", "get"}, "", said{Stdout: `name     Café
chats    0
created  YYYY-MM-DD hh:mm:ss
changed  YYYY-MM-DD hh:mm:ss
`}},
		{"a chat", []string{"chats", "create", "Kitchen", "-m", "floor=1", "-m", "door=a=b"}, "", said{Stdout: "1\n"}},
		{"a chat without a title", []string{"chats", "create"}, "", said{Stdout: "2\n"}},
		{"a chat as JSON", []string{"chats", "create", "<b>", "--json"}, "", said{
			Stdout: `{"app_token":"token-of-the-app-with-36-characters-","chat_number":3,` +
				`"created_at":"…","message":"Chat created successfully","message_count":0,` +
				`"title":"<b>","updated_at":"…","version":1}` + "\n",
		}},
		{"a message", []string{"send", "1", "Hello, the café opens at 9", "--sender", "ada"}, "", said{Stdout: "1\n"}},
		{"a message of two lines from the standard input", []string{"send", "1", "-"}, "Yellow\ncups\n", said{Stdout: "2\n"}},
		{"a message that would move a cursor", []string{"send", "1", "\x1b[2Jgone", "--sender", "b\x07b"}, "",
			said{Stdout: "3\n"}},
		{"a message as JSON", []string{"send", "1", "<last>", "--metadata", "k=v", "--json"}, "", said{
			Stdout: `{"app_token":"token-of-the-app-with-36-characters-","body":"<last>","chat_number":1,` +
				`"created_at":"…","message":"Message created successfully",` +
				`"message_number":4,"metadata":{"k":"v"},"updated_at":"…","version":1}` + "\n",
		}},
		{"the messages", []string{"tail", "1", "--follow=false"}, "", said{Stdout: "" +
			`    1  YYYY-MM-DD hh:mm:ss  ada: Hello, the café opens at 9
    2  YYYY-MM-DD hh:mm:ss  Yellow
                            cups
    3  YYYY-MM-DD hh:mm:ss  b` + "\ufffdb: \ufffd" + `[2Jgone
    4  YYYY-MM-DD hh:mm:ss  <last>
`}},
		{"the last message as JSON", []string{"tail", "1", "-f=false", "-n", "1", "--json"}, "", said{
			Stdout: `{"app_token":"token-of-the-app-with-36-characters-","body":"<last>","chat_number":1,` +
				`"created_at":"…","message_number":4,"metadata":{"k":"v"},"updated_at":"…","version":1}` + "\n",
		}},
		{"no messages", []string{"tail", "2", "-f=false"}, "", said{}},
		{"the chats", []string{"chats", "list"}, "", said{Stdout: `CHAT  MESSAGES  CREATED              TITLE
3     0         YYYY-MM-DD hh:mm:ss  <b>
2     0         YYYY-MM-DD hh:mm:ss
1     4         YYYY-MM-DD hh:mm:ss  Kitchen
`}},
		{"the newest chat as JSON", []string{"chats", "list", "-n", "1", "--json"}, "", said{
			Stdout: `{"app_token":"token-of-the-app-with-36-characters-","chat_number":3,` +
				`"created_at":"…","message_count":0,"title":"<b>","updated_at":"…","version":1}` + "\n",
		}},
		{"one chat", []string{"chats", "get", "1"}, "", said{Stdout: `chat      1
title     Kitchen
messages  4
created   YYYY-MM-DD hh:mm:ss
changed   YYYY-MM-DD hh:mm:ss
door      a=b
floor     1
`}},
		{"another title", []string{"chats", "rename", "1", "Garden\n"}, "", said{Stdout: `chat      1
title     Garden
messages  4
created   YYYY-MM-DD hh:mm:ss
changed   YYYY-MM-DD hh:mm:ss
door      a=b
floor     1
`}},
		{"another name", []string{"apps", "rename", "Bar"}, "", said{Stdout: `name     Bar
chats    3
created  YYYY-MM-DD hh:mm:ss
changed  YYYY-MM-DD hh:mm:ss
`}},
		{"a reader", []string{"readers", "set", "1", "ada", "3"}, "",
			said{Stdout: "reader  ada\nread    3\nunread  1\nlast    4\n"}},
		{"a reader who has read more", []string{"readers", "set", "1", "ada", "2"}, "",
			said{Stdout: "reader  ada\nread    3\nunread  1\nlast    4\n"}},
		{"an unknown reader", []string{"readers", "get", "1", "bob c"}, "",
			said{Stdout: "reader  bob c\nread    0\nunread  4\nlast    4\n"}},
		{"a reader as JSON", []string{"readers", "get", "1", "ada", "--json"}, "", said{
			Stdout: `{"last_message_number":4,"last_read":3,"reader":"ada","unread":1,"updated_at":"…"}` + "\n",
		}},
		{"more than the last number", []string{"readers", "set", "1", "ada", "5"}, "", said{
			Status: 1, Stderr: "chatapi: last_read must be at most 4, the chat's last message number\n",
		}},
		{"another text", []string{"edit", "1", "4", "-"}, "Bye\n", said{}},
		{"a deleted message", []string{"delete", "1", "3"}, "", said{}},
		{"the tombstone", []string{"tail", "1", "--follow=false", "--lines", "2"}, "", said{Stdout: "" +
			`    3  YYYY-MM-DD hh:mm:ss  (deleted)
    4  YYYY-MM-DD hh:mm:ss  Bye
`}},
		{"an edit of a deleted message", []string{"edit", "1", "3", "x"}, "",
			said{Status: 1, Stderr: "chatapi: the message is deleted\n"}},
		{"an unknown chat", []string{"chats", "get", "9"}, "",
			said{Status: 1, Stderr: "chatapi: the app has no chat with this number\n"}},
		{"a message to an unknown chat", []string{"send", "9", "x"}, "",
			said{Status: 1, Stderr: "chatapi: the app has no chat with this number\n"}},
		{"an invalid message", []string{"send", "1", " ", "--sender", strings.Repeat("x", 129)}, "", said{
			Status: 1, Stderr: "chatapi: body must have 1 to 16384 bytes of UTF-8 and not be blank; " +
				"sender must have at most 128 characters\n",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sh := shell{t, sh.env}
			got := sh.run(tt.stdin, tt.args...)
			for end := time.Now().Add(timeout); reads(tt.args) && same(got.Stdout) != tt.want.Stdout && time.Now().Before(end); {
				time.Sleep(20 * time.Millisecond) // until what was created is stored
				got = sh.run(tt.stdin, tt.args...)
			}
			got.Stdout = same(got.Stdout)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("want (-) and got (+):\n%s", diff)
			}
		})
	}
}

// reads reports whether a command only reads.
func reads(args []string) bool {
	return args[0] == "tail" || args[1] == "get" || args[1] == "list"
}

func TestSearch(t *testing.T) {
	sh := newShell(t)
	sh.must("chats", "create")
	sh.must("send", "1", "Hello, the café opens at 9", "--sender", "ada")
	sh.must("send", "1", "Yellow\x1b cups,\nplease")
	sh.must("send", "1", "A fellow 𝔘nicode 🎉 ell")
	eventually(t, "all is found", func() bool {
		return strings.Count(sh.must("search", "--chat", "1", "ell", "--json"), "\n") == 3
	})
	colour := sh.with("CLICOLOR_FORCE", "1")
	sh.must("chats", "create")
	sh.must("send", "2", "Jelly", "--sender", "ada")
	eventually(t, "all is found", func() bool { return strings.Count(sh.must("search", "ell", "--json"), "\n") == 4 })
	for _, tt := range []struct {
		name  string
		shell shell
		args  []string
		want  said
	}{
		{"in all chats", sh, []string{"ell", "--sender", "ada", "--chat", "0"}, said{
			Stdout: "  2/1  YYYY-MM-DD hh:mm:ss  ada: Jelly\n  1/1  YYYY-MM-DD hh:mm:ss  ada: Hello, the café opens at 9\n",
		}},
		{"words", sh, []string{"cafe", "opens"},
			said{Stdout: "    1  YYYY-MM-DD hh:mm:ss  ada: Hello, the café opens at 9\n"}},
		{"a phrase", sh, []string{`"opens at"`},
			said{Stdout: "    1  YYYY-MM-DD hh:mm:ss  ada: Hello, the café opens at 9\n"}},
		{"a limit", sh, []string{"ell", "--limit", "1"},
			said{Stdout: "    3  YYYY-MM-DD hh:mm:ss  A fellow 𝔘nicode 🎉 ell\n"}},
		{"of a sender", sh, []string{"ell", "--sender", "ada"},
			said{Stdout: "    1  YYYY-MM-DD hh:mm:ss  ada: Hello, the café opens at 9\n"}},
		{"of a time", sh, []string{"ell", "--to", "2001-01-01"}, said{Stderr: "nothing found\n"}},
		{"marked", colour, []string{"cafe"}, said{
			Stdout: "\x1b[2m    1  YYYY-MM-DD hh:mm:ss  \x1b[0m" +
				"\x1b[1mada\x1b[0m: Hello, the \x1b[1;31mcafé\x1b[0m opens at 9\n",
		}},
		{"marked beyond the first plane", colour, []string{"unicode"}, said{
			Stdout: "\x1b[2m    3  YYYY-MM-DD hh:mm:ss  \x1b[0mA fellow \x1b[1;31m𝔘nicode\x1b[0m 🎉 ell\n",
		}},
		{"marked over lines, without what a terminal obeys", colour, []string{"please"}, said{
			Stdout: "\x1b[2m    2  YYYY-MM-DD hh:mm:ss  \x1b[0m" +
				"Yellow\ufffd cups,\n                            \x1b[1;31mplease\x1b[0m\n",
		}},
		{"with NO_COLOR", colour.with("NO_COLOR", "1"), []string{"cafe"},
			said{Stdout: "    1  YYYY-MM-DD hh:mm:ss  ada: Hello, the café opens at 9\n"}},
		{"nothing", sh, []string{"nothing"}, said{Stderr: "nothing found\n"}},
		{"nothing as JSON", sh, []string{"nothing", "--json"}, said{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.shell.run("", append([]string{"search", "--chat", "1"}, tt.args...)...)
			got.Stdout = same(got.Stdout)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("want (-) and got (+):\n%s", diff)
			}
		})
	}
}

// TestSearchPages checks that a search prints the messages of all pages, up to its
// limit.
func TestSearchPages(t *testing.T) {
	sh := newShell(t)
	sh.must("chats", "create")
	file := filepath.Join(t.TempDir(), "in.jsonl")
	if err := os.WriteFile(file, []byte(strings.Repeat(`{"body":"again"}`+"\n", 250)), 0o600); err != nil {
		t.Fatal(err)
	}
	sh.must("import", file, "--chat", "1")
	for _, where := range [][]string{{"--chat", "1"}, nil} {
		for _, tt := range []struct {
			limit string
			want  int
		}{{"0", 250}, {"1", 1}, {"201", 201}} {
			args := append([]string{"search", "again", "--json", "--limit", tt.limit}, where...)
			eventually(t, strings.Join(args, " "), func() bool {
				got := numbers(t, sh.must(args...))
				slices.Sort(got)
				return len(got) == tt.want && len(slices.Compact(got)) == tt.want
			})
		}
	}
}

// timeout limits how long it may take to store and index a create, on a busy
// machine.
const timeout = 30 * time.Second

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(timeout); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", timeout, what)
		}
	}
}

func TestWrongUsage(t *testing.T) {
	app := strings.Repeat("t", 36)
	for _, tt := range []struct {
		name string
		env  map[string]string
		args []string
		says string // on the standard error
	}{
		{"no command", nil, nil, "Usage:\n  chatapi [command]\n"},
		{"no command of a group", nil, []string{"apps"}, "Usage:\n  chatapi apps [command]\n"},
		{"an unknown command", nil, []string{"post"}, `chatapi: unknown command "post"; see chatapi --help`},
		{"a misspelt command", nil, []string{"sned"},
			`chatapi: unknown command "sned" (did you mean send?); see chatapi --help`},
		{"a misspelt command of a group", nil, []string{"chats", "lisst"},
			`chatapi chats: unknown command "lisst" (did you mean list?); see chatapi chats --help`},
		{"help with an unknown command", nil, []string{"help", "nope"},
			`chatapi help: unknown command "nope"; see chatapi help --help`},
		{"help with an unknown command of a group", nil, []string{"help", "chats", "nope"},
			`chatapi help: unknown command "chats nope"`},
		{"a message that is not a number", map[string]string{"CHATAPI_APP": app},
			[]string{"readers", "set", "1", "ada", "all"}, `chatapi readers set: invalid MESSAGE "all": want a number from 1`},
		{"an unknown flag", nil, []string{"send", "--colour"},
			"chatapi send: unknown flag: --colour; see chatapi send --help"},
		{"no app", nil, []string{"send", "1", "x"},
			"chatapi send: missing app: want its token in CHATAPI_APP or --app; see chatapi send --help"},
		{"an invalid token", map[string]string{"CHATAPI_APP": "secret"}, []string{"send", "1", "x"},
			"chatapi send: invalid token in CHATAPI_APP or --app: want 36 characters; see chatapi send --help"},
		{"an invalid URL", map[string]string{"CHATAPI_URL": "localhost:8000"}, []string{"apps", "list"},
			`chatapi apps list: invalid CHATAPI_URL or --url "localhost:8000": ` +
				`want a URL like http://127.0.0.1:8000; see chatapi apps list --help`},
		{"no text", nil, []string{"send", "1"}, "chatapi send: missing TEXT: want CHAT TEXT; see chatapi send --help"},
		{"text without quotes", nil, []string{"send", "1", "two", "words"},
			`chatapi send: unexpected argument "words": ` +
				`want CHAT TEXT, with quotes around text that has spaces; see chatapi send --help`},
		{"a chat that is not a number", map[string]string{"CHATAPI_APP": app}, []string{"send", "kitchen", "x"},
			`chatapi send: invalid CHAT "kitchen": want a number from 1; see chatapi send --help`},
		{"metadata without a value", nil, []string{"send", "1", "x", "--metadata", "k"},
			`invalid argument "k" for "-m, --metadata" flag: want KEY=VALUE`},
		{"an invalid time", nil, []string{"search", "x", "--from", "noon"},
			"want a time like 2026-11-23, 2026-11-23T14:30 or 2026-11-23T14:30:00Z"},
		{"a negative limit", nil, []string{"search", "x", "--limit", "-1"},
			`invalid argument "-1" for "-n, --limit" flag: want a number from 0`},
		{"no query", map[string]string{"CHATAPI_APP": app}, []string{"search", "--chat", "1"},
			"chatapi search: missing WORD: want one or more words to search for"},
		{"too many lines", map[string]string{"CHATAPI_APP": app}, []string{"tail", "1", "-n", "201"},
			"chatapi tail: invalid --lines 201: want 0 to 200"},
		{"no file", nil, []string{"import"}, "chatapi import: missing FILE: want FILE"},
		{"no concurrency", map[string]string{"CHATAPI_APP": app}, []string{"import", "x", "--concurrency", "0"},
			"invalid --concurrency 0: want a number from 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := shell{t, tt.env}.run("", tt.args...)
			if got.Status != 2 || got.Stdout != "" || !strings.Contains(got.Stderr, tt.says) {
				t.Errorf("status %d, prints %q, says %q, want %q", got.Status, got.Stdout, got.Stderr, tt.says)
			}
			if oneLine := strings.Count(got.Stderr, "\n") == 1; !oneLine && !strings.HasPrefix(tt.says, "Usage") {
				t.Errorf("more than one line: %s", got.Stderr)
			}
		})
	}
}

func TestStopped(t *testing.T) {
	sh := newShell(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	want := said{Status: 1, Stderr: "chatapi: stopped\n"}
	if diff := cmp.Diff(want, sh.runWith(ctx, "", "apps", "get")); diff != "" {
		t.Errorf("want (-) and got (+):\n%s", diff)
	}
}

func TestVersion(t *testing.T) {
	for _, flag := range []string{"--version", "-v"} {
		if got := (shell{t: t}).must(flag); !regexp.MustCompile(`^chatapi \S.* go1\.\d+\S*\n$`).MatchString(got) {
			t.Errorf("%s prints %q", flag, got)
		}
	}
}

// TestHelp checks that --help and the command help print the same.
func TestHelp(t *testing.T) {
	sh := shell{t: t}
	for _, command := range [][]string{nil, {"send"}, {"chats"}, {"chats", "list"}} {
		flag, help := sh.must(append(command, "--help")...), sh.must(append([]string{"help"}, command...)...)
		if diff := cmp.Diff(flag, help); diff != "" {
			t.Errorf("%v: %s", command, diff)
		}
	}
}

func TestHelpHasExamples(t *testing.T) {
	secret := shell{t, map[string]string{"CHATAPI_APP": strings.Repeat("s", 36)}}
	for _, command := range []string{
		"apps create", "apps list", "apps get", "apps rename",
		"chats create", "chats list", "chats get", "chats rename",
		"send", "edit", "delete", "tail", "search", "readers set", "readers get", "export", "import",
	} {
		t.Run(command, func(t *testing.T) {
			got := secret.must(append(strings.Fields(command), "--help")...)
			if !strings.Contains(got, "Examples:\n  ") || strings.Contains(got, secret.env["CHATAPI_APP"]) {
				t.Errorf("no examples, or the app's token: %s", got)
			}
		})
	}
}

// storesChats waits until an app's chats are stored.
func storesChats(sh shell, chats int) {
	sh.t.Helper()
	eventually(sh.t, "the chats are stored", func() bool {
		return strings.Count(sh.must("chats", "list", "--json"), "\n") == chats
	})
}

func TestCompletion(t *testing.T) {
	sh := newShell(t)
	sh.must("chats", "create", "Kitchen")
	sh.must("chats", "create")
	storesChats(sh, 2)
	nobody := sh.with("CHATAPI_URL", "http://127.0.0.1:1")
	for _, tt := range []struct {
		name  string
		shell shell
		args  []string
		want  string
	}{
		{"the chat of tail", sh, []string{"tail", ""}, "2\n1\tKitchen\n:36\n"},
		{"the chat of a flag", sh, []string{"search", "--chat", ""}, "2\n1\tKitchen\n:36\n"},
		{"a flag", sh, []string{"tail", "--lin"}, "--lines\tshow the last N messages first\n:4\n"},
		{"the text of send", sh, []string{"send", "1", ""}, ":4\n"},
		{"without an app", sh.with("CHATAPI_APP", ""), []string{"tail", ""}, ":4\n"},
		{"without a server", nobody, []string{"tail", ""}, ":4\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			// Completions give up on a slow server.
			for end := time.Now().Add(timeout); got != tt.want && time.Now().Before(end); {
				got = tt.shell.must(append([]string{"__complete"}, tt.args...)...)
			}
			if got != tt.want {
				t.Errorf("completes %q, want %q", got, tt.want)
			}
		})
	}
	for _, name := range []string{"bash", "zsh", "fish", "powershell"} {
		if sh.must("completion", name) == "" {
			t.Errorf("no completion for %s", name)
		}
	}
}
