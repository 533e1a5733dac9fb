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
	"chatapi/pkg/indexer"
	"chatapi/pkg/writer"
)

// Backend is the engines behind a server: what the API works on, and what moves
// its creates and changes on.
type Backend struct {
	api.Ports
	Receiver    chat.Receiver
	Stream      chat.Stream
	DeadLetters indexer.DeadLetters
}

// shutdownTimeout bounds how long requests in flight may take at shutdown.
const shutdownTimeout = 10 * time.Second

// Serve answers requests on the listener and stores and indexes what they
// create, until ctx is done. Then it takes no more requests, finishes those in
// flight and the batches at hand, and returns nil. What is still queued is
// stored at the next start.
func Serve(ctx context.Context, log *slog.Logger, listener net.Listener, b Backend) error {
	pollCtx, stopPolling := context.WithCancel(context.WithoutCancel(ctx))
	defer stopPolling()
	var pollers sync.WaitGroup
	queue := newQueuePoller(b, log)
	pollers.Go(func() { queue.run(pollCtx) })
	stream := newStreamPoller(b, log)
	pollers.Go(func() { stream.run(pollCtx) })

	err := serveHTTP(ctx, log, listener, Handler(log, b))
	stopPolling()
	pollers.Wait()
	return err
}

func newQueuePoller(b Backend, log *slog.Logger) queuePoller {
	storing := newOutage(log, "store creates")
	return queuePoller{
		receiver: b.Receiver, handle: writer.New(b.Store, storing.logger()).Handle, ping: b.Store.Ping,
		receiving: newOutage(log, "receive creates"), storing: storing,
	}
}

func newStreamPoller(b Backend, log *slog.Logger) streamPoller {
	indexing := newOutage(log, "index changes")
	return streamPoller{
		stream: b.Stream, handle: indexer.New(b.Index, b.DeadLetters, indexing.logger()).Handle, deadLetters: b.DeadLetters,
		reading: newOutage(log, "read changes"), indexing: indexing, stuck: &stuck{},
	}
}

// Handler returns the API over a backend, its document, and the page that
// shows it.
func Handler(log *slog.Logger, b Backend) http.Handler {
	operations := api.Operations(b.Ports,
		api.Engine{Name: "store", Ping: b.Store.Ping},
		api.Engine{Name: "queue", Ping: b.Queue.Ping},
		api.Engine{Name: "index", Ping: b.Index.Ping},
	)
	return api.New(log, slices.Concat(operations, api.OpenAPI(operations...), docs.Operations())...)
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
