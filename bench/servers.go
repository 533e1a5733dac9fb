package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"chatapi/pkg/client"
)

// text is the body of every message but for its number: about as long as chat
// messages are.
const text = "The quick brown fox jumps over the lazy dog near the river bank"

func messageBody(n int64) string { return fmt.Sprintf(`{"body":"%s %d","sender":"bench"}`, text, n) }

// serveBare is the limit of what a server in Go can do: decode, answer 201.
func serveBare(ctx context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var server http.Server
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Body, Sender string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Body == "" {
			http.Error(w, "bad body", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{"message": "Message created successfully", "message_number": 1, "body": in.Body})
	})
	fmt.Printf("serves http://%s\n", listener.Addr())
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// process is a server under measurement.
type process struct {
	command *exec.Cmd
	addr    string
}

// start runs a server and waits for the line in which it names its address.
func start(ctx context.Context, path string, args ...string) (*process, error) {
	command := exec.CommandContext(ctx, path, args...)
	command.Stderr = os.Stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 20 * time.Second
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("%s did not start: %w", path, err)
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	_, rest, _ := strings.Cut(line, "http://")
	addr, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	return &process{command: command, addr: addr}, nil
}

// stop ends the server and returns the CPU time that it took.
func (p *process) stop() time.Duration {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	_ = p.command.Wait()
	return p.command.ProcessState.UserTime() + p.command.ProcessState.SystemTime()
}

func measureBare(ctx context.Context, self string, s settings) (result, error) {
	p, err := start(ctx, self, "-bare")
	if err != nil {
		return result{}, err
	}
	r, err := load(ctx, p.addr, s, func(n int64) []byte { return post("/", messageBody(n)) })
	cpu := p.stop()
	r.cpu = perRequest(cpu, r.requests)
	return r, err
}

func perRequest(cpu time.Duration, requests int) float64 {
	return float64(cpu.Microseconds()) / float64(max(requests, 1))
}

func measureChatapi(ctx context.Context, server string, s settings) (r result, err error) {
	data, err := os.MkdirTemp("", "chatapi-bench-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(data)
	p, err := start(ctx, server, "serve", "--addr", "127.0.0.1:0", "--data", data)
	if err != nil {
		return r, err
	}
	defer func() { r.cpu = perRequest(p.stop(), r.requests) }()
	a, err := newApp(ctx, "http://"+p.addr, s.chats)
	if err != nil {
		return r, err
	}
	paths := a.messages()
	r, err = load(ctx, p.addr, s, func(n int64) []byte { return post(paths[n%int64(len(paths))], messageBody(n)) })
	if err != nil {
		return r, err
	}
	err = a.drain(ctx, &r)
	return r, err
}

// app is the app that messages go to. It asks the API for what is not measured.
type app struct {
	api   *client.Client
	token string
	chats []int64 // numbers
}

func newApp(ctx context.Context, url string, chats int) (app, error) {
	a := app{api: client.New(url)}
	made, err := a.api.CreateApp(ctx, client.CreateAppRequest{Name: "bench"})
	if err != nil {
		return a, err
	}
	a.token = made.Data.AppToken
	for range chats {
		chat, err := a.api.CreateChat(ctx, a.token, client.CreateChatRequest{})
		if err != nil {
			return a, err
		}
		a.chats = append(a.chats, chat.ChatNumber)
	}
	return a, nil
}

// messages returns the paths to post messages to.
func (a app) messages() []string {
	paths := make([]string, len(a.chats))
	for i, number := range a.chats {
		paths[i] = fmt.Sprintf("/api/v1/apps/%s/chats/%d/messages", a.token, number)
	}
	return paths
}

// drainTimeout bounds the wait for rows and index.
const drainTimeout = 5 * time.Minute

// drain waits until everything acknowledged is stored, and the last message of
// every chat searchable.
func (a app) drain(ctx context.Context, r *result) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	start := time.Now()
	stored, err := a.stored(ctx)
	r.storedAtEnd = stored
	for err == nil && stored < int64(r.requests) {
		time.Sleep(50 * time.Millisecond)
		stored, err = a.stored(ctx)
	}
	r.storedAfter = time.Since(start)
	for _, chat := range a.chats {
		if err == nil {
			err = a.waitSearchable(ctx, chat)
		}
	}
	r.searchableAfter = time.Since(start)
	return err
}

func (a app) stored(ctx context.Context) (sum int64, err error) {
	for _, number := range a.chats {
		chat, err := a.api.GetChat(ctx, a.token, number)
		if err != nil {
			return 0, err
		}
		sum += chat.MessageCount
	}
	return sum, nil
}

// waitSearchable waits until a search finds the newest message of a chat.
func (a app) waitSearchable(ctx context.Context, chat int64) error {
	newest, err := a.api.ListMessages(ctx, a.token, chat, client.ListMessagesParams{Order: client.ListMessagesParamsOrderDesc, Limit: 1})
	if err != nil || len(newest.Messages) == 0 {
		return err
	}
	for {
		found, err := a.api.SearchMessages(ctx, a.token, chat, client.SearchRequest{Query: "fox", Limit: 1})
		if err != nil {
			return err
		}
		if len(found.Messages) > 0 && found.Messages[0].MessageNumber == newest.Messages[0].MessageNumber {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}
