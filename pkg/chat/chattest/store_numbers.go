package chattest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"chatapi/pkg/chat"

	"golang.org/x/sync/errgroup"
)

// takeSideBySide calls take from many goroutines and checks that it returned
// 1 to N, and to each goroutine in rising order.
func takeSideBySide(t *testing.T, take func(context.Context) (int64, error)) {
	t.Helper()
	taken := make([][]int64, takers)
	group, ctx := errgroup.WithContext(t.Context())
	for i := range takers {
		group.Go(func() error {
			for range takes {
				n, err := take(ctx)
				if err != nil {
					return err
				}
				taken[i] = append(taken[i], n)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, numbers := range taken {
		if !slices.IsSorted(numbers) {
			t.Errorf("one taker got %v, out of order", numbers)
		}
	}
	all := slices.Sorted(slices.Values(slices.Concat(taken...)))
	for i, n := range all {
		if n != int64(i+1) {
			t.Fatalf("number %d is the %d. lowest of %d", n, i+1, len(all))
		}
	}
}

func takeChatNumbers(t *testing.T, s storeTest) {
	token := s.app(t)
	takeSideBySide(t, func(ctx context.Context) (int64, error) { return s.AllocateChatNumber(ctx, token) })
}

func takeMessageNumbers(t *testing.T, s storeTest) {
	token := s.app(t)
	for range 2 { // chats, each numbered on its own
		id := s.open(t, token)
		takeSideBySide(t, func(ctx context.Context) (int64, error) { return s.AllocateMessageNumber(ctx, id) })
	}
}

func openAgain(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 1)
	id := chats[0].ID()
	again := []func() error{
		func() error { return s.CreateCounter(t.Context(), id) },
		func() error { return s.StoreChats(t.Context(), token, chats) },
		func() error { return s.CreateCounter(t.Context(), id) },
		func() error { return s.StoreChats(t.Context(), token, chats) },
	}
	for i, open := range again {
		if err := open(); err != nil {
			t.Fatalf("opening %d: %v", i, err)
		}
		if n := s.takeMessages(t, id, 1)[0].Number; n != int64(i+1) {
			t.Errorf("message number %d after opening %d times, want %d", n, i+1, i+1)
		}
	}
	if n := s.take(t, token, 1)[0].Number; n != 2 {
		t.Errorf("chat number %d, want 2", n)
	}
}

func openChat(t *testing.T, s storeTest) {
	token := s.app(t)
	chats := s.take(t, token, 3)
	opened, stored, taken := chats[0].ID(), chats[1].ID(), chats[2].ID()
	if err := s.CreateCounter(t.Context(), opened); err != nil {
		t.Fatal(err)
	}
	s.storeChats(t, token, chats[1:2])
	for _, c := range []struct {
		name string
		id   chat.ChatID
		want error
	}{
		{"opened", opened, nil},
		{"stored", stored, nil},
		{"only taken", taken, chat.ErrChatNotFound},
		{"not taken", chat.ChatID{AppToken: token, Number: 4}, chat.ErrChatNotFound},
	} {
		if err := s.CheckChat(t.Context(), c.id); !errors.Is(err, c.want) {
			t.Errorf("find a chat %s: error %v, want %v", c.name, err, c.want)
		}
		if _, err := s.AllocateMessageNumber(t.Context(), c.id); !errors.Is(err, c.want) {
			t.Errorf("take a message number of a chat %s: error %v, want %v", c.name, err, c.want)
		}
	}
}
