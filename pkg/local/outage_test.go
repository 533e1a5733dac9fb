package local_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatapi/pkg/api"
	"chatapi/pkg/chat"
	"chatapi/pkg/local"
)

// engine is one that can be stopped: while it is, its calls fail.
type engine struct {
	stopped atomic.Bool
	failed  atomic.Int64
}

func (e *engine) call() error {
	if !e.stopped.Load() {
		return nil
	}
	e.failed.Add(1)
	return fmt.Errorf("call it: %w: connection refused", chat.ErrUnavailable)
}

type stoppedStore struct {
	chat.Store
	*engine
}

func (s stoppedStore) StoreMessages(ctx context.Context, id chat.ChatID, messages []chat.Message) error {
	if err := s.call(); err != nil {
		return err
	}
	return s.Store.StoreMessages(ctx, id, messages)
}

func (s stoppedStore) Ping(context.Context) error {
	if s.stopped.Load() {
		return chat.ErrUnavailable
	}
	return nil
}

type stoppedReceiver struct {
	chat.Receiver
	*engine
}

func (r stoppedReceiver) Receive(ctx context.Context, limit int) ([]chat.Delivery, error) {
	if err := r.call(); err != nil {
		return nil, err
	}
	return r.Receiver.Receive(ctx, limit)
}

type stoppedStream struct {
	chat.Stream
	*engine
}

func (s stoppedStream) Read(ctx context.Context, limit int) ([]chat.Change, error) {
	if err := s.call(); err != nil {
		return nil, err
	}
	return s.Stream.Read(ctx, limit)
}

// lateStream has changes that were made a week ago, because the process was
// down since, or a clock was wrong.
type lateStream struct{ chat.Stream }

func (s lateStream) Read(ctx context.Context, limit int) ([]chat.Change, error) {
	changes, err := s.Stream.Read(ctx, limit)
	for i := range changes {
		changes[i].At = changes[i].At.AddDate(0, 0, -7)
	}
	return changes, err
}

type stoppedIndex struct {
	chat.VersionIndex
	*engine
}

func (x stoppedIndex) Apply(ctx context.Context, messages []chat.Message) []error {
	err := x.call()
	if err == nil {
		return x.VersionIndex.Apply(ctx, messages)
	}
	errs := make([]error, len(messages))
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// TestOutage stops each engine that a poller works with: the log says so once,
// creates are taken meanwhile, none is given up, and all are stored and found
// when the engine is back.
func TestOutage(t *testing.T) {
	const messages, outage = 30, 1500 * time.Millisecond
	for _, tt := range []struct {
		name, what string
		stop       func(*chat.Ports, *engine)
		mostFailed int64 // calls during the outage
	}{
		{"store", "store creates", func(b *chat.Ports, e *engine) { b.Store = stoppedStore{b.Store, e} }, 2 + messages},
		{"queue", "receive creates", func(b *chat.Ports, e *engine) { b.Receiver = stoppedReceiver{b.Receiver, e} }, 20},
		{"stream", "read changes", func(b *chat.Ports, e *engine) { b.Stream = stoppedStream{b.Stream, e} }, 10},
		{"index", "index changes", func(b *chat.Ports, e *engine) { b.Index = stoppedIndex{b.Index, e} }, 10},
		{"index, with changes of last week", "index changes", func(b *chat.Ports, e *engine) {
			b.Index, b.Stream = stoppedIndex{b.Index, e}, lateStream{b.Stream}
		}, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var e engine
			backend := openBackend(t).Ports
			tt.stop(&backend, &e)
			var log syncBuffer
			s := serveBackend(t, slog.New(slog.NewTextHandler(&log, nil)), backend)
			chatPath := s.newChat(t, s.newApp(t))
			eventually(t, 5*time.Second, "the chat is stored", func() bool {
				a, err := send(s.url, request{method: "GET", path: chatPath})
				return err == nil && a.status == 200
			})
			e.stopped.Store(true)
			for range messages {
				s.must(t, 201, "POST", chatPath+"/messages", `{"body":"hello"}`)
			}
			time.Sleep(outage)
			if failed := e.failed.Load(); failed == 0 || failed > tt.mostFailed {
				t.Errorf("%d failed calls during the outage, want 1 to %d", failed, tt.mostFailed)
			}
			if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "cannot "+tt.what) || !strings.Contains(text, "connection refused") {
				t.Errorf("log of the outage, want one line that says why it cannot %s:\n%s", tt.what, text)
			}
			e.stopped.Store(false)
			eventually(t, 20*time.Second, "all messages are found", func() bool {
				a, err := send(s.url, request{method: "POST", path: chatPath + "/messages/search", body: `{"query":"hello","limit":200}`})
				return err == nil && len(bodies(a)) == messages
			})
			eventually(t, 5*time.Second, "the log says that it works again", func() bool {
				return strings.Contains(log.String(), "can "+tt.what+" again")
			})
			if text := log.String(); strings.Count(text, "\n") != 2 {
				t.Errorf("log of the whole outage, want two lines:\n%s", text)
			}
		})
	}
}

// serveBackend starts a server with its writer and indexer.
func serveBackend(t *testing.T, log *slog.Logger, backend chat.Ports) service {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- local.Serve(ctx, log, listener, backend, local.Options{Guard: api.Guard{Open: true}}) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return service{url: "http://" + listener.Addr().String(), stop: stop}
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
