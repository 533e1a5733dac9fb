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
	// lookAtOnce is how many chats are asked for their newest message at a
	// time.
	lookAtOnce = 8
	// lookAgain is how long an export waits before it asks again for a number
	// that is missing.
	lookAgain = 200 * time.Millisecond
	// quiet is how long an export waits for a number without saying so.
	quiet = 2 * time.Second
)

// Source is the app that is exported, as lines. A newest number is 0 where
// there is none.
type Source interface {
	App(ctx context.Context) (Line, error)
	Chats(ctx context.Context, after int64) (follow.Page[Line], error)
	NewestChat(ctx context.Context) (int64, error)
	Messages(ctx context.Context, chat, after int64) (follow.Page[Line], error)
	NewestMessage(ctx context.Context, chat int64) (int64, error)
}

// Export writes an app, or some of its chats, as lines. It writes the chats
// and messages that were there when it began, by number, and is not disturbed
// by those that arrive meanwhile. In memory it has a page of messages and two
// numbers for each chat.
type Export struct {
	Source Source
	Only   []int64       // chats, none for all
	Wait   time.Duration // for a number that is missing below another: its row may be on its way
	Note   func(string)  // is told what the export waits for
}

// extent is a chat and the number of its newest message.
type extent struct{ chat, newest int64 }

// Run exports to w.
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

// extents returns the chats that are exported, with the extent of each.
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
	group.SetLimit(lookAtOnce)
	for i := range found {
		group.Go(func() (err error) {
			found[i].newest, err = e.Source.NewestMessage(ctx, found[i].chat)
			return err
		})
	}
	return found, group.Wait()
}

// chats writes each chat and then its messages.
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
		return e.upTo(ctx, fmt.Sprintf("messages of chat %d", row.Number), messages, extents[at].newest, func(row follow.Row[Line]) error {
			return lines.Encode(row.Item)
		})
	})
}

// upTo calls do with the rows of a list up to a number, in order. The list is
// of what the name says.
func (e Export) upTo(ctx context.Context, name string, list follow.List[Line], last int64, do func(follow.Row[Line]) error) error {
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
			if waited == quiet {
				e.Note(fmt.Sprintf("number %d is missing among the %s; waiting for it up to %v", reader.After()+1, name, e.Wait))
			}
			if err := smithytime.SleepWithContext(ctx, lookAgain); err != nil {
				return err
			}
			waited += lookAgain
		case follow.More:
		}
	}
	return nil
}
