// Command stores compares what could keep the creates of the embedded backend:
// each create is an entry of 300 bytes and the counter that its number came
// from, durable before the next one of its caller. The engines take turns. It
// has a module of its own, so that the engines are no dependencies of chatapi.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// store keeps creates.
type store interface {
	// create returns once an entry and its counter are durable.
	create(counter, number uint64, entry []byte) error
	close() error
}

var engines = []struct {
	name string
	open func(dir string) (store, error)
}{
	{"append-only log, one sync for all that wait", openLog},
	{"bbolt, one transaction for all that wait", openGroupedBolt},
	{"bbolt, DB.Batch", openBolt},
	{"Pebble, a batch with sync each", openPebble},
	{"SQLite in WAL mode, one transaction for all that wait", openSQLite},
}

const (
	entrySize = 300 // bytes
	counters  = 16
)

func main() {
	callers := flag.Int("callers", 64, "callers, each of which waits for its create")
	duration := flag.Duration("duration", 3*time.Second, "length of one measurement")
	rounds := flag.Int("rounds", 5, "rounds; the medians are printed")
	flag.Parse()
	if err := run(*callers, *duration, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "stores:", err)
		os.Exit(1)
	}
}

func run(callers int, duration time.Duration, rounds int) error {
	all := make([][]result, len(engines))
	for range rounds {
		for i, e := range engines {
			r, err := measure(e.open, callers, duration)
			if err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
			all[i] = append(all[i], r)
		}
	}
	fmt.Printf("# What could keep creates\n\nMade by `make bench-stores` on %s: %d callers, each of which waits until its create, an entry of %d bytes and a counter, is durable; "+
		"medians of %d rounds of %v in which the engines take turns.\n\n", time.Now().UTC().Format(time.DateOnly), callers, entrySize, rounds, duration)
	fmt.Print("| engine | creates a second | p50 | p99 | CPU µs each | bytes written each |\n|---|---:|---:|---:|---:|---:|\n")
	for i, e := range engines {
		figure := func(f func(result) float64) float64 {
			values := make([]float64, rounds)
			for j, r := range all[i] {
				values[j] = f(r)
			}
			slices.Sort(values)
			return values[rounds/2]
		}
		fmt.Printf("| %s | %.0f | %.2f ms | %.2f ms | %.1f | %.0f |\n", e.name,
			figure(func(r result) float64 { return r.perSecond }),
			figure(func(r result) float64 { return r.p50.Seconds() * 1000 }),
			figure(func(r result) float64 { return r.p99.Seconds() * 1000 }),
			figure(func(r result) float64 { return r.cpu }),
			figure(func(r result) float64 { return r.written }))
	}
	return nil
}

type result struct {
	perSecond float64
	p50, p99  time.Duration
	cpu       float64 // microseconds for one create
	written   float64 // bytes for one create
}

func measure(open func(dir string) (store, error), callers int, duration time.Duration) (result, error) {
	dir, err := os.MkdirTemp("", "chatapi-stores-")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(dir)
	s, err := open(dir)
	if err != nil {
		return result{}, err
	}
	var (
		n      atomic.Uint64
		all    sync.WaitGroup
		mu     sync.Mutex
		waits  []time.Duration
		failed error
	)
	cpu, written := usage()
	start := time.Now()
	for range callers {
		all.Go(func() {
			entry := make([]byte, entrySize)
			var mine []time.Duration
			var err error
			for err == nil && time.Since(start) < duration {
				number := n.Add(1)
				begun := time.Now()
				err = s.create(number%counters, number, entry)
				mine = append(mine, time.Since(begun))
			}
			mu.Lock()
			defer mu.Unlock()
			waits = append(waits, mine...)
			if err != nil {
				failed = err
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	cpuAfter, writtenAfter := usage()
	if err := s.close(); err != nil || failed != nil {
		return result{}, fmt.Errorf("%w, %w", failed, err)
	}
	slices.Sort(waits)
	creates := float64(len(waits))
	return result{
		perSecond: creates / took.Seconds(), p50: waits[len(waits)/2], p99: waits[len(waits)*99/100],
		cpu: float64((cpuAfter - cpu).Microseconds()) / creates, written: float64(writtenAfter-written) / creates,
	}, nil
}

// usage returns the CPU time that this process took so far and the bytes that
// it had written to disk.
func usage() (cpu time.Duration, written int64) {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	text, _ := os.ReadFile("/proc/self/io")
	var name string
	for rest := string(text); rest != ""; {
		var value int64
		if n, _ := fmt.Sscanf(rest, "%s %d\n", &name, &value); n != 2 {
			break
		}
		if name == "write_bytes:" {
			written = value
		}
		rest = rest[len(name)+len(fmt.Sprint(value))+2:]
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), written
}
