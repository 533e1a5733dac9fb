//go:build linux

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
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"chatapi/pkg/api"
	"chatapi/pkg/awsbackend"
	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
	"chatapi/pkg/local"
	"chatapi/test/faults/inject"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
)

const (
	// visibility is how long the embedded queue hides a create whose batch
	// failed: long enough to store it, short enough for a run to see it come
	// again.
	visibility = 2 * time.Second
)

// serveMain is the server under test: "chatapi serve", with faults between it
// and its engines. SIGUSR1 ends the faults.
func serveMain(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("faults serve", flag.ExitOnError)
	addr := flags.String("addr", "127.0.0.1:0", "")
	name := flags.String("row", "", "the row whose rules are in force")
	data := flags.String("data", "", "")
	tallyFile := flags.String("tally", "", "")
	seed := flags.Uint64("seed", 1, "")
	kill := flags.String("kill", "", "")
	skew := flags.Duration("skew", 0, "of the clock")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r, err := rowNamed(*name)
	if err != nil {
		return err
	}
	at, err := inject.ParseKill(*kill)
	if err != nil {
		return err
	}
	tally, err := inject.OpenTally(*tallyFile)
	if err != nil {
		return err
	}
	// As the command's own, or a process of this size would not show what
	// becomes of the command's.
	runtime.GOMAXPROCS(4 * runtime.GOMAXPROCS(0))
	debug.SetGCPercent(400)
	faults := inject.New(*seed, r.rules, at, *skew, tally)
	heal := make(chan os.Signal, 1)
	signal.Notify(heal, syscall.SIGUSR1)
	go watch(tally, faults, heal)

	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	backend, closeBackend, err := openBackend(ctx, r, *data, log, faults)
	if err != nil {
		return err
	}
	fmt.Printf("serves http://%s\n", listener.Addr())
	return errors.Join(local.Serve(ctx, log, listener, faulty(backend, faults), local.Options{Guard: api.Guard{Open: true}}), closeBackend())
}

// watch notes the number of goroutines and ends the faults when it is told to.
func watch(tally *inject.Tally, faults *inject.Injector, heal <-chan os.Signal) {
	for tick := time.Tick(100 * time.Millisecond); ; {
		select {
		case <-tick:
			tally.SetGoroutines(runtime.NumGoroutine())
		case <-heal:
			faults.Off()
		}
	}
}

// faulty puts faults between the service and a backend.
func faulty(p chat.Ports, faults *inject.Injector) chat.Ports {
	p.Store = faults.Store(p.Store)
	p.Idempotency = faults.Idempotency(p.Idempotency)
	p.Queue = faults.Queue(p.Queue)
	p.Receiver = faults.Receiver(p.Receiver)
	p.Stream = faults.Stream(p.Stream)
	p.Index = faults.Index(p.Index)
	p.CreateDeadLetters = faults.DeadLetters(p.CreateDeadLetters)
	p.ChangeDeadLetters = faults.DeadLetters(p.ChangeDeadLetters)
	return p
}

func openBackend(ctx context.Context, r row, data string, log *slog.Logger, faults *inject.Injector) (chat.Ports, func() error, error) {
	if r.engines {
		b, err := openEngines(ctx, faults)
		return b, func() error { return nil }, err
	}
	b, err := embedded.Open(data, embedded.Options{Visibility: cmp.Or(r.visibility, visibility), Log: log})
	if err != nil {
		return chat.Ports{}, nil, err
	}
	return b.Ports, b.Close, nil
}

// openStore opens the store of a row whose server has ended, without faults.
func openStore(ctx context.Context, r row, data string) (chat.Store, func() error, error) {
	if r.engines {
		p, err := enginePorts(ctx)
		return p.Store, func() error { return nil }, err
	}
	b, err := embedded.Open(data, embedded.Options{Existing: true})
	if err != nil {
		return nil, nil, err
	}
	return b.Store, b.Close, nil
}

// enginePorts returns the ports that the variables of the functions name,
// without faults.
func enginePorts(ctx context.Context) (chat.Ports, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return chat.Ports{}, err
	}
	names, err := awsbackend.ConfigFromEnv()
	if err != nil {
		return chat.Ports{}, err
	}
	return awsbackend.New(cfg, names)
}

// openEngines returns the backend that the variables of the functions name,
// with faults in the HTTP clients of DynamoDB and SQS and in a proxy in front
// of OpenSearch.
func openEngines(ctx context.Context, faults *inject.Injector) (chat.Ports, error) {
	plain := http.DefaultTransport.(*http.Transport).Clone()
	plain.MaxIdleConns, plain.MaxIdleConnsPerHost = 0, 256
	plain.ResponseHeaderTimeout = 10 * time.Second
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return chat.Ports{}, err
	}
	cfg.HTTPClient = &http.Client{Transport: faults.Transport(plain)}
	backend, err := awsbackend.ConfigFromEnv()
	if err != nil {
		return chat.Ports{}, err
	}
	backend.Search.Endpoint, err = proxy(backend.Search.Endpoint, faults.Transport(plain), time.Minute)
	if err != nil {
		return chat.Ports{}, err
	}
	return awsbackend.New(cfg, backend)
}

// proxy serves an engine on another address, through a transport, and closes
// connections that are not used for some time.
func proxy(endpoint string, through http.RoundTripper, idle time.Duration) (string, error) {
	to, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       idle,
		ErrorLog:          slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelError),
		Handler: &httputil.ReverseProxy{
			Transport:    through,
			Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(to) },
			ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		},
	}
	go func() { _ = server.Serve(listener) }()
	return "http://" + listener.Addr().String(), nil
}
