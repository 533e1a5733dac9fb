package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatapi/pkg/client"
)

// TestMain runs the command in place of the tests if a variable is set, so that a
// test can run and kill the command as a process.
func TestMain(m *testing.M) {
	if os.Getenv("CHATAPI_TEST_BE_COMMAND") == "1" {
		main()
	}
	os.Exit(m.Run())
}

func TestServeRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	foreign := t.TempDir()
	file := filepath.Join(foreign, "notes.txt")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	free := "127.0.0.1:0"
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"a port in use", []string{"serve", "--addr", taken.Addr().String(), "--data", t.TempDir()}, 1,
			"in use by another program; want a free address"},
		{"no port", []string{"serve", "--addr", "nowhere", "--data", t.TempDir()}, 2,
			`invalid --addr "nowhere": want HOST:PORT`},
		{"an invalid port", []string{"serve", "--addr", "127.0.0.1:70000", "--data", t.TempDir()}, 2,
			`invalid --addr "127.0.0.1:70000": want HOST:PORT`},
		{"an address of another machine", []string{"serve", "--addr", "192.0.2.1:8000", "--open", "--data", t.TempDir()}, 1,
			"listen on 192.0.2.1:8000"},
		{"every address without an admin key", []string{"serve", "--addr", ":0", "--data", t.TempDir()}, 2,
			`invalid --addr ":0" without an admin key`},
		{"an address of the network without an admin key",
			[]string{"serve", "--addr", "192.0.2.1:8000", "--data", t.TempDir()}, 2, "or --open"},
		{"a folder that cannot be created", []string{"serve", "--addr", free, "--data", filepath.Join(file, "data")}, 1,
			"create data folder"},
		{"a foreign folder", []string{"serve", "--addr", free, "--data", foreign}, 1, "not chatapi's"},
		{"a folder for the aws backend", []string{"serve", "--backend", "aws", "--data", t.TempDir()}, 2,
			"invalid --data with --backend aws"},
		{"an unknown backend", []string{"serve", "--backend", "ram"}, 2, `invalid --backend "ram": want embedded or aws`},
		{"an argument of setup", []string{"setup", "here"}, 2, `unexpected argument "here": want none`},
		{"an unknown flag", []string{"serve", "--port", "1"}, 2, "unknown flag: --port"},
		{"an argument", []string{"serve", "here"}, 2, `unexpected argument "here": want none`},
		{"an unknown command", []string{"swerve"}, 2, `unknown command "swerve"`},
		{"a command like another", []string{"serves"}, 2, "did you mean serve?"},
		{"no command", nil, 2, "Usage:\n  chatapi [command]\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), tt.args, func(string) string { return "" }, nil, &stdout, &stderr)
			if status != tt.status || !strings.Contains(stderr.String(), tt.says) {
				t.Errorf("status %d, want %d; says %q, want %q", status, tt.status, stderr.String(), tt.says)
			}
			if lines := strings.Count(stderr.String(), "\n"); len(tt.args) > 0 && lines != 1 {
				t.Errorf("%d lines, want one: %s", lines, stderr.String())
			}
		})
	}
}

func TestServeEnvironment(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // stop immediately after the start
	env := map[string]string{"CHATAPI_ADDR": "127.0.0.1:0", "CHATAPI_DATA": filepath.Join(t.TempDir(), "there")}
	var stdout, stderr bytes.Buffer
	getenv := func(name string) string { return env[name] }
	if status := run(ctx, []string{"serve"}, getenv, nil, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d: %s", status, stderr.String())
	}
	for _, want := range []string{"http://127.0.0.1:", env["CHATAPI_DATA"], "try: curl -X POST http://127.0.0.1:"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in %q", want, stdout.String())
		}
	}
}

// server is a process that runs the command serve.
type server struct {
	process *exec.Cmd
	addr    string
	api     *client.Client
}

// command returns a process that runs the command and is not started yet.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command(self, args...)
	process.Env = append(os.Environ(), "CHATAPI_TEST_BE_COMMAND=1")
	process.Stderr = os.Stderr
	return process
}

// start starts a server on an address. Port 0 is any free port.
func start(t *testing.T, addr, data string) server {
	t.Helper()
	process := command(t, "serve", "--addr", addr, "--data", data)
	stdout, err := process.StdoutPipe()
	if err == nil {
		err = process.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	_, rest, _ := strings.Cut(line, "http://")
	addr, _, _ = strings.Cut(rest, " ")
	return server{process: process, addr: addr, api: client.New("http://" + addr)}
}

func (s server) kill() {
	_ = s.process.Process.Signal(syscall.SIGKILL)
	_ = s.process.Wait()
}

// acknowledged has the creates that were acknowledged: message bodies by number.
type acknowledged struct {
	mu       sync.Mutex
	messages []map[int64]string // of chat 1, chat 2 …
	highest  []int64
	pending  []keyed // creates with a key that got no response
}

// keyed is a create whose body is its Idempotency-Key.
type keyed struct {
	chat int
	body string
}

func (a *acknowledged) noResponse(k keyed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pending = append(a.pending, k)
}

func (a *acknowledged) add(chat int, number int64, body string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if before, twice := a.messages[chat][number]; twice {
		return fmt.Errorf("number %d of chat %d was given to %q and to %q", number, chat+1, before, body)
	}
	a.messages[chat][number] = body
	a.highest[chat] = max(a.highest[chat], number)
	return nil
}

// TestKill checks promises 1, 2, 6 and 7 when the server is killed under load: each
// acknowledged message is stored exactly once, later numbers are higher, search
// finds the messages, and retries with the same key create nothing.
func TestKill(t *testing.T) {
	const chats, rounds, clients = 4, 3, 16
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, "127.0.0.1:0", data)
	app, err := s.api.CreateApp(t.Context(), client.CreateAppRequest{Name: "kill"})
	if err != nil {
		t.Fatal(err)
	}
	token := app.Data.AppToken
	acks := &acknowledged{highest: make([]int64, chats)}
	for range chats {
		if _, err := s.api.CreateChat(t.Context(), token, client.CreateChatRequest{}); err != nil {
			t.Fatal(err)
		}
		acks.messages = append(acks.messages, map[int64]string{})
	}
	for round := range rounds {
		loadUntilKilled(t, s, token, acks, round, clients)
		s = start(t, "127.0.0.1:0", data)
		for chat := range chats {
			body := fmt.Sprintf("after kill %d", round)
			created, err := s.api.CreateMessage(t.Context(), token, numberOf(chat), client.CreateMessageRequest{Body: body})
			if err != nil {
				t.Fatal(err)
			}
			if created.MessageNumber <= acks.highest[chat] {
				t.Fatalf("chat %d: number %d after %d was acknowledged", chat+1, created.MessageNumber, acks.highest[chat])
			}
			if err := acks.add(chat, created.MessageNumber, body); err != nil {
				t.Fatal(err)
			}
		}
		sendAgain(t, s, token, acks)
	}
	for chat := range chats {
		checkChat(t, s, token, numberOf(chat), acks.messages[chat])
	}
}

// sendAgain retries the creates with a key that got no response because of a kill.
func sendAgain(t *testing.T, s server, token string, acks *acknowledged) {
	t.Helper()
	for _, k := range acks.pending {
		var number int64
		for range 2 {
			created, err := s.api.CreateMessage(t.Context(), token, numberOf(k.chat),
				client.CreateMessageRequest{Body: k.body}, client.CreateMessageParams{IdempotencyKey: k.body})
			if err != nil {
				t.Fatal(err)
			}
			if number != 0 && created.MessageNumber != number {
				t.Errorf("%s has number %d and then %d", k.body, number, created.MessageNumber)
			}
			number = created.MessageNumber
		}
		if err := acks.add(k.chat, number, k.body); err != nil {
			t.Error(err)
		}
	}
	acks.pending = nil
}

// loadUntilKilled creates messages from many clients, half of them with keys,
// and kills the server meanwhile.
func loadUntilKilled(t *testing.T, s server, token string, acks *acknowledged, round, clients int) {
	t.Helper()
	var load sync.WaitGroup
	for worker := range clients {
		load.Go(func() {
			for i := 0; ; i++ {
				chat := (worker + i) % len(acks.messages)
				body := fmt.Sprintf("r%dc%di%d", round, worker, i)
				var params []client.CreateMessageParams
				if worker%2 == 0 {
					params = append(params, client.CreateMessageParams{IdempotencyKey: body})
				}
				request := client.CreateMessageRequest{Body: body}
				created, err := s.api.CreateMessage(t.Context(), token, numberOf(chat), request, params...)
				if err != nil && len(params) > 0 {
					acks.noResponse(keyed{chat, body})
				}
				if err != nil {
					return // killed
				}
				if err := acks.add(chat, created.MessageNumber, body); err != nil {
					t.Error(err)
				}
			}
		})
	}
	time.Sleep(700 * time.Millisecond)
	s.kill()
	load.Wait()
}

// numberOf returns the number of a chat from its index in acknowledged.
func numberOf(chat int) int64 { return int64(chat) + 1 }

// checkChat compares what is stored with what was acknowledged. Batches are
// stored concurrently, so the highest number may be stored before the others.
func checkChat(t *testing.T, s server, token string, number int64, want map[int64]string) {
	t.Helper()
	name := fmt.Sprintf("chat %d", number)
	if len(want) < 10 {
		t.Fatalf("%s: only %d acknowledged messages: no load", name, len(want))
	}
	var stored map[int64]string
	within(t, 20*time.Second, "every acknowledged message of "+name+" is stored, and all are counted", func() bool {
		stored = s.storedIn(t, token, number)
		for n := range want {
			if stored[n] == "" {
				return false
			}
		}
		chat, err := s.api.GetChat(t.Context(), token, number)
		return err == nil && chat.MessageCount == int64(len(stored))
	})
	numbers := map[string]int64{}
	for n, body := range stored {
		if other, twice := numbers[body]; twice {
			t.Errorf("%s: %q is stored as %d and as %d", name, body, other, n)
		}
		numbers[body] = n
	}
	for n, body := range want {
		if stored[n] != body {
			t.Errorf("%s: message %d is %q, acknowledged was %q", name, n, stored[n], body)
		}
	}
	within(t, 20*time.Second, "search finds every stored message of "+name, func() bool {
		return s.countFound(t, token, number, "r0") == countWith(stored, "r0") &&
			s.countFound(t, token, number, "after") == countWith(stored, "after")
	})
}

// storedIn returns the bodies of a chat's stored messages by their numbers.
func (s server) storedIn(t *testing.T, token string, chat int64) map[int64]string {
	t.Helper()
	stored := map[int64]string{}
	for after := int64(0); ; {
		page, err := s.api.ListMessages(t.Context(), token, chat, client.ListMessagesParams{Limit: 200, After: after})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Messages) == 0 {
			return stored
		}
		for _, m := range page.Messages {
			stored[m.MessageNumber], after = m.Body, m.MessageNumber
		}
	}
}

func countWith(stored map[int64]string, prefix string) (n int) {
	for _, body := range stored {
		if strings.HasPrefix(body, prefix) {
			n++
		}
	}
	return n
}

// countFound counts the hits of a query over all pages.
func (s server) countFound(t *testing.T, token string, chat int64, query string) (n int) {
	t.Helper()
	next := ""
	for {
		request := client.SearchRequest{Query: query, Limit: 200, Next: next}
		page, err := s.api.SearchMessages(t.Context(), token, chat, request)
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Messages)
		if next = page.Next; next == "" {
			return n
		}
	}
}

func within(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}
