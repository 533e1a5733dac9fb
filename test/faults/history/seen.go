package history

import (
	"cmp"
	"slices"
	"time"
)

// seen is what was known of a collection's rows, and since when: what one
// client was told must be true for whoever asks afterwards.
type seen struct {
	stored   map[int64]time.Duration
	deleted  map[int64]time.Duration
	versions map[int64][]version // above 1, highest so far, by time

	// The same, and what was asked for, for counts: times in order.
	storedAt, deletedAt, created, deleting []time.Duration
}

type version struct {
	at      time.Duration
	version int64
}

func newSeen() *seen {
	return &seen{stored: map[int64]time.Duration{}, deleted: map[int64]time.Duration{}, versions: map[int64][]version{}}
}

// learn gathers what was known from every response of the collection.
func (h *collection) learn() {
	s := h.seen
	for number, edits := range h.edits {
		for _, e := range edits {
			if e.Outcome == Acknowledged {
				s.row(Row{Number: number, Version: e.Version}, e.End)
			}
			if e.Outcome == Refused && e.Status == statusGone {
				s.row(Row{Number: number, Deleted: true}, e.End)
			}
		}
	}
	for number, deletes := range h.deletes {
		for _, d := range deletes {
			if d.Outcome == Acknowledged {
				s.row(Row{Number: number, Deleted: true}, d.End)
			}
		}
	}
	for _, read := range h.reads {
		if read.Status == statusGone {
			s.row(Row{Number: read.Number, Deleted: true}, read.End)
		}
		for _, row := range read.Rows {
			if read.Kind == Search { // the index may be behind
				row = Row{Number: row.Number, Version: row.Version}
			}
			s.row(row, read.End)
		}
	}
	s.sort(h)
}

func (s *seen) row(row Row, at time.Duration) {
	earliest(s.stored, row.Number, at)
	if row.Deleted {
		earliest(s.deleted, row.Number, at)
	}
	if row.Version > 1 {
		s.versions[row.Number] = append(s.versions[row.Number], version{at, row.Version})
	}
}

func earliest(of map[int64]time.Duration, number int64, at time.Duration) {
	if before, ok := of[number]; !ok || at < before {
		of[number] = at
	}
}

func (s *seen) sort(h *collection) {
	for _, versions := range s.versions {
		slices.SortFunc(versions, func(a, b version) int { return cmp.Compare(a.at, b.at) })
		highest := int64(0)
		for i := range versions {
			highest = max(highest, versions[i].version)
			versions[i].version = highest
		}
	}
	for _, at := range s.stored {
		s.storedAt = append(s.storedAt, at)
	}
	for _, at := range s.deleted {
		s.deletedAt = append(s.deletedAt, at)
	}
	for _, c := range h.creates {
		if c.may() {
			s.created = append(s.created, c.begin)
		}
	}
	for _, deletes := range h.deletes {
		first := never
		for _, d := range deletes {
			if d.Outcome != Refused {
				first = min(first, d.Begin)
			}
		}
		s.deleting = append(s.deleting, first)
	}
	for _, times := range [][]time.Duration{s.storedAt, s.deletedAt, s.created, s.deleting} {
		slices.Sort(times)
	}
}

func (s *seen) storedBefore(number int64, at time.Duration) bool { return before(s.stored, number, at) }

func (s *seen) deletedBefore(number int64, at time.Duration) bool {
	return before(s.deleted, number, at)
}

func before(of map[int64]time.Duration, number int64, at time.Duration) bool {
	since, ok := of[number]
	return ok && since < at
}

// versionBefore returns the highest version of a row that was known before a
// time.
func (s *seen) versionBefore(number int64, at time.Duration) int64 {
	versions := s.versions[number]
	i, _ := slices.BinarySearchFunc(versions, at, func(v version, at time.Duration) int { return cmp.Compare(v.at, at) })
	if i == 0 {
		return 1
	}
	return versions[i-1].version
}

// countBetween returns between what a count must lie that is read from one time
// to another.
func (s *seen) countBetween(begin, end time.Duration) (least, highest int64) {
	least = earlier(s.storedAt, begin) - earlier(s.deleting, end)
	highest = earlier(s.created, end) - earlier(s.deletedAt, begin)
	return max(least, 0), highest
}

// earlier returns how many times are before one.
func earlier(times []time.Duration, than time.Duration) int64 {
	n, _ := slices.BinarySearch(times, than)
	return int64(n)
}
