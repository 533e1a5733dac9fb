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

	"chatapi/internal/client"
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
	c := setup{client.New("http://"+p.addr, 1)}
	paths, err := c.createChats(ctx, s.chats)
	if err != nil {
		return r, err
	}
	r, err = load(ctx, p.addr, s, func(n int64) []byte { return post(paths[n%int64(len(paths))], messageBody(n)) })
	if err != nil {
		return r, err
	}
	err = c.drain(ctx, paths, &r)
	return r, err
}

// setup asks the API for what is not measured.
type setup struct{ *client.Client }

// createChats returns the paths of the messages of new chats.
func (c setup) createChats(ctx context.Context, n int) (paths []string, err error) {
	var app struct {
		Data struct {
			AppToken string `json:"app_token"`
		} `json:"data"`
	}
	if err := c.Call(ctx, http.MethodPost, "/api/v1/apps", map[string]string{"name": "bench"}, &app); err != nil {
		return nil, err
	}
	chats := "/api/v1/apps/" + app.Data.AppToken + "/chats"
	for range n {
		var made struct {
			ChatNumber int64 `json:"chat_number"`
		}
		if err := c.Call(ctx, http.MethodPost, chats, struct{}{}, &made); err != nil {
			return nil, err
		}
		paths = append(paths, fmt.Sprintf("%s/%d/messages", chats, made.ChatNumber))
	}
	return paths, nil
}

// drainTimeout bounds the wait for rows and index.
const drainTimeout = 5 * time.Minute

// drain waits until everything acknowledged is stored, and the last message of
// every chat searchable.
func (c setup) drain(ctx context.Context, paths []string, r *result) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	start := time.Now()
	stored, err := c.stored(ctx, paths)
	r.storedAtEnd = stored
	for err == nil && stored < int64(r.requests) {
		time.Sleep(50 * time.Millisecond)
		stored, err = c.stored(ctx, paths)
	}
	r.storedAfter = time.Since(start)
	for _, path := range paths {
		if err == nil {
			err = c.waitSearchable(ctx, path)
		}
	}
	r.searchableAfter = time.Since(start)
	return err
}

func (c setup) stored(ctx context.Context, paths []string) (sum int64, err error) {
	for _, path := range paths {
		var got struct {
			MessageCount int64 `json:"message_count"`
		}
		if err := c.Call(ctx, http.MethodGet, strings.TrimSuffix(path, "/messages"), nil, &got); err != nil {
			return 0, err
		}
		sum += got.MessageCount
	}
	return sum, nil
}

// waitSearchable waits until a search finds the newest message of a chat.
func (c setup) waitSearchable(ctx context.Context, path string) error {
	var newest, found struct {
		Messages []struct {
			Number int64 `json:"message_number"`
		} `json:"messages"`
	}
	if err := c.Call(ctx, http.MethodGet, path+"?order=desc&limit=1", nil, &newest); err != nil || len(newest.Messages) == 0 {
		return err
	}
	for {
		err := c.Call(ctx, http.MethodPost, path+"/search", map[string]any{"query": "fox", "limit": 1}, &found)
		if err != nil {
			return err
		}
		if len(found.Messages) > 0 && found.Messages[0].Number == newest.Messages[0].Number {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}
