// Package writer is the consumer of the Creates queue: it stores creates as
// rows. It knows no engine and no AWS event.
package writer

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

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
// other, such as a missing permission, may not. A create that cannot be decoded or
// stored does not affect the others.
func (w *Writer) Write(ctx context.Context, deliveries []chat.Delivery) []error {
	errs := make([]error, len(deliveries))
	var storing errgroup.Group
	storing.SetLimit(concurrency)
	for _, g := range groupByParent(deliveries, errs) {
		storing.Go(func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("%v\n%s", p, debug.Stack())
				}
			}()
			g.store(ctx, w.store, errs)
			return nil
		})
	}
	if panicked := storing.Wait(); panicked != nil {
		panic(panicked) // where the caller can recover: a goroutine's panic ends the process
	}
	return errs
}

// group is the creates of a batch that have the same parent: either chats or
// messages.
type group struct {
	parent  chat.Parent
	creates []chat.Create
	places  []int // in the batch
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
		g.creates, g.places = append(g.creates, create), append(g.places, i)
	}
	return groups
}

// store stores the creates of a group and sets their errors.
func (g *group) store(ctx context.Context, store chat.Store, errs []error) {
	err := g.storeTogether(ctx, store)
	var partly *chat.NotStoredError
	for i, c := range g.creates {
		switch place := g.places[i]; {
		case errors.Is(err, chat.ErrAppNotFound): // an app is stored before it is acknowledged
			errs[place] = fmt.Errorf("%w: %w", chat.ErrUnstorable, err)
		case errors.Is(err, chat.ErrUnstorable) && len(g.creates) > 1: // one of them is at fault
			errs[place] = c.Store(ctx, store)
		case errors.As(err, &partly) && !slices.Contains(partly.Numbers, c.Number()):
		default:
			errs[place] = err
		}
	}
}

func (g *group) storeTogether(ctx context.Context, store chat.Store) error {
	var chats []chat.Chat
	var messages []chat.Message
	for _, c := range g.creates {
		if c.Chat != nil {
			chats = append(chats, *c.Chat)
			continue
		}
		messages = append(messages, *c.Message)
	}
	if g.parent.IsApp() {
		return store.StoreChats(ctx, g.parent.AppToken, chats)
	}
	return store.StoreMessages(ctx, g.parent.ChatID(), messages)
}
