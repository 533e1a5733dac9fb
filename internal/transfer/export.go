package transfer

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"chatapi/internal/follow"

	smithytime "github.com/aws/smithy-go/time"
	"golang.org/x/sync/errgroup"
)

const (
	// extentConcurrency is how many requests for the newest message of a chat
	// run concurrently.
	extentConcurrency = 8
	// pollInterval is the time between two requests for a missing number.
	pollInterval = 200 * time.Millisecond
	// noteAfter is how long an export waits for a number before it says so. It is
	// a multiple of pollInterval.
	noteAfter = 2 * time.Second
)

// Source is the exported app, as lines. NewestChat and NewestMessage return 0 if
// there is none.
type Source interface {
	App(ctx context.Context) (Line, error)
	Chats(ctx context.Context, after int64) (follow.Page[Line], error)
	NewestChat(ctx context.Context) (int64, error)
	Messages(ctx context.Context, chat, after int64) (follow.Page[Line], error)
	NewestMessage(ctx context.Context, chat int64) (int64, error)
}

// Export writes an app, or some of its chats, as lines. It writes the chats and
// messages that existed when it began, in the order of their numbers, and leaves
// out those that are created meanwhile. It keeps a page of messages and two
// numbers for each chat in memory.
type Export struct {
	Source Source
	Only   []int64       // numbers of the chats to export; empty for all
	Wait   time.Duration // limit of waiting for a missing number, whose row may not be stored yet
	Note   func(string)  // called with what the export waits for
}

// extent is a chat and the number of its newest message when the export began.
type extent struct{ chat, newest int64 }

// Run writes the export to w.
func (e Export) Run(ctx context.Context, w io.Writer) error {
	extents, err := e.extents(ctx)
	if err != nil {
		return err
	}
	app, err := e.Source.App(ctx)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(w)
	lines := json.NewEncoder(buffered)
	lines.SetEscapeHTML(false)
	if err := lines.Encode(app); err != nil {
		return err
	}
	if err := e.chats(ctx, lines, extents); err != nil {
		return err
	}
	return buffered.Flush()
}

// extents returns the extents of the exported chats, in ascending order.
func (e Export) extents(ctx context.Context) ([]extent, error) {
	newest, err := e.Source.NewestChat(ctx)
	if err != nil {
		return nil, err
	}
	var found []extent
	err = e.upTo(ctx, "chats", e.Source.Chats, newest, func(row follow.Row[Line]) error {
		if len(e.Only) == 0 || slices.Contains(e.Only, row.Number) {
			found = append(found, extent{chat: row.Number})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, number := range e.Only {
		if !slices.Contains(found, extent{chat: number}) {
			return nil, fmt.Errorf("the app has no chat %d", number)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(extentConcurrency)
	for i := range found {
		group.Go(func() (err error) {
			found[i].newest, err = e.Source.NewestMessage(ctx, found[i].chat)
			return err
		})
	}
	return found, group.Wait()
}

// chats writes each chat followed by its messages.
func (e Export) chats(ctx context.Context, lines *json.Encoder, extents []extent) error {
	if len(extents) == 0 {
		return nil
	}
	return e.upTo(ctx, "chats", e.Source.Chats, extents[len(extents)-1].chat, func(row follow.Row[Line]) error {
		at, ok := slices.BinarySearchFunc(extents, row.Number, func(x extent, n int64) int { return int(x.chat - n) })
		if !ok {
			return nil
		}
		if err := lines.Encode(row.Item); err != nil {
			return err
		}
		messages := func(ctx context.Context, after int64) (follow.Page[Line], error) {
			return e.Source.Messages(ctx, row.Number, after)
		}
		name := fmt.Sprintf("messages of chat %d", row.Number)
		return e.upTo(ctx, name, messages, extents[at].newest, func(row follow.Row[Line]) error {
			return lines.Encode(row.Item)
		})
	})
}

// upTo calls do with the rows of a list with numbers up to last, in order. The
// name says what the list contains.
func (e Export) upTo(
	ctx context.Context, name string, list follow.List[Line], last int64, do func(follow.Row[Line]) error,
) error {
	reader := follow.New(list, 0, e.Wait)
	for waited := time.Duration(0); reader.After() < last; {
		rows, state, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.Number > last {
				return nil
			}
			if err := do(row); err != nil {
				return err
			}
			waited = 0
		}
		switch state {
		case follow.CaughtUp:
			return nil
		case follow.Waiting:
			if waited == noteAfter {
				e.Note(fmt.Sprintf("number %d is missing among the %s; waiting up to %v for it", reader.After()+1, name, e.Wait))
			}
			if err := smithytime.SleepWithContext(ctx, pollInterval); err != nil {
				return err
			}
			waited += pollInterval
		case follow.More:
		}
	}
	return nil
}
