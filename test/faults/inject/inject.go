//go:build linux

// Package inject puts faults of engines between the service and its engines.
// It wraps the ports of package chat, so that the same faults come on the
// embedded backend and on DynamoDB, SQS and OpenSearch, and the HTTP client
// under the AWS adapters. It is no part of the service: only the server that
// the faults are tried on links it.
//
// Which call of a point meets which fault is decided by the seed, the point
// and how many calls the point has had, also before a kill of the process. So
// a seed brings the same faults to each point in the same order; how the
// points interleave is the machine's.
package inject

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"chatapi/pkg/chat"
)

// Kind is what goes wrong with a call.
type Kind string

// The kinds of faults. Not every point knows every kind.
const (
	Refuse     Kind = "refused"        // an error, and nothing is done
	Lose       Kind = "answer lost"    // done, and an error
	Part       Kind = "half done"      // a part is done, and an error
	Slow       Kind = "slow"           // done after slowFor
	Twice      Kind = "twice"          // done or delivered twice
	Late       Kind = "late"           // delivered after others
	Shuffle    Kind = "out of order"   // delivered in another order
	Split      Kind = "split"          // only the first of a batch
	Repeat     Kind = "repeated"       // what was read before comes again, in front
	Poison     Kind = "poison"         // something that nobody can decode, in the middle
	ClockAhead Kind = "clock ahead"    // times that a clock would give that jumped
	ClockBack  Kind = "clock back"     // … or jumped back
	Gone       Kind = "gone"           // refused, and everything of the engine for goneFor
	Throttle   Kind = "throttled"      // the engine's own answer for too many requests
	Fail       Kind = "status 500"     // the engine's own answer for an error within
	Misfit     Kind = "mapping error"  // one document that the mapping does not take, so the engine refuses it alone
	Held       Kind = "held"           // the connection breaks, and the request is done heldFor later
	Conflict   Kind = "conflict"       // the engine's own response for a transaction that meets another
	Busy       Kind = "busy"           // the engine's own response for a partition with too many requests
	Partition  Kind = "partition full" // a partition's write units of a second are used up; PerMille has no meaning
	Unstorable Kind = "unstorable"     // of the creates that the seed chooses, whatever the call: chat.ErrUnstorable
	Unstored   Kind = "never stored"   // the same, with an error that may pass
	WithChat   Kind = "with a chat"    // delivered together with a chat that was delivered before and can be stored
	KillBefore Kind = "kill -9 before" // the process ends before the call
	KillAfter  Kind = "kill -9 after"  // the process ends when the call has returned
)

const (
	slowFor  = 50 * time.Millisecond
	heldFor  = 700 * time.Millisecond // longer than the SDK waits before it tries again
	goneFor  = 2 * time.Second
	clockOff = 13 * time.Hour // more than any age that the service knows
)

// Rule lets a fault happen to some calls of a point.
type Rule struct {
	Point    string // a point's name, or its beginning with * at the end
	Kind     Kind
	PerMille int // of the calls
}

func (r Rule) matches(point string) bool {
	if begin, ok := strings.CutSuffix(r.Point, "*"); ok {
		return strings.HasPrefix(point, begin)
	}
	return r.Point == point
}

// Kill ends the process at one call of a point.
type Kill struct {
	Point string
	After bool  // the call, else before it
	Hit   int64 // which call since the start of the process, from 1
}

func (k Kill) String() string { return fmt.Sprintf("%s,%t,%d", k.Point, k.After, k.Hit) }

// ParseKill reads what Kill.String wrote; "" is no kill.
func ParseKill(text string) (k Kill, err error) {
	if text == "" {
		return k, nil
	}
	parts := strings.Split(text, ",")
	if len(parts) == 3 {
		k.Point = parts[0]
		_, err = fmt.Sscanf(parts[1]+" "+parts[2], "%t %d", &k.After, &k.Hit)
	}
	if len(parts) != 3 || err != nil {
		return Kill{}, fmt.Errorf("kill %q is not <point>,<after>,<hit>", text)
	}
	return k, nil
}

// Injector decides which call meets which fault. It is safe for concurrent
// use.
type Injector struct {
	seed  uint64
	rules []Rule
	doom  []Rule        // of kinds that the create decides, not the call
	skew  time.Duration // of the clock
	parts *partitions   // nil for no limit
	kill  Kill
	tally *Tally
	off   atomic.Bool
	gone  map[string]*atomic.Int64 // by engine, until when, in nanoseconds since the start
	begun time.Time
	hits  map[string]*atomic.Int64 // by point, since the start of the process
	die   func()
}

// New returns an injector that counts what it does in a tally. The clock of its
// service is off by skew.
func New(seed uint64, rules []Rule, kill Kill, skew time.Duration, tally *Tally) *Injector {
	x := &Injector{
		seed: seed, kill: kill, skew: skew, tally: tally, begun: time.Now(),
		gone: map[string]*atomic.Int64{}, hits: map[string]*atomic.Int64{},
		die: func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} },
	}
	for _, r := range rules {
		switch r.Kind {
		case Unstorable, Unstored:
			x.doom = append(x.doom, r)
		case Partition:
			x.parts = newPartitions()
		default:
			x.rules = append(x.rules, r)
		}
	}
	for _, point := range Points {
		x.hits[point] = &atomic.Int64{}
		x.gone[engineOf(point)] = &atomic.Int64{}
	}
	return x
}

// Off ends all faults.
func (x *Injector) Off() { x.off.Store(true) }

func engineOf(point string) string {
	engine, _, _ := strings.Cut(point, ".")
	return engine
}

// fate is what happens to one call.
type fate struct {
	kind   Kind
	random *rand.Rand // of this call alone
}

func (x *Injector) fate(point string) fate {
	call := x.tally.call(point)
	f := fate{random: rand.New(rand.NewPCG(x.seed^hash(point), uint64(call)))}
	if hit := x.hits[point].Add(1); x.kill.Point == point && hit == x.kill.Hit {
		f.kind = KillBefore
		if x.kill.After {
			f.kind = KillAfter
		}
	} else if x.off.Load() {
		return f
	} else if x.isGone(point) {
		f.kind = Refuse
	} else {
		f.kind = x.draw(point, f.random)
	}
	if f.kind != "" {
		x.tally.fault(point, f.kind)
	}
	if f.kind == Gone {
		x.gone[engineOf(point)].Store(int64(time.Since(x.begun) + goneFor))
	}
	return f
}

func (x *Injector) isGone(point string) bool {
	return int64(time.Since(x.begun)) < x.gone[engineOf(point)].Load()
}

func (x *Injector) draw(point string, random *rand.Rand) Kind {
	n := random.IntN(1000)
	for _, r := range x.rules {
		if !r.matches(point) {
			continue
		}
		if n -= r.PerMille; n < 0 {
			return r.Kind
		}
	}
	return ""
}

func hash(point string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(point))
	return h.Sum64()
}

// call makes a call that may meet a fault which needs to know nothing of it.
func (x *Injector) call(point string, do func() error) error {
	f := x.fate(point)
	return x.around(f, point, do)
}

func (x *Injector) around(f fate, point string, do func() error) error {
	switch f.kind {
	case Refuse, Gone:
		return refused(point)
	case KillBefore:
		x.die()
	case Slow:
		time.Sleep(slowFor)
	}
	err := do()
	switch {
	case f.kind == KillAfter:
		x.die()
	case f.kind == Lose && err == nil:
		return fmt.Errorf("%w: injected: the answer of %s is lost", chat.ErrUnavailable, point)
	}
	return err
}

func refused(point string) error {
	return fmt.Errorf("%w: injected: %s is refused", chat.ErrUnavailable, point)
}
