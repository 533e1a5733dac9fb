//go:build linux

package inject

import (
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// kinds is the order of the kinds in a tally.
var kinds = []Kind{
	Refuse, Lose, Part, Slow, Twice, Late, Shuffle, Split, Repeat, Poison,
	ClockAhead, ClockBack, Gone, Throttle, Fail, Misfit, Held, Conflict, Busy, Partition, Unstorable, Unstored, WithChat, KillBefore, KillAfter,
}

// Tally counts calls and faults in a file that two processes map: what one of
// them has counted outlives its kill -9.
type Tally struct {
	goroutines *int64
	calls      map[string]*int64
	faults     map[string]map[Kind]*int64
	mapped     []byte
}

// OpenTally opens a tally, or makes one where there is no file.
func OpenTally(path string) (*Tally, error) {
	size := 8 * (1 + len(Points)*(1+len(kinds)))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open tally: %w", err)
	}
	defer f.Close()
	if err := f.Truncate(int64(size)); err != nil {
		return nil, fmt.Errorf("open tally: %w", err)
	}
	mapped, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map tally: %w", err)
	}
	return newTally(mapped), nil
}

func newTally(mapped []byte) *Tally {
	numbers := unsafe.Slice((*int64)(unsafe.Pointer(&mapped[0])), len(mapped)/8) // pages are aligned
	next := func() *int64 {
		n := &numbers[0]
		numbers = numbers[1:]
		return n
	}
	t := &Tally{goroutines: next(), calls: map[string]*int64{}, faults: map[string]map[Kind]*int64{}, mapped: mapped}
	for _, point := range Points {
		t.calls[point] = next()
		t.faults[point] = map[Kind]*int64{}
		for _, kind := range kinds {
			t.faults[point][kind] = next()
		}
	}
	return t
}

// Close unmaps the file; the tally must not be used any more.
func (t *Tally) Close() error { return syscall.Munmap(t.mapped) }

func (t *Tally) call(point string) int64 { return atomic.AddInt64(t.calls[point], 1) }

func (t *Tally) fault(point string, kind Kind) { atomic.AddInt64(t.faults[point][kind], 1) }

// SetGoroutines notes how many goroutines the server has.
func (t *Tally) SetGoroutines(n int) { atomic.StoreInt64(t.goroutines, int64(n)) }

// Goroutines returns what was noted last.
func (t *Tally) Goroutines() int { return int(atomic.LoadInt64(t.goroutines)) }

// Calls returns how many calls a point has had.
func (t *Tally) Calls(point string) int64 { return atomic.LoadInt64(t.calls[point]) }

// Faults returns how often each kind of fault happened, those that did not
// left out.
func (t *Tally) Faults() map[Kind]int64 {
	sum := map[Kind]int64{}
	for point, byKind := range t.faults {
		if point == DynamoDBNumber { // a part of DynamoDB.HTTP
			continue
		}
		for kind, n := range byKind {
			if n := atomic.LoadInt64(n); n > 0 {
				sum[kind] += n
			}
		}
	}
	return sum
}

// LostNumbers returns how many responses of DynamoDB were lost that allocated a
// number: the SDK asked again, and another number was allocated.
func (t *Tally) LostNumbers() int { return int(atomic.LoadInt64(t.faults[DynamoDBNumber][Lose])) }

// Kinds returns the kinds in the order of a table.
func Kinds() []Kind { return slices.Clone(kinds) }
