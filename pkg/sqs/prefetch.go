package sqs

import (
	"context"

	"chatapi/pkg/chat"
)

// Prefetch returns a receiver that calls another one's Receive several times
// side by side and returns together what the calls brought: for a queue such
// as SQS, which gives at most 10 deliveries a call. So it returns more than
// were asked for, where calls times what one gives is more. While there is
// nothing to receive it keeps one call under way, else so many.
//
// Calls outlive the Receive that began them, so the contexts of all Receives
// must last as long as deliveries are wanted.
func Prefetch(receiver chat.Receiver, calls int) chat.Receiver {
	return &prefetcher{
		Receiver: receiver,
		ended:    make(chan received, calls),
		underWay: make(chan struct{}, calls),
	}
}

type prefetcher struct {
	chat.Receiver
	ended    chan received // as long as underWay, so that no call waits to end
	underWay chan struct{} // holds one for each call until its result is taken
}

// received is the result of a call.
type received struct {
	deliveries []chat.Delivery
	err        error
}

// Receive implements chat.Receiver.
func (p *prefetcher) Receive(ctx context.Context, limit int) ([]chat.Delivery, error) {
	if len(p.underWay) == 0 && ctx.Err() == nil {
		p.begin(ctx, limit)
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case first := <-p.ended:
		<-p.underWay
		if len(first.deliveries) == 0 {
			return nil, first.err
		}
		all := append(first.deliveries, p.more()...)
		for p.begin(ctx, limit) {
		}
		return all, nil
	}
}

// begin begins a call and reports whether it did: not where so many are under
// way as may be.
func (p *prefetcher) begin(ctx context.Context, limit int) bool {
	select {
	case p.underWay <- struct{}{}:
	default:
		return false
	}
	go func() {
		deliveries, err := p.Receiver.Receive(ctx, limit)
		p.ended <- received{deliveries: deliveries, err: err}
	}()
	return true
}

// more returns what other calls have brought meanwhile. An error of theirs is
// left out: what causes it meets the next call as well.
func (p *prefetcher) more() (deliveries []chat.Delivery) {
	for {
		select {
		case r := <-p.ended:
			<-p.underWay
			deliveries = append(deliveries, r.deliveries...)
		default:
			return deliveries
		}
	}
}
