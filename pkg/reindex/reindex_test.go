package reindex_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
	"chatapi/pkg/reindex"

	"github.com/google/go-cmp/cmp"
)

var at = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// folder makes a data folder with n messages in one chat, one of them edited
// and one deleted, of which the index has nothing.
func folder(t *testing.T, n int) (dir string, id chat.ChatID, want map[int64]int64) {
	t.Helper()
	dir = t.TempDir()
	b, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	app, err := chat.NewApp("reindex", nil, at)
	if err != nil {
		t.Fatal(err)
	}
	id, want = chat.ChatID{AppToken: app.Token, Number: 1}, map[int64]int64{}
	var messages []chat.Message
	for i := range n {
		m, err := chat.NewMessage(id, fmt.Sprintf("message %d", i), "", nil, at)
		if err != nil {
			t.Fatal(err)
		}
		m.Number = int64(i + 1)
		messages = append(messages, m)
		want[m.Number] = 1
	}
	ctx, body := t.Context(), "edited"
	err = errors.Join(b.Store.CreateCounter(ctx, id), b.Store.StoreMessages(ctx, id, messages), b.Store.DeleteMessage(ctx, id, 2, at, nil))
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Store.UpdateMessage(ctx, id, 1, chat.MessageEdit{Body: &body, At: at}, nil)
	if err := errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	want[1], want[2] = 2, 2
	return dir, id, want
}

func openBuild(t *testing.T, dir string) *embedded.Rebuild {
	t.Helper()
	b, err := embedded.OpenRebuild(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// indexed returns the versions that the live index of a folder holds.
func indexed(t *testing.T, dir string, id chat.ChatID, most int64) map[int64]int64 {
	t.Helper()
	b, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[int64]int64{}
	for first := int64(1); first <= most; first += chat.MaxVersions {
		held, err := b.Index.Versions(t.Context(), id, first, first+chat.MaxVersions-1)
		if err != nil {
			t.Fatal(err)
		}
		for n, v := range held {
			all[n] = v.Version
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRun(t *testing.T) {
	const n = 1234
	dir, id, want := folder(t, n)
	b := openBuild(t, dir)
	var reports []chat.Progress
	result, err := reindex.New(b.Scanner, b, reindex.Options{Report: func(p chat.Progress) { reports = append(reports, p) }}).Run(t.Context())
	if err := errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(reindex.Result{Done: true, Messages: n}, result); diff != "" {
		t.Error(diff)
	}
	if last := reports[len(reports)-1]; last != (chat.Progress{Messages: n, Scanned: true}) {
		t.Errorf("the last report is %+v", last)
	}
	if diff := cmp.Diff(want, indexed(t, dir, id, n)); diff != "" {
		t.Error(diff)
	}
}

// TestRunInParts gives each run time for one page at most.
func TestRunInParts(t *testing.T) {
	const n = 1700
	dir, id, want := folder(t, n)
	runs := 0
	for done := false; !done; runs++ {
		b := openBuild(t, dir)
		result, err := reindex.New(&onePage{Scanner: b.Scanner}, b, reindex.Options{}).Run(t.Context())
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil && !errors.Is(err, errEnough) {
			t.Fatal(err)
		}
		if done = result.Done; runs > 10 {
			t.Fatal("the runs do not end")
		}
	}
	if runs != 4 {
		t.Errorf("%d runs, want one for each page", runs)
	}
	if diff := cmp.Diff(want, indexed(t, dir, id, n)); diff != "" {
		t.Error(diff)
	}
}

var errEnough = errors.New("enough for now")

type onePage struct {
	chat.Scanner
	pages int
}

func (s *onePage) ScanMessages(ctx context.Context, cursor string, limit int) ([]chat.Message, string, error) {
	if s.pages++; s.pages > 1 {
		return nil, "", errEnough
	}
	return s.Scanner.ScanMessages(ctx, cursor, limit)
}

// TestRunStops holds that a run that is out of time ends well and says so.
func TestRunStops(t *testing.T) {
	dir, id, want := folder(t, 3)
	for _, tt := range []struct {
		name   string
		stopAt time.Time
		done   bool
	}{{"at once", time.Now(), false}, {"never", time.Time{}, true}} {
		b := openBuild(t, dir)
		result, err := reindex.New(b.Scanner, b, reindex.Options{StopAt: tt.stopAt}).Run(t.Context())
		if err := errors.Join(err, b.Close()); err != nil || result.Done != tt.done {
			t.Errorf("%s: %+v, error %v", tt.name, result, err)
		}
	}
	if diff := cmp.Diff(want, indexed(t, dir, id, 3)); diff != "" {
		t.Error(diff)
	}
}

// balky is a build and a scanner that fail now and then.
type balky struct {
	calls    int
	switched bool
	applied  map[int64]bool
	refuse   int64
	rows     []chat.Message
}

func (b *balky) fails() bool {
	b.calls++
	return b.calls%3 != 0
}

func (b *balky) ScanMessages(context.Context, string, int) ([]chat.Message, string, error) {
	if b.fails() {
		return nil, "", fmt.Errorf("%w: scan", chat.ErrUnavailable)
	}
	return b.rows, "", nil
}
func (b *balky) Progress() chat.Progress { return chat.Progress{} }
func (b *balky) Apply(_ context.Context, messages []chat.Message) []error {
	errs := make([]error, len(messages))
	for i, m := range messages {
		switch {
		case m.Number == b.refuse:
			errs[i] = errors.New("400")
		case b.fails():
			errs[i] = fmt.Errorf("%w: 429", chat.ErrUnavailable)
		default:
			b.applied[m.Number] = true
		}
	}
	return errs
}
func (b *balky) Save(context.Context, chat.Progress) error { return nil }
func (b *balky) CatchUp(context.Context) (int, error) {
	if b.fails() {
		return 0, fmt.Errorf("%w: catch up", chat.ErrUnavailable)
	}
	return 1, nil
}
func (b *balky) Abandon(context.Context) error { return nil }
func (b *balky) Close() error                  { return nil }
func (b *balky) Switch(context.Context) error {
	if b.fails() {
		return fmt.Errorf("%w: switch", chat.ErrUnavailable)
	}
	b.switched = true
	return nil
}

// TestRunTriesAgain holds that what may pass is tried again, and that what the
// index takes in no version holds up nothing and is told.
func TestRunTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &balky{applied: map[int64]bool{}, refuse: 2, rows: []chat.Message{
			{Number: 1, Version: 1}, {Number: 2, Version: 1}, {Number: 3, Version: 1}, {Number: 4}, {Number: 5, Version: 2},
		}}
		result, err := reindex.New(b, b, reindex.Options{}).Run(t.Context())
		if err != nil || !result.Done || !b.switched || result.Messages != 3 || result.Refused != 2 || result.Refusal == "" {
			t.Errorf("%+v, error %v, switched %t", result, err, b.switched)
		}
		if diff := cmp.Diff(map[int64]bool{1: true, 3: true, 5: true}, b.applied); diff != "" {
			t.Error(diff)
		}
	})
}
