//go:build e2e

package e2e_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// numberCases are promise 1: numbers start at 1 in each parent, none is given
// out twice or left out, and a create that begins after another was answered
// gets a higher one.
func numberCases(_ context.Context, s *suite) ([]testCase, error) {
	return []testCase{
		{"chats of an app", s.chatNumbers},
		{"messages of a chat", s.messageNumbers},
		{"messages of several chats", s.numbersOfSeveralChats},
		{"one after the other", s.numbersOneByOne},
		{"a refused create takes no number", s.refusedCreates},
	}, nil
}

func (s *suite) chatNumbers(ctx context.Context) error {
	app, err := s.newApp(ctx)
	if err != nil {
		return err
	}
	return s.numberedSideBySide(ctx, chatsOf(app), s.size(500), `{}`)
}

func (s *suite) messageNumbers(ctx context.Context) error {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return err
	}
	return s.numberedSideBySide(ctx, messagesOf(chat), s.size(2000), object("body", "x"))
}

func (s *suite) numberedSideBySide(ctx context.Context, in collection, n int, body string) error {
	all, err := s.createAll(ctx, in, n, func(int) string { return body })
	if err != nil {
		return err
	}
	return checkNumbers(in.path, all)
}

// checkNumbers checks the numbers of all creates in one parent.
func checkNumbers(what string, all []created) error {
	numbers := make([]int64, len(all))
	for i, c := range all {
		numbers[i] = c.number
	}
	if err := oneToN(what, numbers, len(all)); err != nil {
		return err
	}
	return laterIsHigher(what, all)
}

// laterIsHigher checks every pair of creates of which one began after the
// other was answered.
func laterIsHigher(what string, all []created) error {
	byAnswer := slices.SortedFunc(slices.Values(all), func(a, b created) int { return a.answered.Compare(b.answered) })
	byBegin := slices.SortedFunc(slices.Values(all), func(a, b created) int { return a.begun.Compare(b.begun) })
	var highest created // of those answered before the create at hand began
	for _, c := range byBegin {
		for len(byAnswer) > 0 && byAnswer[0].answered.Before(c.begun) {
			highest = slices.MaxFunc([]created{highest, byAnswer[0]}, func(a, b created) int { return cmp.Compare(a.number, b.number) })
			byAnswer = byAnswer[1:]
		}
		if c.number <= highest.number {
			return fmt.Errorf("%s: number %d was answered %v before the create that got %d began",
				what, highest.number, c.begun.Sub(highest.answered).Round(time.Microsecond), c.number)
		}
	}
	return nil
}

func (s *suite) numbersOfSeveralChats(ctx context.Context) error {
	const chats = 4
	app, err := s.newApp(ctx)
	if err != nil {
		return err
	}
	paths, err := s.createAll(ctx, chatsOf(app), chats, func(int) string { return `{}` })
	if err != nil {
		return err
	}
	var mu sync.Mutex
	given := map[int64][]created{}
	err = sideBySide(ctx, s.size(1000), func(ctx context.Context, i int) error {
		chat := paths[i%chats].number
		c, err := s.create(ctx, messagesOf(itemPath(chatsOf(app), chat)), object("body", "x"))
		mu.Lock()
		defer mu.Unlock()
		given[chat] = append(given[chat], c)
		return err
	})
	if err != nil {
		return err
	}
	for chat, all := range given {
		if err := checkNumbers(fmt.Sprintf("chat %d", chat), all); err != nil {
			return err
		}
	}
	return nil
}

func (s *suite) numbersOneByOne(ctx context.Context) error {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return err
	}
	for i := range 10 {
		c, err := s.create(ctx, messagesOf(chat), object("body", "x"))
		if err != nil {
			return err
		}
		if c.number != int64(i+1) {
			return fmt.Errorf("create %d got number %d", i+1, c.number)
		}
	}
	return nil
}

func (s *suite) refusedCreates(ctx context.Context) error {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return err
	}
	for want := range int64(3) {
		if _, err := s.want(ctx, 422, "POST", chat+"/messages", `{"body":""}`); err != nil {
			return err
		}
		if _, err := s.want(ctx, 400, "POST", chat+"/messages", `{"body"`); err != nil {
			return err
		}
		c, err := s.create(ctx, messagesOf(chat), object("body", "x"))
		if err != nil {
			return err
		}
		if c.number != want+1 {
			return fmt.Errorf("number %d, want %d", c.number, want+1)
		}
	}
	return nil
}
