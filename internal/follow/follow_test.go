package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

var begin = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// table is a list whose rows were all created at the beginning, but are stored
// each at its own time.
type table struct {
	stored map[int64]time.Duration // when each is stored
	void   map[int64]time.Duration // when each becomes void
	age    time.Duration           // of all rows at the beginning
	page   int
	now    time.Duration
}

func (l *table) list(_ context.Context, after int64) (Page[string], error) {
	page := Page[string]{At: begin.Add(l.now)}
	for n := after + 1; n <= 20; n++ {
		at, stored := l.stored[n]
		voidAt, void := l.void[n]
		if void = void && voidAt <= l.now; !void && (!stored || at > l.now) {
			continue
		}
		if len(page.Rows) == l.page {
			page.More = true
			break
		}
		page.Rows = append(page.Rows, Row[string]{Number: n, At: begin.Add(-l.age), Void: void})
	}
	return page, nil
}

func TestReader(t *testing.T) {
	const wait = 10 * time.Second
	s := func(n int) time.Duration { return time.Duration(n) * time.Second }
	for _, tt := range []struct {
		name  string
		after int64
		table table
		want  string // "second:number" of each row, reading once a second
	}{
		{"all stored", 0, table{stored: map[int64]time.Duration{1: 0, 2: 0, 3: 0}, page: 9}, "[0:1 0:2 0:3]"},
		{"above a number", 2, table{stored: map[int64]time.Duration{1: 0, 2: 0, 3: 0}, page: 9}, "[0:3]"},
		{"in pages", 0, table{stored: map[int64]time.Duration{1: 0, 2: 0, 3: 0}, page: 2}, "[0:1 0:2 0:3]"},
		{"as they arrive", 0, table{stored: map[int64]time.Duration{1: 0, 2: s(2), 3: s(4)}, page: 9}, "[0:1 2:2 4:3]"},
		{"5 before 4", 3, table{stored: map[int64]time.Duration{4: s(3), 5: 0}, page: 9}, "[3:4 3:5]"},
		{"several late", 0, table{
			stored: map[int64]time.Duration{1: s(4), 2: s(2), 3: s(6), 4: 0}, page: 9,
		}, "[4:1 4:2 6:3 6:4]"},
		{"a gap forever", 0, table{stored: map[int64]time.Duration{1: 0, 3: 0, 4: s(1)}, page: 9}, "[0:1 11:3 11:4]"},
		{"a void number", 0, table{
			stored: map[int64]time.Duration{1: 0, 3: 0, 4: s(1)}, void: map[int64]time.Duration{2: s(2)}, page: 9,
		}, "[0:1 2:3 2:4]"},
		{"a page of void numbers", 0, table{
			stored: map[int64]time.Duration{1: 0, 5: 0}, void: map[int64]time.Duration{2: 0, 3: 0, 4: 0}, page: 2,
		}, "[0:1 0:5]"},
		{"a gap of several numbers", 0, table{stored: map[int64]time.Duration{1: 0, 7: 0}, page: 9}, "[0:1 11:7]"},
		{"two gaps of one age", 0, table{stored: map[int64]time.Duration{2: 0, 4: s(5)}, page: 9}, "[11:2 11:4]"},
		{"an old gap is not waited for", 0, table{
			stored: map[int64]time.Duration{1: 0, 3: 0, 5: 0}, age: time.Hour, page: 9,
		}, "[0:1 0:3 0:5]"},
		{"the first row missing from a full page", 0, table{
			stored: map[int64]time.Duration{1: s(3), 2: 0, 3: 0, 4: 0}, page: 2,
		}, "[3:1 3:2 3:3 3:4]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := tt.table
			r := New(l.list, tt.after, wait)
			// The clock of this machine agrees with the server's.
			r.now = func() time.Time { return begin.Add(l.now) }
			var got []string
			for ; l.now < s(40); l.now += time.Second {
				for state := More; state == More; {
					rows, now, err := r.Next(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					for _, row := range rows {
						got = append(got, fmt.Sprintf("%d:%d", l.now/time.Second, row.Number))
					}
					state = now
				}
			}
			if fmt.Sprint(got) != tt.want {
				t.Errorf("read %v, want %s", got, tt.want)
			}
		})
	}
}

func TestReaderContinuesAfterAnError(t *testing.T) {
	l := table{stored: map[int64]time.Duration{1: 0, 2: 0, 3: 0}, page: 1}
	down := errors.New("no response")
	calls := 0
	r := New(func(ctx context.Context, after int64) (Page[string], error) {
		if calls++; calls%2 == 0 {
			return Page[string]{}, down
		}
		return l.list(ctx, after)
	}, 0, time.Second)
	var got []int64
	for range 8 {
		rows, _, err := r.Next(t.Context())
		if err != nil && !errors.Is(err, down) {
			t.Fatal(err)
		}
		for _, row := range rows {
			got = append(got, row.Number)
		}
	}
	if !slices.Equal(got, []int64{1, 2, 3}) || r.After() != 3 {
		t.Errorf("read %v up to %d", got, r.After())
	}
}
