package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"runtime/debug"
	"syscall"

	"chatapi/pkg/embedded"
	"chatapi/pkg/local"
)

const (
	defaultAddr = "127.0.0.1:8000"
	defaultData = "./data"
)

// serve runs the API with everything embedded until ctx is done.
func serve(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("chatapi serve", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", cmp.Or(getenv("CHATAPI_ADDR"), defaultAddr), "address to listen on, or CHATAPI_ADDR; port 0 takes a free one")
	data := flags.String("data", cmp.Or(getenv("CHATAPI_DATA"), defaultData), "folder for the data, or CHATAPI_DATA; made where it is missing")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "chatapi serve: takes no argument %q\n", flags.Arg(0))
		return 2
	}
	tune(getenv)
	if err := serveEmbedded(ctx, *addr, *data, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "chatapi: %v\n", err)
		return 1
	}
	return 0
}

func serveEmbedded(ctx context.Context, addr, data string, stdout, stderr io.Writer) error {
	listener, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	backend, err := embedded.Open(data, embedded.Options{})
	if err != nil {
		return err
	}
	url := "http://" + listener.Addr().String()
	fmt.Fprintf(stdout, "chatapi serves %s with its data in %s; Ctrl-C stops it\n", url, data)
	fmt.Fprintf(stdout, "try: curl -X POST %s/api/v1/apps -H 'Content-Type: application/json' -d '{\"name\":\"My app\"}'\n", url)
	err = local.Serve(ctx, slog.New(slog.NewTextHandler(stderr, nil)), listener, local.Backend{
		Store: backend.Store, Queue: backend.Queue, Receiver: backend.Queue,
		Stream: backend.Stream, Index: backend.Index, DeadLetters: backend.DeadLetters,
	})
	return errors.Join(err, backend.Close())
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program; choose another address with --addr", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return listener, nil
}

// tune sets the Go runtime for this program, where the environment does not.
//
// More threads run than there are cores: indexing computes for long stretches,
// and Go's scheduler lets a request wait up to 10 ms for one to end, the
// operating system's much less. And the garbage collector waits for more
// garbage, because little of the memory is live.
func tune(getenv func(string) string) {
	if getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(4 * runtime.GOMAXPROCS(0))
	}
	if getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}
