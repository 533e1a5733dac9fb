// Package writer is the consumer of the Creates queue: it stores creates as
// rows. It knows no engine and no AWS event.
package writer

import (
	"context"
	"errors"
	"fmt"

	"chatapi/pkg/chat"

	"golang.org/x/sync/errgroup"
)

// concurrency is how many groups of a batch are stored concurrently. A store
// that commits all waiting writes together needs few commits for them.
const concurrency = 512

// Writer stores creates.
type Writer struct {
	store chat.Store
}

// New returns a writer to a store.
func New(store chat.Store) *Writer { return &Writer{store: store} }

// Write stores the creates of a batch of deliveries: the chats of one app
// together, the messages of one chat together, and such groups concurrently. It
// returns one error per delivery, nil for those that were stored. An error that
// wraps chat.ErrUnstorable will be the same for every delivery of the create; any
// other, such as a missing permission, may not. A create that cannot be decoded
// does not affect the others.
func (w *Writer) Write(ctx context.Context, deliveries []chat.Delivery) []error {
	errs := make([]error, len(deliveries))
	var storing errgroup.Group
	storing.SetLimit(concurrency)
	for _, g := range groupByParent(deliveries, errs) {
		storing.Go(func() error {
			err := g.store(ctx, w.store)
			if errors.Is(err, chat.ErrAppNotFound) { // an app is stored before it is answered with 201
				err = fmt.Errorf("%w: %w", chat.ErrUnstorable, err)
			}
			for _, i := range g.places {
				errs[i] = err
			}
			return nil
		})
	}
	_ = storing.Wait() // the errors are in errs
	return errs
}

// group is the creates of a batch that have the same parent: either chats or
// messages.
type group struct {
	parent   chat.Parent
	chats    []chat.Chat
	messages []chat.Message
	places   []int // in the batch
}

// groupByParent returns the groups of a batch, and sets the errors of the
// deliveries that cannot be decoded.
func groupByParent(deliveries []chat.Delivery, errs []error) (groups []*group) {
	byParent := map[chat.Parent]*group{}
	for i, d := range deliveries {
		create, err := chat.DecodeCreate([]byte(d.Body))
		if err != nil {
			errs[i] = fmt.Errorf("%w: %w", chat.ErrUnstorable, err)
			continue
		}
		g := byParent[create.Parent()]
		if g == nil {
			g = &group{parent: create.Parent()}
			byParent[g.parent] = g
			groups = append(groups, g)
		}
		g.add(create, i)
	}
	return groups
}

func (g *group) add(c chat.Create, place int) {
	g.places = append(g.places, place)
	if c.Chat != nil {
		g.chats = append(g.chats, *c.Chat)
		return
	}
	g.messages = append(g.messages, *c.Message)
}

func (g *group) store(ctx context.Context, store chat.Store) error {
	if g.parent.IsApp() {
		return store.StoreChats(ctx, g.parent.AppToken, g.chats)
	}
	return store.StoreMessages(ctx, g.parent.ChatID(), g.messages)
}
