package sqs

import (
	"context"

	"chatapi/pkg/chat"
)

// Prefetch returns a receiver that calls another one's Receive up to calls times
// concurrently and returns the deliveries of several calls together: for a queue
// such as SQS, which returns at most 10 a call. It can return more than the limit.
// While there is nothing to receive only one call is in progress.
//
// Calls outlive the Receive that began them, so the contexts of all Receives must
// last as long as deliveries are wanted.
func Prefetch(receiver chat.Receiver, calls int) chat.Receiver {
	return &prefetcher{
		Receiver: receiver,
		ended:    make(chan received, calls),
		running:  make(chan struct{}, calls),
	}
}

type prefetcher struct {
	chat.Receiver
	ended   chan received // has the capacity of running, so that no call waits to end
	running chan struct{} // holds one value for each call until its result is received
}

// received is the result of a call.
type received struct {
	deliveries []chat.Delivery
	err        error
}

// Receive implements chat.Receiver.
func (p *prefetcher) Receive(ctx context.Context, limit int) ([]chat.Delivery, error) {
	if len(p.running) == 0 && ctx.Err() == nil {
		p.begin(ctx, limit)
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case first := <-p.ended:
		<-p.running
		if len(first.deliveries) == 0 {
			return nil, first.err
		}
		all := append(first.deliveries, p.more()...)
		for p.begin(ctx, limit) {
		}
		return all, nil
	}
}

// begin begins a call, unless the maximum is in progress, and reports whether it
// did.
func (p *prefetcher) begin(ctx context.Context, limit int) bool {
	select {
	case p.running <- struct{}{}:
	default:
		return false
	}
	go func() {
		deliveries, err := p.Receiver.Receive(ctx, limit)
		p.ended <- received{deliveries: deliveries, err: err}
	}()
	return true
}

// more returns the deliveries of other calls that have ended meanwhile. Their
// errors are dropped: the next call fails for the same reason.
func (p *prefetcher) more() (deliveries []chat.Delivery) {
	for {
		select {
		case r := <-p.ended:
			<-p.running
			deliveries = append(deliveries, r.deliveries...)
		default:
			return deliveries
		}
	}
}
