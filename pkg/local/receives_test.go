package local_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"chatapi/pkg/chat"
)

// impatientQueue delivers every create that is not deleted again at once, as a
// queue does whose visibility timeout is over.
type impatientQueue struct {
	chat.Receiver
	mu       sync.Mutex
	creates  []chat.Delivery
	receives int // of creates
}

func (q *impatientQueue) Receive(ctx context.Context, limit int) ([]chat.Delivery, error) {
	added, err := q.Receiver.Receive(ctx, limit)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.creates = append(q.creates, added...)
	if len(q.creates) > 0 {
		q.receives++
	}
	return slices.Clone(q.creates), err
}

func (q *impatientQueue) Delete(ctx context.Context, done []chat.Delivery) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range done {
		q.creates = slices.DeleteFunc(q.creates, func(c chat.Delivery) bool { return c.ID == d.ID })
	}
	return q.Receiver.Delete(ctx, done)
}

func (q *impatientQueue) received() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.receives
}

// TestNoWritesUseUpNoReceives holds that while the store can be read and not
// written, creates stay with the poller: each further receive would bring them
// closer to the dead letters.
func TestNoWritesUseUpNoReceives(t *testing.T) {
	const outage = 3 * time.Second
	var e engine
	backend := openBackend(t).Ports
	backend.Store = stoppedStore{backend.Store, &e}
	queue := &impatientQueue{Receiver: backend.Receiver}
	backend.Receiver = queue
	s := serveBackend(t, slog.New(slog.DiscardHandler), backend)
	chatPath := s.newChat(t, s.newApp(t))
	eventually(t, 5*time.Second, "the chat is stored", func() bool {
		a, err := send(s.url, request{method: "GET", path: chatPath})
		return err == nil && a.status == 200
	})
	e.stopped.Store(true)
	before := queue.received()
	s.must(t, 201, "POST", chatPath+"/messages", `{"body":"hello"}`)
	time.Sleep(outage)
	if receives, failed := queue.received()-before, e.failed.Load(); receives != 1 || failed < 2 {
		t.Errorf("received %d times and attempted to store %d times, want once and several times", receives, failed)
	}
	e.stopped.Store(false)
	eventually(t, 10*time.Second, "the message is stored", func() bool {
		a, err := send(s.url, request{method: "GET", path: chatPath + "/messages/1"})
		return err == nil && a.status == 200
	})
}
