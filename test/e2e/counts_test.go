//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// countCases are promise 3: counts equal the stored rows at every instant.
func countCases(_ context.Context, s *suite) ([]testCase, error) {
	return []testCase{
		{"message_count while messages are stored", func(ctx context.Context) error {
			chat, err := s.newAppAndChat(ctx)
			if err != nil {
				return err
			}
			return s.countsHold(ctx, messagesOf(chat), s.size(2000), object("body", "x"))
		}},
		{"chat_count while chats are stored", func(ctx context.Context) error {
			app, err := s.newApp(ctx)
			if err != nil {
				return err
			}
			return s.countsHold(ctx, chatsOf(app), s.size(1000), `{}`)
		}},
		{"an empty chat and an empty app", s.emptyCounts},
	}, nil
}

// countsHold creates n items and compares the count with the list until all
// are stored.
func (s *suite) countsHold(ctx context.Context, in collection, n int, body string) error {
	side, ctx := errgroup.WithContext(ctx)
	side.Go(func() error {
		_, err := s.createAll(ctx, in, n, func(int) string { return body })
		return err
	})
	side.Go(func() error { return s.compareUntil(ctx, in, int64(n)) })
	return side.Wait()
}

// compareUntil compares the count with the list until the count is n.
func (s *suite) compareUntil(ctx context.Context, in collection, n int64) error {
	for end := time.Now().Add(2 * patience); ; {
		count, err := s.compareOnce(ctx, in)
		if err != nil && !errors.Is(err, errNotStoredYet) {
			return err
		}
		if count == n {
			return nil
		}
		if count > n || time.Now().After(end) {
			return fmt.Errorf("%s came to %d, not %d", in.count, count, n)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// compareOnce reads the count, the list, and the count again, and returns the
// last. All that the first count counts was stored before the list was read,
// and all that is listed before the second count.
func (s *suite) compareOnce(ctx context.Context, in collection) (int64, error) {
	before, err := s.count(ctx, in)
	if err != nil {
		return 0, err
	}
	rows, err := s.all(ctx, in)
	if err != nil {
		return 0, err
	}
	after, err := s.count(ctx, in)
	if err != nil {
		return 0, err
	}
	if listed := int64(len(rows)); listed < before || listed > after {
		return 0, fmt.Errorf("%s was %d before and %d after %d rows were listed", in.count, before, after, listed)
	}
	return after, nil
}

func (s *suite) emptyCounts(ctx context.Context) error {
	app, err := s.newApp(ctx)
	if err != nil {
		return err
	}
	if err := s.stored(ctx, chatsOf(app), 0); err != nil {
		return err
	}
	chat, err := s.newChat(ctx, app)
	if err != nil {
		return err
	}
	if err := s.stored(ctx, chatsOf(app), 1); err != nil {
		return err
	}
	return s.stored(ctx, messagesOf(chat), 0)
}
