package verify

import (
	"context"
	"errors"

	"chatapi/pkg/chat"
)

// messages compares the messages of a chat with the index, from one up to the
// last number that is allocated, and returns the highest that is stored. If it is
// time to stop it also returns the number with which the next run continues, else
// 0.
//
// That number may be the one after the last, if only the count is left. The next
// run then takes the last allocated number for the highest stored one, which no
// counter is behind.
func (v *Verifier) messages(ctx context.Context, id chat.ChatID, first, given int64) (highest, left int64, err error) {
	next, highest := first, first-1
	for page := (chat.Page{After: highest, Limit: pageSize}); ; page.After = highest {
		rows, more, err := v.rows(ctx, id, page)
		if err != nil {
			return highest, 0, err
		}
		if len(rows) > 0 {
			highest = rows[len(rows)-1].Number
		}
		last := highest
		if !more {
			last = max(highest, given)
		}
		v.result.Messages += int64(len(rows))
		if err := v.compare(ctx, id, next, last, rows); err != nil {
			return highest, 0, err
		}
		if err := v.settleMany(ctx); err != nil {
			return highest, 0, err
		}
		next = last + 1
		switch {
		case v.late() && next > first:
			return highest, next, nil
		case !more:
			return highest, 0, nil
		}
	}
}

// rows returns a page of messages, none if the chat does not exist.
func (v *Verifier) rows(ctx context.Context, id chat.ChatID, page chat.Page) ([]chat.Message, bool, error) {
	rows, more, err := v.store.Messages(ctx, id, page)
	if errors.Is(err, chat.ErrChatNotFound) || errors.Is(err, chat.ErrAppNotFound) {
		return nil, false, nil
	}
	return rows, more, err
}

// compare compares the rows with numbers from first to last with the index, in
// ranges of at most chat.MaxVersions. A wider gap is not looked up in the index.
func (v *Verifier) compare(ctx context.Context, id chat.ChatID, first, last int64, rows []chat.Message) error {
	for first <= last {
		end := min(last, first+chat.MaxVersions-1)
		n := 0
		for n < len(rows) && rows[n].Number <= end {
			n++
		}
		if n == 0 && end-first == chat.MaxVersions-1 {
			if end = last; len(rows) > 0 {
				end = rows[0].Number - 1
			}
			v.suspectGap(id.Parent(), first, end)
			first = end + 1
			continue
		}
		held, err := v.versions(ctx, id, first, end)
		if err != nil {
			return err
		}
		v.look(id, first, end, rows[:n], held)
		first, rows = end+1, rows[n:]
	}
	return nil
}

// look records the suspects.
func (v *Verifier) look(id chat.ChatID, first, last int64, rows []chat.Message, held map[int64]chat.Indexed) {
	stored := make(map[int64]int64, len(rows))
	for _, m := range rows {
		stored[m.Number] = m.Version
	}
	for n := first; n <= last; n++ {
		if stored[n] == 0 {
			v.suspectGap(id.Parent(), n, n)
		}
		if stored[n] != held[n].Version && !(stored[n] == 0 && held[n].Deleted) {
			v.suspect(suspect{parent: id.Parent(), first: n, last: n, version: stored[n]})
		}
	}
}
