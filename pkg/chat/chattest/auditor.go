package chattest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"chatapi/pkg/chat"

	"golang.org/x/sync/errgroup"
)

// AuditorUnderTest is an auditor, the store that it audits, and what does the
// damage that it is there to find.
type AuditorUnderTest struct {
	Store   chat.Store
	Auditor chat.Auditor
	// AddToCount adds to the count of a chat's messages or of an app's chats, and
	// to nothing else.
	AddToCount func(ctx context.Context, parent chat.Parent, n int64) error
	// RemoveCounter removes a counter.
	RemoveCounter func(ctx context.Context, parent chat.Parent) error
}

// Auditor is the contract of the port chat.Auditor. It calls open once and
// runs its cases side by side, each in apps of its own.
func Auditor(t *testing.T, open func(t *testing.T) AuditorUnderTest) {
	under := open(t)
	a := auditorTest{storeTest{under.Store}, under.Auditor, under}
	for _, c := range []struct {
		name string
		run  func(t *testing.T, a auditorTest)
	}{
		{"counters say the highest number given out", readCounters},
		{"counters are raised and never lowered", raiseCounters},
		{"a counter that is gone is made again", remakeCounter},
		{"concurrent raises and takers give no number twice", raiseWhileTaking},
		{"counts that are right are left as they are", rightCounts},
		{"counts that are wrong are found and repaired", wrongCounts},
		{"hidden chats and deleted messages do not count", tallyHidden},
		{"a count is repaired exactly while others write", repairWhileWriting},
		{"two repairs at the same time repair once", repairTwice},
		{"chats of an unknown app cannot be counted", tallyUnknownApp},
		{"an end of the context ends every method", cancelledAuditor},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, a)
		})
	}
}

type auditorTest struct {
	storeTest
	chat.Auditor
	damage AuditorUnderTest
}

func (a auditorTest) addToCount(t *testing.T, parent chat.Parent, n int64) {
	t.Helper()
	if err := a.damage.AddToCount(t.Context(), parent, n); err != nil {
		t.Fatalf("damage count: %v", err)
	}
}

func (a auditorTest) wantCounter(t *testing.T, parent chat.Parent, want int64, exists bool) {
	t.Helper()
	value, found, err := a.Counter(t.Context(), parent)
	if err != nil || value != want || found != exists {
		t.Errorf("counter is %d, %t, error %v; want %d, %t", value, found, err, want, exists)
	}
}

func (a auditorTest) wantTally(t *testing.T, tally func(context.Context) (chat.Count, error), kept, counted int64) {
	t.Helper()
	got, err := tally(t.Context())
	if want := (chat.Count{Stored: kept, Actual: counted}); err != nil || got != want {
		t.Errorf("tally %+v, error %v, want %+v", got, err, want)
	}
}

func (a auditorTest) messages(id chat.ChatID) (tally, repair func(context.Context) (chat.Count, error)) {
	return func(ctx context.Context) (chat.Count, error) { return a.CountMessages(ctx, id) },
		func(ctx context.Context) (chat.Count, error) { return a.RepairMessageCount(ctx, id) }
}

func (a auditorTest) chats(token string) (tally, repair func(context.Context) (chat.Count, error)) {
	return func(ctx context.Context) (chat.Count, error) { return a.CountChats(ctx, token) },
		func(ctx context.Context) (chat.Count, error) { return a.RepairChatCount(ctx, token) }
}

func readCounters(t *testing.T, a auditorTest) {
	token := a.app(t)
	a.wantCounter(t, chat.AppParent(token), 0, true)
	id := a.open(t, token)
	a.wantCounter(t, chat.AppParent(token), 1, true)
	a.wantCounter(t, id.Parent(), 0, true)
	a.takeMessages(t, id, 3)
	a.wantCounter(t, id.Parent(), 3, true)
	a.wantCounter(t, chat.Parent{AppToken: token, ChatNumber: 7}, 0, false)
	a.wantCounter(t, chat.AppParent(unknownToken(t)), 0, false)
}

func raiseCounters(t *testing.T, a auditorTest) {
	token := a.app(t)
	id := a.open(t, token)
	for _, step := range []struct{ to, want int64 }{{5, 5}, {3, 5}, {5, 5}, {6, 6}} {
		if err := a.RaiseCounter(t.Context(), id.Parent(), step.to); err != nil {
			t.Fatal(err)
		}
		a.wantCounter(t, id.Parent(), step.want, true)
	}
	if n, err := a.AllocateMessageNumber(t.Context(), id); n != 7 || err != nil {
		t.Errorf("the next message number is %d, error %v, want 7", n, err)
	}
	if err := a.RaiseCounter(t.Context(), chat.AppParent(token), 9); err != nil {
		t.Fatal(err)
	}
	if n, err := a.AllocateChatNumber(t.Context(), token); n != 10 || err != nil {
		t.Errorf("the next chat number is %d, error %v, want 10", n, err)
	}
}

func remakeCounter(t *testing.T, a auditorTest) {
	c, _ := a.stored(t, 2)
	if err := a.damage.RemoveCounter(t.Context(), c.ID().Parent()); err != nil {
		t.Fatal(err)
	}
	a.wantCounter(t, c.ID().Parent(), 0, false)
	if err := a.RaiseCounter(t.Context(), c.ID().Parent(), 2); err != nil {
		t.Fatal(err)
	}
	if n, err := a.AllocateMessageNumber(t.Context(), c.ID()); n != 3 || err != nil {
		t.Errorf("the next message number is %d, error %v, want 3", n, err)
	}
}

func raiseWhileTaking(t *testing.T, a auditorTest) {
	const takers, each = 4, 25
	id := a.open(t, a.app(t))
	taken := make([][]int64, takers)
	group, ctx := errgroup.WithContext(t.Context())
	for i := range takers {
		group.Go(func() error {
			for range each {
				n, err := a.AllocateMessageNumber(ctx, id)
				if err != nil {
					return err
				}
				taken[i] = append(taken[i], n)
			}
			return nil
		})
	}
	group.Go(func() error {
		for to := range int64(takers * each) {
			if err := a.RaiseCounter(ctx, id.Parent(), 2*to); err != nil {
				return err
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	seen := map[int64]bool{}
	for _, numbers := range taken {
		for i, n := range numbers {
			if seen[n] || (i > 0 && n <= numbers[i-1]) {
				t.Errorf("number %d was given out twice or after a higher one: %v", n, numbers)
			}
			seen[n] = true
		}
	}
}

func rightCounts(t *testing.T, a auditorTest) {
	c, _ := a.stored(t, 3)
	for range 2 {
		tally, repair := a.messages(c.ID())
		a.wantTally(t, tally, 3, 3)
		a.wantTally(t, repair, 3, 3)
		tally, repair = a.chats(c.AppToken)
		a.wantTally(t, tally, 1, 1)
		a.wantTally(t, repair, 1, 1)
	}
	a.wantMessageCount(t, c.ID(), 3)
	a.wantChatCount(t, c.AppToken, 1)
	nothing, _ := a.messages(chat.ChatID{AppToken: c.AppToken, Number: 9})
	a.wantTally(t, nothing, 0, 0)
}

func wrongCounts(t *testing.T, a auditorTest) {
	for _, off := range []int64{-1, 2} {
		c, _ := a.stored(t, 3)
		a.addToCount(t, c.ID().Parent(), off)
		a.addToCount(t, chat.AppParent(c.AppToken), off)
		tally, repair := a.messages(c.ID())
		a.wantTally(t, tally, 3+off, 3)
		a.wantTally(t, repair, 3+off, 3)
		a.wantTally(t, tally, 3, 3)
		tally, repair = a.chats(c.AppToken)
		a.wantTally(t, tally, 1+off, 1)
		a.wantTally(t, repair, 1+off, 1)
		a.wantTally(t, tally, 1, 1)
		a.wantMessageCount(t, c.ID(), 3)
		a.wantChatCount(t, c.AppToken, 1)
	}
}

func tallyHidden(t *testing.T, a auditorTest) {
	c, _ := a.stored(t, 3)
	if err := a.DeleteMessage(t.Context(), c.ID(), 2, editedAt, nil); err != nil {
		t.Fatal(err)
	}
	tally, _ := a.messages(c.ID())
	a.wantTally(t, tally, 2, 2)
	hidden := a.open(t, c.AppToken)
	a.storeMessages(t, hidden, a.takeMessages(t, hidden, 2))
	a.addToCount(t, hidden.Parent(), 1)
	tally, repair := a.messages(hidden)
	a.wantTally(t, repair, 3, 2)
	a.wantTally(t, tally, 2, 2)
	tally, _ = a.chats(c.AppToken)
	a.wantTally(t, tally, 1, 1)
	_, err := a.Chat(t.Context(), hidden)
	wantError(t, err, chat.ErrNotStoredYet)
}

// repairWhileWriting repairs again and again while messages are stored and
// deleted, so that a count which was read and written with anything between
// would be wrong in the end.
func repairWhileWriting(t *testing.T, a auditorTest) {
	const writers, each = 3, 12
	c, messages := a.stored(t, writers*each)
	a.addToCount(t, c.ID().Parent(), 17)
	var written atomic.Bool
	group, ctx := errgroup.WithContext(t.Context())
	writing, writeCtx := errgroup.WithContext(ctx)
	for w := range writers {
		writing.Go(func() error {
			for i := range each {
				if err := a.DeleteMessage(writeCtx, c.ID(), messages[w*each+i].Number, editedAt, nil); err != nil {
					return err
				}
				n, err := a.AllocateMessageNumber(writeCtx, c.ID())
				if err != nil {
					return err
				}
				if err := a.StoreMessages(writeCtx, c.ID(), []chat.Message{newMessage(t, c.ID(), n)}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer written.Store(true)
		return writing.Wait()
	})
	for range 2 {
		group.Go(func() error {
			for !written.Load() {
				if _, err := a.RepairMessageCount(ctx, c.ID()); err != nil && !errors.Is(err, chat.ErrUnavailable) {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.RepairMessageCount(t.Context(), c.ID()); err != nil { // where the writers were too fast for all the others
		t.Fatal(err)
	}
	tally, _ := a.messages(c.ID())
	a.wantTally(t, tally, writers*each, writers*each)
}

func repairTwice(t *testing.T, a auditorTest) {
	c, _ := a.stored(t, 5)
	a.addToCount(t, c.ID().Parent(), -3)
	group, ctx := errgroup.WithContext(t.Context())
	for range 4 {
		group.Go(func() error { _, err := a.RepairMessageCount(ctx, c.ID()); return err })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	tally, _ := a.messages(c.ID())
	a.wantTally(t, tally, 5, 5)
}

func tallyUnknownApp(t *testing.T, a auditorTest) {
	token := unknownToken(t)
	_, err := a.CountChats(t.Context(), token)
	wantError(t, err, chat.ErrAppNotFound)
	_, err = a.RepairChatCount(t.Context(), token)
	wantError(t, err, chat.ErrAppNotFound)
}

func cancelledAuditor(t *testing.T, a auditorTest) {
	c, _ := a.stored(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, run := range map[string]func() error{
		"Counter":            func() error { _, _, err := a.Counter(ctx, c.ID().Parent()); return err },
		"RaiseCounter":       func() error { return a.RaiseCounter(ctx, c.ID().Parent(), 9) },
		"CountChats":         func() error { _, err := a.CountChats(ctx, c.AppToken); return err },
		"CountMessages":      func() error { _, err := a.CountMessages(ctx, c.ID()); return err },
		"RepairChatCount":    func() error { _, err := a.RepairChatCount(ctx, c.AppToken); return err },
		"RepairMessageCount": func() error { _, err := a.RepairMessageCount(ctx, c.ID()); return err },
	} {
		if err := run(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
