package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"runtime/debug"
	"syscall"

	"chatapi/internal/cli"
	"chatapi/pkg/auth"
	"chatapi/pkg/embedded"
	"chatapi/pkg/local"

	"github.com/spf13/cobra"
)

const (
	defaultAddr = "127.0.0.1:8000"
	defaultData = "./data"
)

const serveExamples = `  chatapi serve
  CHATAPI_ADMIN_KEY_SHA256=… chatapi serve --addr 0.0.0.0:80 --data /var/lib/chatapi
  chatapi serve --backend aws`

// serveCommand returns the command that serves the API until it is stopped.
func serveCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Serve the API from a data folder, or from DynamoDB, SQS and OpenSearch",
		Example: serveExamples,
		GroupID: cli.GroupServer,
		Args:    cli.NoArgs,
	}
	flags := cmd.Flags()
	addr := flags.String("addr", cmp.Or(getenv("CHATAPI_ADDR"), defaultAddr),
		"listen on `HOST:PORT`, or CHATAPI_ADDR; port 0 is any free port")
	backend := flags.String("backend", "embedded",
		"`NAME` of the backend: embedded stores everything in the data folder; "+
			"aws uses the tables, queues and index that the environment names")
	data := flags.String("data", cmp.Or(getenv("CHATAPI_DATA"), defaultData),
		"data `FOLDER`, or CHATAPI_DATA; created if it does not exist")
	var access accessFlags
	flags.BoolVar(&access.open, "open", false, "allow anyone who reaches the server to create apps and list their tokens")
	flags.StringArrayVar(&access.hosts, "host", nil,
		"`NAME` in the Host header that a server without an admin key accepts, besides localhost; can be repeated")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, stdout, stderr := cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr()
		var err error
		if access.admin, err = auth.ParseAdmin(getenv("CHATAPI_ADMIN_KEY_SHA256")); err != nil {
			return cli.Usagef("CHATAPI_ADMIN_KEY_SHA256: %w", err)
		}
		inFolder, err := isEmbedded(cmd, *backend)
		if err != nil {
			return err
		}
		if inFolder {
			return serveEmbedded(ctx, *addr, *data, access, stdout, stderr)
		}
		return serveAWS(ctx, *addr, access, stdout, stderr)
	}
	return cmd
}

// serveEmbedded serves the API from a data folder until the context ends.
func serveEmbedded(ctx context.Context, addr, data string, access accessFlags, stdout, stderr io.Writer) error {
	options, err := access.options(addr)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	log := newLog(stderr)
	backend, err := embedded.Open(data, embedded.Options{Log: log})
	if err != nil {
		return err
	}
	announce(stdout, listener, "with its data in "+data, access)
	err = local.Serve(ctx, log, listener, backend.Ports, options)
	return errors.Join(err, backend.Close())
}

// announce prints where the server listens, who may create apps, and an example.
func announce(stdout io.Writer, listener net.Listener, source string, access accessFlags) {
	url := "http://" + listener.Addr().String()
	header := ""
	if access.admin.Configured() {
		header = ` -H "Authorization: Bearer $CHATAPI_ADMIN_KEY"`
	}
	fmt.Fprintf(stdout, "chatapi serves %s %s; Ctrl-C stops it\n", url, source)
	fmt.Fprintf(stdout, "%s\n", access.describe(listener.Addr().String()))
	const request = `try: curl -X POST %s/api/v1/apps%s -H 'Content-Type: application/json' -d '{"name":"My app"}'`
	fmt.Fprintf(stdout, request+"\n", url, header)
}

func newLog(stderr io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(stderr, nil)) }

// listen listens on an address of the form HOST:PORT.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	if err := checkAddr(ctx, addr); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("invalid --addr %q: in use by another program; want a free address", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return listener, nil
}

// checkAddr returns an error if an address is not HOST:PORT. It does not check that
// the host is one of this machine's; listening does.
func checkAddr(ctx context.Context, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = net.DefaultResolver.LookupPort(ctx, "tcp", port)
	}
	if err != nil {
		return cli.Usagef("invalid --addr %q: want HOST:PORT", addr)
	}
	return nil
}

// tune configures the Go runtime for this program, unless the environment does.
//
// It sets GOMAXPROCS above the number of cores: indexing computes for a long time
// without blocking, and Go's scheduler preempts it after 10 ms, the operating
// system's much earlier. It sets GOGC to 400 because little of the memory is live.
func tune(getenv func(string) string) {
	if getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(4 * runtime.GOMAXPROCS(0))
	}
	if getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}
