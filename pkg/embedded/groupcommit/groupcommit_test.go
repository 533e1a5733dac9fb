package groupcommit_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/groupcommit"
)

// TestWritesShareACommit checks that writes that arrive during a commit are
// committed together after it.
func TestWritesShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var groups []int
		disk := make(chan struct{})
		c := groupcommit.New(func(group []int) {
			groups = append(groups, len(group))
			<-disk
		})
		commit := func(n int) {
			if err := c.Commit(t.Context(), n); err != nil {
				t.Error(err)
			}
		}
		go commit(0)
		synctest.Wait() // the first is being committed
		for n := range 9 {
			go commit(n + 1)
		}
		synctest.Wait()
		close(disk)
		synctest.Wait()
		c.Close()
		if want := []int{1, 9}; !slices.Equal(groups, want) {
			t.Errorf("groups of %d writes, want %d", groups, want)
		}
	})
}

// TestCommitEnds checks what Commit returns if it cannot wait for its write.
func TestCommitEnds(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		end  func(c *groupcommit.Committer[int], cancel func())
		want error
	}{
		{"the context ended before", canceled, func(*groupcommit.Committer[int], func()) {}, context.Canceled},
		{"the context ends meanwhile", t.Context(), func(_ *groupcommit.Committer[int], cancel func()) {
			time.AfterFunc(10*time.Millisecond, cancel)
		}, context.Canceled},
		{"closed before", t.Context(), func(c *groupcommit.Committer[int], _ func()) { c.Close() }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(tt.ctx)
			defer cancel()
			disk := make(chan struct{})
			c := groupcommit.New(func([]int) { <-disk })
			tt.end(c, cancel)
			err := c.Commit(ctx, 1)
			if !errors.Is(err, chat.ErrUnavailable) || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v and %v", err, chat.ErrUnavailable, tt.want)
			}
			close(disk)
		})
	}
}
