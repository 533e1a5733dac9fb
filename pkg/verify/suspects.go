package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatapi/pkg/chat"

	smithytime "github.com/aws/smithy-go/time"
)

// suspect is what is checked again: numbers without a row, or one message that
// the index holds in another version.
type suspect struct {
	parent      chat.Parent // an app if its chats have the gap
	first, last int64
	gap         bool
	version     int64 // of the row when it was seen, 0 if there was none
	seen        time.Time
}

func (v *Verifier) suspect(s suspect) {
	s.seen = time.Now()
	v.suspects = append(v.suspects, s)
}

// suspectGap adds numbers to the previous gap if they continue it.
func (v *Verifier) suspectGap(parent chat.Parent, first, last int64) {
	for i := len(v.suspects) - 1; i >= 0; i-- {
		s := &v.suspects[i]
		if s.gap && s.parent == parent && s.last+1 == first {
			s.last, s.seen = last, time.Now()
			return
		}
		if s.parent.AppToken != parent.AppToken || (!parent.IsApp() && s.gap) {
			break
		}
	}
	v.suspect(suspect{parent: parent, first: first, last: last, gap: true})
}

// settleMany settles the suspects once there are many, which bounds their memory.
func (v *Verifier) settleMany(ctx context.Context) error {
	if len(v.suspects) < maxSuspects {
		return nil
	}
	return v.settle(ctx)
}

// settle checks all suspects again after the grace period.
func (v *Verifier) settle(ctx context.Context) error {
	if len(v.suspects) == 0 {
		return nil
	}
	var last time.Time
	for _, s := range v.suspects {
		if s.seen.After(last) {
			last = s.seen
		}
	}
	if err := smithytime.SleepWithContext(ctx, time.Until(last.Add(v.options.Grace))); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	for len(v.suspects) > 0 {
		group := together(v.suspects)
		if err := v.again(ctx, group); err != nil {
			return err
		}
		v.suspects = v.suspects[len(group):]
	}
	v.suspects = nil
	return nil
}

// together returns the first suspects that one call can check: a gap, or messages
// of one chat whose numbers are not far apart.
func together(suspects []suspect) []suspect {
	first := suspects[0]
	if first.gap {
		return suspects[:1]
	}
	n := 1
	for n < len(suspects) && !suspects[n].gap && suspects[n].parent == first.parent &&
		suspects[n].last-first.first < chat.MaxVersions {
		n++
	}
	return suspects[:n]
}

func (v *Verifier) again(ctx context.Context, group []suspect) error {
	switch first := group[0]; {
	case first.gap && first.parent.IsApp():
		return v.gapAgain(ctx, first, v.chatNumbers)
	case first.gap:
		return v.gapAgain(ctx, first, v.messageNumbers)
	default:
		return v.messagesAgain(ctx, group)
	}
}

// gapAgain reports the numbers of a gap that are still not stored.
func (v *Verifier) gapAgain(
	ctx context.Context, s suspect, numbers func(context.Context, chat.Parent, chat.Page) ([]int64, bool, error),
) error {
	next := s.first
	for page := (chat.Page{After: s.first - 1, Before: s.last + 1, Limit: pageSize}); ; {
		stored, more, err := numbers(ctx, s.parent, page)
		if err != nil {
			return err
		}
		for _, n := range stored {
			v.reportGap(s.parent, next, n-1)
			next, page.After = n+1, n
		}
		if !more {
			v.reportGap(s.parent, next, s.last)
			return nil
		}
	}
}

func (v *Verifier) reportGap(parent chat.Parent, first, last int64) {
	if first <= last {
		v.report(Difference{Kind: Gap, AppToken: parent.AppToken, Chat: parent.ChatNumber, First: first, Last: last})
	}
}

func (v *Verifier) chatNumbers(
	ctx context.Context, app chat.Parent, page chat.Page,
) (numbers []int64, more bool, err error) {
	chats, more, err := v.store.Chats(ctx, app.AppToken, page)
	if errors.Is(err, chat.ErrAppNotFound) {
		err = nil
	}
	for _, c := range chats {
		numbers = append(numbers, c.Number)
	}
	return numbers, more, err
}

func (v *Verifier) messageNumbers(
	ctx context.Context, parent chat.Parent, page chat.Page,
) (numbers []int64, more bool, err error) {
	rows, more, err := v.rows(ctx, parent.ChatID(), page)
	for _, m := range rows {
		numbers = append(numbers, m.Number)
	}
	return numbers, more, err
}

// messagesAgain checks messages again. It reads the index first: what the index
// holds is then in the rows, unless the index is wrong.
func (v *Verifier) messagesAgain(ctx context.Context, group []suspect) error {
	id, first, last := group[0].parent.ChatID(), group[0].first, group[len(group)-1].last
	held, err := v.versions(ctx, id, first, last)
	if err != nil {
		return err
	}
	rows, _, err := v.rows(ctx, id, chat.Page{After: first - 1, Before: last + 1, Limit: chat.MaxVersions})
	if err != nil {
		return err
	}
	stored := make(map[int64]chat.Message, len(rows))
	for _, m := range rows {
		stored[m.Number] = m
	}
	for _, s := range group {
		if err := v.judge(ctx, s, stored[s.first], held[s.first]); err != nil {
			return err
		}
	}
	return nil
}

// judge reports what is wrong with a message, if anything, and repairs the index.
// The row has version 0 if it does not exist, and held is zero if the index has no
// version.
func (v *Verifier) judge(ctx context.Context, s suspect, row chat.Message, held chat.Indexed) error {
	d := Difference{
		AppToken: s.parent.AppToken, Chat: s.parent.ChatNumber, First: s.first, Last: s.first,
		Has: held.Version, Want: row.Version,
	}
	switch {
	case row.Version == 0 && held.Deleted:
		return nil
	case row.Version == 0 && held.Version > 0:
		d.Kind = NoRow
		row = gone(s.parent.ChatID(), s.first, held)
	case held.Version > row.Version:
		d.Kind = IndexAhead
		v.report(d)
		return nil
	case held.Version < s.version:
		d.Kind = NotIndexed
	default:
		return nil
	}
	if v.options.Repair {
		if err := errors.Join(v.index.Apply(ctx, []chat.Message{row})...); err != nil {
			return err
		}
		d.Repaired = true
	}
	v.report(d)
	return nil
}

// gone returns the tombstone of a message without a row, which an index must not
// find.
func gone(id chat.ChatID, number int64, held chat.Indexed) chat.Message {
	m := chat.Message{
		AppToken: id.AppToken, ChatNumber: id.Number, Number: number,
		Version: held.Version, CreatedAt: held.CreatedAt,
	}
	return m.Tombstone(time.Now())
}
