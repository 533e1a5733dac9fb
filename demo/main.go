// Command demo runs the service over a temporary folder, fills it with real
// texts and searches them, and prints what it found and how long each step
// took.
//
// Texts come in files of entries between lines of a single %, the format of
// Debian's fortunes packages; every file becomes a chat.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"chatapi/pkg/api"
	"chatapi/pkg/client"
	"chatapi/pkg/embedded"
	"chatapi/pkg/local"
)

func main() {
	most := flag.Int("messages", 5000, "messages to post at most")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: demo [-messages N] FILE|FOLDER …")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *most, flag.Args()); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, most int, paths []string) error {
	chats, err := readTexts(paths, most)
	if err != nil {
		return err
	}
	data, err := os.MkdirTemp("", "chatapi-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	url, stop, err := serve(ctx, data)
	if err != nil {
		return err
	}
	fmt.Printf("chatapi serves %s with its data in %s\n\n", url, data)
	t := tour{api: client.New(url), out: os.Stdout}
	if info, err := os.Stdout.Stat(); err == nil {
		t.terminal = info.Mode()&os.ModeCharDevice != 0
	}
	return errors.Join(t.run(ctx, chats), stop())
}

// serve runs the service on a free port until stop is called.
func serve(ctx context.Context, data string) (url string, stop func() error, err error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	backend, err := embedded.Open(data, embedded.Options{})
	if err != nil {
		return "", nil, errors.Join(err, listener.Close())
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() {
		done <- local.Serve(ctx, slog.New(slog.NewTextHandler(os.Stderr, nil)), listener, backend.Ports, local.Options{Guard: api.Guard{Open: true}})
	}()
	stop = func() error {
		cancel()
		return errors.Join(<-done, backend.Close())
	}
	return "http://" + listener.Addr().String(), stop, nil
}

// step times one step of the tour and says so.
func (t *tour) step(what string, do func() (string, error)) error {
	start := time.Now()
	result, err := do()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	fmt.Fprintf(t.out, "%-44s %8.3f s   %s\n", what, time.Since(start).Seconds(), result)
	return nil
}
