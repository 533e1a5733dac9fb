package chat

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// LateAfter is how long after its CreatedAt a create is stored at the
	// latest, unless something delayed it: it covers writes in flight and the
	// difference between the clocks of two servers.
	LateAfter = 15 * time.Minute
	// VoidAfter is the age of a stored message after which the numbers that
	// are missing below it are void. They were allocated before it was created,
	// and for KeyRetention an Idempotency-Key may still repeat their creates.
	VoidAfter = KeyRetention + LateAfter
)

// ListedMessage is a number in a list of messages: a message, its tombstone, or
// a void number, of which only Number, AppToken and ChatNumber are set.
type ListedMessage struct {
	Message
	Void bool
}

// MessageList is a page of a chat's messages.
type MessageList struct {
	Items []ListedMessage // by number, in the order of the page
	More  bool            // whether a page follows
}

// ListMessages returns a page of a chat's messages in which void numbers have
// their place, or ErrChatNotFound or ErrAppNotFound. It takes one call of the
// store, and one more if the numbers directly below page.Before are missing.
func ListMessages(ctx context.Context, store Store, id ChatID, page Page, now time.Time) (MessageList, error) {
	messages, more, err := store.Messages(ctx, id, page)
	if err != nil {
		return MessageList{}, err
	}
	l := lister{chat: id, limit: page.Limit, oldest: now.Add(-VoidAfter)}
	if page.endsInGap(messages, more) {
		above, _, err := store.Messages(ctx, id, Page{After: page.Before - 1, Limit: 1})
		if err != nil {
			return MessageList{}, fmt.Errorf("read the message above: %w", err)
		}
		if len(above) > 0 {
			l.above = &above[0]
		}
	}
	if page.Descending {
		l.descend(messages, page, more)
	} else {
		l.ascend(messages, page, more)
	}
	return MessageList{Items: l.items, More: more || l.full}, nil
}

// endsInGap reports whether only the next message at or above Before tells if
// numbers between After and Before are void.
func (p Page) endsInGap(messages []Message, more bool) bool {
	highest := p.After
	switch {
	case p.Before == 0 || !p.Descending && more:
		return false
	case len(messages) > 0 && p.Descending:
		highest = messages[0].Number
	case len(messages) > 0:
		highest = messages[len(messages)-1].Number
	}
	return highest < p.Before-1
}

// lister puts void numbers between messages.
type lister struct {
	chat   ChatID
	limit  int
	oldest time.Time // a message created before this makes the missing numbers below it void
	above  *Message  // the next message at or above the page, if it matters
	items  []ListedMessage
	full   bool // a number did not fit
}

func (l *lister) ascend(messages []Message, page Page, more bool) {
	last := page.After
	for _, m := range messages {
		if l.voidsBelow(m) {
			for n := last + 1; n < m.Number && !l.full; n++ {
				l.addVoid(n)
			}
		}
		l.add(ListedMessage{Message: m})
		last = m.Number
	}
	if !more && l.above != nil && l.voidsBelow(*l.above) {
		for n := last + 1; n < page.Before && !l.full; n++ {
			l.addVoid(n)
		}
	}
}

func (l *lister) descend(messages []Message, page Page, more bool) {
	above, next := l.above, page.Before-1
	fill := func(end int64) { // lists the void numbers from next down to end + 1
		if above == nil || !l.voidsBelow(*above) {
			return
		}
		for n := next; n > end && !l.full; n-- {
			l.addVoid(n)
		}
	}
	for i, m := range messages {
		fill(m.Number)
		l.add(ListedMessage{Message: m})
		above, next = &messages[i], m.Number-1
	}
	if !more {
		fill(page.After)
	}
}

// voidsBelow reports whether the numbers that are missing directly below a
// stored message are void.
func (l *lister) voidsBelow(m Message) bool { return m.CreatedAt.Before(l.oldest) }

func (l *lister) addVoid(number int64) {
	m := Message{AppToken: l.chat.AppToken, ChatNumber: l.chat.Number, Number: number}
	l.add(ListedMessage{Message: m, Void: true})
}

func (l *lister) add(item ListedMessage) {
	if l.full = l.full || len(l.items) == l.limit; !l.full {
		l.items = append(l.items, item)
	}
}

// CompleteThrough returns the highest number up to which every number above
// after is among the items of an ascending list that begins there: as a
// message, a tombstone or void.
func CompleteThrough(after int64, items []ListedMessage) int64 {
	for _, item := range items {
		if item.Number != after+1 {
			break
		}
		after = item.Number
	}
	return after
}

// MissingMessage returns the error for a message that the store reported with
// err: ErrNumberVoid if err is ErrNotStoredYet and the number is void, else
// err. It takes one call of the store if err is ErrNotStoredYet, else none.
func MissingMessage(ctx context.Context, store Store, id ChatID, number int64, err error, now time.Time) error {
	if !errors.Is(err, ErrNotStoredYet) {
		return err
	}
	next, _, readErr := store.Messages(ctx, id, Page{After: number, Limit: 1})
	switch {
	case readErr != nil:
		return fmt.Errorf("read the message above: %w", readErr)
	case len(next) > 0 && next[0].CreatedAt.Before(now.Add(-VoidAfter)):
		return ErrNumberVoid
	default:
		return err
	}
}
