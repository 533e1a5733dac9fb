package sqs_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/sqs"
)

// fewAtOnce is a queue that, like SQS, gives some deliveries a call and takes a
// while, and a longer one where there are none.
type fewAtOnce struct {
	left chan chat.Delivery
	callsAtATime
}

// callsAtATime counts calls that are under way.
type callsAtATime struct{ now, most chan int }

func newFewAtOnce(n int) *fewAtOnce {
	q := &fewAtOnce{left: make(chan chat.Delivery, n), callsAtATime: callsAtATime{now: make(chan int, 1), most: make(chan int, 1)}}
	for i := range n {
		q.left <- chat.Delivery{ID: strconv.Itoa(i)}
	}
	q.now <- 0
	q.most <- 0
	return q
}

func (c callsAtATime) count(change int) {
	now, most := change+<-c.now, <-c.most
	c.now <- now
	c.most <- max(most, now)
}

const (
	perCall   = 10
	callTakes = 5 * time.Millisecond
	longPoll  = 2 * time.Second
)

func (q *fewAtOnce) Receive(ctx context.Context, most int) (some []chat.Delivery, err error) {
	q.count(+1)
	defer q.count(-1)
	time.Sleep(callTakes)
	for len(some) < min(most, perCall) {
		select {
		case d := <-q.left:
			some = append(some, d)
			continue
		default:
		}
		break
	}
	if len(some) > 0 {
		return some, nil
	}
	select {
	case d := <-q.left:
		return []chat.Delivery{d}, nil
	case <-time.After(longPoll):
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (q *fewAtOnce) Delete(context.Context, []chat.Delivery) error { return nil }

func TestPrefetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls, total = 5, 500
		ctx, cancel := context.WithCancel(t.Context())
		defer time.Sleep(callTakes) // the calls under way end
		defer cancel()
		queue := newFewAtOnce(total)
		receiver := sqs.Prefetch(queue, calls)
		seen, receives := map[string]bool{}, 0
		for ; len(seen) < total; receives++ {
			deliveries, err := receiver.Receive(ctx, 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range deliveries {
				if seen[d.ID] {
					t.Fatalf("delivery %s came twice", d.ID)
				}
				seen[d.ID] = true
			}
			time.Sleep(2 * callTakes) // the writer stores them
		}
		if most := total/perCall/calls + 2; receives > most {
			t.Errorf("%d receives, want %d at most", receives, most)
		}
		if most := <-queue.most; most > calls {
			t.Errorf("%d calls at a time, want %d", most, calls)
		} else {
			queue.most <- most
		}
	})
}

func TestPrefetchIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer time.Sleep(callTakes) // the call under way ends
		queue := newFewAtOnce(1)
		receiver := sqs.Prefetch(queue, 5)
		if deliveries, err := receiver.Receive(ctx, 10); len(deliveries) != 1 || err != nil {
			t.Fatalf("%d deliveries, error %v, want 1", len(deliveries), err)
		}
		for range 6 { // the calls that the delivery set off come back with nothing
			if deliveries, err := receiver.Receive(ctx, 10); len(deliveries) != 0 || err != nil {
				t.Fatalf("%d deliveries, error %v, want none", len(deliveries), err)
			}
		}
		go func() { _, _ = receiver.Receive(ctx, 10) }()
		synctest.Wait()
		if now := <-queue.now; now != 1 {
			t.Errorf("%d calls under way, want 1", now)
		} else {
			queue.now <- now
		}
		cancel()
		synctest.Wait()
		if _, err := receiver.Receive(ctx, 10); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v after the end", err)
		}
	})
}
