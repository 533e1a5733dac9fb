package chattest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"chatapi/pkg/chat"

	"golang.org/x/sync/errgroup"
)

// Visibility is the visibility timeout that the queue suite expects of the
// queues under test.
const Visibility = time.Second

// QueueUnderTest is a new, empty queue with the visibility timeout Visibility,
// seen from all its sides.
type QueueUnderTest struct {
	Queue    chat.Queue
	Receiver chat.Receiver
	// SendRaw puts any body into the queue.
	SendRaw func(ctx context.Context, body string) error
	// DeadLetters returns the bodies of some dead letters, and sooner or later
	// of each. It may return one more than once.
	DeadLetters func(ctx context.Context) ([]string, error)
	// MaxReceives is how often the queue delivers a create before it goes to the
	// dead letters.
	MaxReceives int
}

// Queue is the contract of the ports chat.Queue and chat.Receiver. It runs its
// cases side by side and calls open for each.
func Queue(t *testing.T, open func(t *testing.T) QueueUnderTest) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, q QueueUnderTest)
	}{
		{"a create is received as it was sent", receiveSent},
		{"what is deleted is delivered no more", deleteReceived},
		{"what is not deleted is delivered again", redeliver},
		{"no two receivers hold one delivery", receiveSideBySide},
		{"dead letters after the last delivery", deadLetters},
		{"a body that is no create is delivered", receiveRaw},
		{"concurrent sends all arrive", sendSideBySide},
		{"an empty queue gives nothing, in bounded time", receiveNothing},
		{"an end of the context ends every method", cancelledQueue},
		{"a queue that works answers a ping", pingQueue},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

// patience is how long a case waits for what must come; longer than any wait
// of a Receive.
const patience = 30 * time.Second

// newCreates returns n creates of messages of one chat.
func newCreates(t *testing.T, n int) []chat.Create {
	t.Helper()
	id := chat.ChatID{AppToken: unknownToken(t), Number: 1}
	creates := make([]chat.Create, n)
	for i := range creates {
		m := newMessage(t, id, int64(i+1))
		creates[i] = chat.Create{Message: &m}
	}
	return creates
}

func (q QueueUnderTest) send(t *testing.T, creates ...chat.Create) {
	t.Helper()
	for _, c := range creates {
		if err := q.Queue.Send(t.Context(), c); err != nil {
			t.Fatalf("send: %v", err)
		}
	}
}

// receive waits for a delivery.
func (q QueueUnderTest) receive(t *testing.T) chat.Delivery {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		deliveries, err := q.Receiver.Receive(t.Context(), 1)
		if err != nil {
			t.Fatalf("receive: %v", err)
		}
		if len(deliveries) > 1 {
			t.Fatalf("%d deliveries, asked for 1", len(deliveries))
		}
		if len(deliveries) == 1 {
			return deliveries[0]
		}
	}
	t.Fatalf("nothing received for %v", patience)
	return chat.Delivery{}
}

// wantNothing checks that nothing is delivered for a time.
func (q QueueUnderTest) wantNothing(t *testing.T, during time.Duration) {
	t.Helper()
	for end := time.Now().Add(during); time.Now().Before(end); {
		deliveries, err := q.Receiver.Receive(t.Context(), 10)
		if err != nil {
			t.Fatalf("receive: %v", err)
		}
		for _, d := range deliveries {
			t.Errorf("delivered for the %d. time: %.80s", d.Receives, d.Body)
		}
	}
}

func receiveSent(t *testing.T, q QueueUnderTest) {
	token := unknownToken(t)
	c := newChat(t, token, 7)
	c.Title = "Café ☕ سلام \x00"
	m := newMessage(t, c.ID(), chat.MaxNumber)
	m.Body = "<b>&\"quoted\"</b> \\ \x00\x01 \u2028 \ufffe\uffff 👩‍👩‍👧‍👦"
	// A body of controls is the longest create: JSON makes six bytes of each.
	long := newMessage(t, c.ID(), 1)
	long.Body = "x" + string(make([]byte, chat.MaxBody-1))
	for name, want := range map[string]chat.Create{"chat": {Chat: &c}, "message": {Message: &m}, "longest message": {Message: &long}} {
		before := time.Now().Add(-time.Second) // clocks of engines cut to seconds or milliseconds
		q.send(t, want)
		after := time.Now().Add(time.Second)
		d := q.receive(t)
		got, err := chat.DecodeCreate([]byte(d.Body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		wantEqual(t, got, want)
		if d.Receives != 1 || d.ID == "" || d.Receipt == "" {
			t.Errorf("%s: delivery %d of ID %q with receipt %q, want the first with both", name, d.Receives, d.ID, d.Receipt)
		}
		if d.SentAt.Before(before) || d.SentAt.After(after) {
			t.Errorf("%s: sent at %v, want from %v to %v", name, d.SentAt, before, after)
		}
		q.delete(t, d)
	}
}

func (q QueueUnderTest) delete(t *testing.T, deliveries ...chat.Delivery) {
	t.Helper()
	if err := q.Receiver.Delete(t.Context(), deliveries); err != nil {
		t.Fatalf("delete %d deliveries: %v", len(deliveries), err)
	}
}

func deleteReceived(t *testing.T, q QueueUnderTest) {
	const creates = 13 // more than SQS deletes at once
	q.send(t, newCreates(t, creates)...)
	held := map[string]chat.Delivery{} // by ID, the newest delivery of each
	for end := time.Now().Add(patience); len(held) < creates && time.Now().Before(end); {
		deliveries, err := q.Receiver.Receive(t.Context(), 10)
		if err != nil {
			t.Fatalf("receive: %v", err)
		}
		for _, d := range deliveries {
			held[d.ID] = d
		}
	}
	q.delete(t, slices.Collect(maps.Values(held))...)
	q.delete(t)
	q.wantNothing(t, 2*Visibility)
}

func redeliver(t *testing.T, q QueueUnderTest) {
	q.send(t, newCreates(t, 1)...)
	asked := time.Now()
	first := q.receive(t)
	second := q.receive(t)
	if hidden := time.Since(asked); hidden < Visibility {
		t.Errorf("delivered again after %v, less than the visibility timeout", hidden)
	}
	if second.ID != first.ID || second.Body != first.Body || !second.SentAt.Equal(first.SentAt) {
		t.Errorf("delivered again as %+v, was %+v", second, first)
	}
	if first.Receives != 1 || second.Receives != 2 {
		t.Errorf("deliveries count as %d and %d, want 1 and 2", first.Receives, second.Receives)
	}
	q.delete(t, second)
	q.wantNothing(t, 2*Visibility)
}

// holding is the time of one Receive that returned a delivery.
type holding struct {
	receives         int
	called, returned time.Time
}

func receiveSideBySide(t *testing.T, q QueueUnderTest) {
	const creates = 20
	q.send(t, newCreates(t, creates)...)
	var mu sync.Mutex
	held := map[string][]holding{}
	group, ctx := errgroup.WithContext(t.Context())
	end := time.Now().Add(2*Visibility + Visibility/2)
	for range 2 {
		group.Go(func() error {
			for time.Now().Before(end) {
				called := time.Now()
				deliveries, err := q.Receiver.Receive(ctx, 10)
				if err != nil {
					return err
				}
				returned := time.Now()
				mu.Lock()
				for _, d := range deliveries {
					held[d.ID] = append(held[d.ID], holding{d.Receives, called, returned})
				}
				mu.Unlock()
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("receive: %v", err)
	}
	if len(held) != creates {
		t.Errorf("%d creates were delivered, want %d", len(held), creates)
	}
	for id, times := range held {
		slices.SortFunc(times, func(a, b holding) int { return a.receives - b.receives })
		for i := 1; i < len(times); i++ {
			if apart := times[i].returned.Sub(times[i-1].called); apart < Visibility {
				t.Errorf("create %s was delivered twice within %v", id, apart)
			}
			if times[i].receives == times[i-1].receives {
				t.Errorf("two deliveries of create %s both count as %d", id, times[i].receives)
			}
		}
	}
}

func deadLetters(t *testing.T, q QueueUnderTest) {
	creates := newCreates(t, 1)
	q.send(t, creates...)
	body := ""
	for i := range q.MaxReceives {
		d := q.receive(t)
		if d.Receives != i+1 {
			t.Errorf("delivery %d counts as %d", i+1, d.Receives)
		}
		body = d.Body
	}
	q.wantNothing(t, 2*Visibility)
	q.wantDeadLetter(t, body)
}

func (q QueueUnderTest) wantDeadLetter(t *testing.T, body string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(Visibility / 10) {
		letters, err := q.DeadLetters(t.Context())
		if err != nil {
			t.Fatalf("read dead letters: %v", err)
		}
		if slices.Contains(letters, body) {
			return
		}
	}
	t.Errorf("not among the dead letters for %v: %.80s", patience, body)
}

func receiveRaw(t *testing.T, q QueueUnderTest) {
	for _, body := range []string{"no create", "{", `{"chat":null}`, "سلام 👋"} {
		if err := q.SendRaw(t.Context(), body); err != nil {
			t.Fatalf("send %q: %v", body, err)
		}
		d := q.receive(t)
		if d.Body != body || d.Receives != 1 {
			t.Errorf("delivery %d of %q, want the first of %q", d.Receives, d.Body, body)
		}
		q.delete(t, d)
	}
}

func sendSideBySide(t *testing.T, q QueueUnderTest) {
	const sends, senders = 200, 16
	creates := newCreates(t, sends)
	sending, ctx := errgroup.WithContext(t.Context())
	sending.SetLimit(senders)
	for _, c := range creates {
		sending.Go(func() error { return q.Queue.Send(ctx, c) })
	}
	missing := map[int64]bool{}
	for _, c := range creates {
		missing[c.Message.Number] = true
	}
	for end := time.Now().Add(patience); len(missing) > 0 && time.Now().Before(end); {
		deliveries, err := q.Receiver.Receive(t.Context(), 10)
		if err != nil {
			t.Fatalf("receive: %v", err)
		}
		for _, d := range deliveries {
			c, err := chat.DecodeCreate([]byte(d.Body))
			if err != nil {
				t.Fatal(err)
			}
			delete(missing, c.Message.Number)
		}
		q.delete(t, deliveries...)
	}
	if err := sending.Wait(); err != nil {
		t.Fatalf("send: %v", err)
	}
	if len(missing) > 0 {
		t.Errorf("%d of %d creates did not arrive", len(missing), sends)
	}
}

func receiveNothing(t *testing.T, q QueueUnderTest) {
	begun := time.Now()
	deliveries, err := q.Receiver.Receive(t.Context(), 10)
	if err != nil || len(deliveries) > 0 {
		t.Errorf("%d deliveries, error %v, want none and none", len(deliveries), err)
	}
	if took := time.Since(begun); took > patience {
		t.Errorf("returned after %v", took)
	}
}

func cancelledQueue(t *testing.T, q QueueUnderTest) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	create := newCreates(t, 1)[0]
	for _, call := range []struct {
		name string
		run  func() error
	}{
		{"Send", func() error { return q.Queue.Send(ended, create) }},
		{"Receive", func() error { _, err := q.Receiver.Receive(ended, 1); return err }},
		{"Receive that waits", func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			for { // until the wait of a Receive outlasts the context
				if _, err := q.Receiver.Receive(ctx, 1); err != nil || ctx.Err() != nil {
					return ctx.Err()
				}
			}
		}},
		{"Delete", func() error {
			return q.Receiver.Delete(ended, []chat.Delivery{{ID: "1", Receipt: "1"}})
		}},
		{"Ping", func() error { return q.Queue.Ping(ended) }},
	} {
		wantEnd(t, call.name, time.Second, call.run)
	}
}

func pingQueue(t *testing.T, q QueueUnderTest) {
	if err := q.Queue.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
}

// wantEnd holds that a call whose context ends returns an error, and soon. It
// gives it some tries: a machine that does much else may stop any of them for a
// while, and a call that does not look at its context is late each time.
func wantEnd(t *testing.T, name string, within time.Duration, call func() error) {
	t.Helper()
	var took time.Duration
	for range 5 {
		begun := time.Now()
		if err := call(); err == nil {
			t.Errorf("%s: no error", name)
		}
		if took = time.Since(begun); took <= within {
			return
		}
	}
	t.Errorf("%s: returned after %v", name, took)
}
