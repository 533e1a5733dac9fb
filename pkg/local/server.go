package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"chatapi/pkg/api"
	"chatapi/pkg/chat"
	"chatapi/pkg/docs"

	smithytime "github.com/aws/smithy-go/time"
)

const (
	// shutdownTimeout bounds how long current requests may take at shutdown.
	shutdownTimeout = 10 * time.Second
	// failedTimeout is how long a server whose backend failed goes on reporting
	// that in /health, so that whoever watches it can see why it ends.
	failedTimeout = 5 * time.Second
)

// Options are the settings of a server.
type Options struct {
	// Guard decides who may create and list apps.
	Guard api.Guard
	// Hosts are the names by which requests may address the server; none for
	// any.
	Hosts []string
}

// Serve serves the API on the listener and stores and indexes what is created,
// until ctx is done. Then it accepts no more requests, finishes the current
// requests and batches, and returns nil. What is still in the queue is stored
// after the next start.
//
// If p.Failed reports that the backend accepts no writes any more, Serve logs the
// error, goes on for 5 seconds, in which /health reports it too, and returns it.
func Serve(ctx context.Context, log *slog.Logger, listener net.Listener, p chat.Ports, options Options) error {
	pollCtx, stopPolling := context.WithCancel(context.WithoutCancel(ctx))
	defer stopPolling()
	var pollers sync.WaitGroup
	queue := newQueuePoller(p, log)
	pollers.Go(func() { queue.run(pollCtx) })
	stream := newStreamPoller(p, log)
	pollers.Go(func() { stream.run(pollCtx) })

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var failure error
	pollers.Go(func() {
		if failure = awaitFailure(pollCtx, log, p.Failed); failure != nil {
			stop()
		}
	})

	err := serveHTTP(ctx, log, listener, Handler(log, p, options))
	stopPolling()
	pollers.Wait()
	return errors.Join(failure, err)
}

// awaitFailure returns an error some time after the backend failed. It returns at
// once when ctx ends.
func awaitFailure(ctx context.Context, log *slog.Logger, failed <-chan error) error {
	select {
	case err := <-failed:
		log.ErrorContext(ctx, "backend failed; the server refuses reads and writes and ends",
			"after", failedTimeout, "error", err)
		_ = smithytime.SleepWithContext(ctx, failedTimeout)
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		return nil
	}
}

// Handler returns the API, its OpenAPI document and the page that shows it.
func Handler(log *slog.Logger, p chat.Ports, options Options) http.Handler {
	operations := api.Operations(p, options.Guard)
	handler := api.New(log, slices.Concat(operations, api.OpenAPI(operations...), docs.Operations())...)
	if len(options.Hosts) == 0 {
		return handler
	}
	return api.CheckHost(options.Hosts, handler)
}

func serveHTTP(ctx context.Context, log *slog.Logger, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	select {
	case err := <-stopped:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		return fmt.Errorf("shut down: %w", err)
	}
	if err := <-stopped; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
