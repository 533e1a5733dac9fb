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

// serveCommand is the command that runs the API until it is stopped.
func serveCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Serve the API, with everything in one folder or from DynamoDB, SQS and OpenSearch",
		Example: serveExamples,
		GroupID: cli.GroupServer,
		Args:    cli.NoArgs,
	}
	flags := cmd.Flags()
	addr := flags.String("addr", cmp.Or(getenv("CHATAPI_ADDR"), defaultAddr), "listen on `HOST:PORT`, or CHATAPI_ADDR; port 0 takes a free one")
	backend := flags.String("backend", "embedded", "`NAME` of the backend: embedded keeps everything in the data folder; aws uses the tables, queues and index that the environment names")
	data := flags.String("data", cmp.Or(getenv("CHATAPI_DATA"), defaultData), "keep the data in `FOLDER`, or CHATAPI_DATA; made where it is missing")
	var access accessFlags
	flags.BoolVar(&access.open, "open", false, "let anyone who reaches the server create apps and list their tokens")
	flags.StringArrayVar(&access.hosts, "host", nil, "`NAME` by which requests may address a server without an admin key, besides localhost")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, stdout, stderr := cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr()
		var err error
		if access.admin, err = auth.ParseAdmin(getenv("CHATAPI_ADMIN_KEY_SHA256")); err != nil {
			return cli.Usagef("CHATAPI_ADMIN_KEY_SHA256: %w", err)
		}
		switch {
		case *backend == "embedded":
			return serveEmbedded(ctx, *addr, *data, access, stdout, stderr)
		case *backend != "aws":
			return cli.Usagef("there is no backend %q, only embedded and aws", *backend)
		case flags.Changed("data"):
			return cli.Usagef("--data is for the embedded backend; aws keeps its data in DynamoDB, SQS and OpenSearch")
		default:
			return serveAWS(ctx, *addr, access, stdout, stderr)
		}
	}
	return cmd
}

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

// announce says that the server can be used, how, and by whom.
func announce(stdout io.Writer, listener net.Listener, where string, access accessFlags) {
	url := "http://" + listener.Addr().String()
	header := ""
	if access.admin.Configured() {
		header = ` -H "Authorization: Bearer $CHATAPI_ADMIN_KEY"`
	}
	fmt.Fprintf(stdout, "chatapi serves %s %s; Ctrl-C stops it\n", url, where)
	fmt.Fprintf(stdout, "%s\n", access.describe(listener.Addr().String()))
	fmt.Fprintf(stdout, "try: curl -X POST %s/api/v1/apps%s -H 'Content-Type: application/json' -d '{\"name\":\"My app\"}'\n", url, header)
}

func newLog(stderr io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(stderr, nil)) }

func listen(ctx context.Context, addr string) (net.Listener, error) {
	if err := checkAddr(ctx, addr); err != nil {
		return nil, err
	}
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

// checkAddr returns an error where an address is not HOST:PORT. Whether the host
// is one of this machine's is seen by listening.
func checkAddr(ctx context.Context, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = net.DefaultResolver.LookupPort(ctx, "tcp", port)
	}
	if err != nil {
		return cli.Usagef("--addr or CHATAPI_ADDR is to be like %s, not %q", defaultAddr, addr)
	}
	return nil
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
