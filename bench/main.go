// Command bench measures how many messages a second chatapi creates durably,
// beside a bare net/http server that decodes the same body and answers 201.
// Both run as processes of their own, are asked by the same client over the
// same number of connections, and take turns, so that the ratio holds on a
// noisy machine.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

type settings struct {
	server      string // path of the chatapi binary
	connections int
	duration    time.Duration // of one measurement
	rounds      int
	chats       int
}

func main() {
	var s settings
	flag.StringVar(&s.server, "server", "bin/chatapi", "the chatapi binary")
	flag.IntVar(&s.connections, "connections", 64, "connections that send requests, each one after the other")
	flag.DurationVar(&s.duration, "duration", 5*time.Second, "length of one measurement")
	flag.IntVar(&s.rounds, "rounds", 3, "measurements of each server; the medians are printed")
	flag.IntVar(&s.chats, "chats", 1, "chats that the messages go to")
	bare := flag.Bool("bare", false, "be the bare server instead")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := func() error { return measure(ctx, s) }
	if *bare {
		run = func() error { return serveBare(ctx) }
	}
	if err := run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measure runs all rounds and prints the table.
func measure(ctx context.Context, s settings) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	server, err := filepath.Abs(s.server)
	if err != nil {
		return err
	}
	fmt.Printf("message creates over loopback, %d connections, %d chat(s), %d × %v, %d cores, %s\n",
		s.connections, s.chats, s.rounds, s.duration, runtime.NumCPU(), runtime.Version())
	var bare, durable []result
	for round := range s.rounds {
		b, err := measureBare(ctx, self, s)
		if err != nil {
			return fmt.Errorf("round %d, bare server: %w", round+1, err)
		}
		d, err := measureChatapi(ctx, server, s)
		if err != nil {
			return fmt.Errorf("round %d, chatapi: %w", round+1, err)
		}
		fmt.Printf("round %d: bare %6.0f/s, chatapi %6.0f/s\n", round+1, b.perSecond, d.perSecond)
		bare, durable = append(bare, b), append(durable, d)
	}
	printTable(median(bare), median(durable))
	return nil
}

// median returns the result whose rate is in the middle.
func median(results []result) result {
	slices.SortFunc(results, func(a, b result) int { return cmp.Compare(a.perSecond, b.perSecond) })
	return results[len(results)/2]
}

func printTable(bare, durable result) {
	fmt.Println()
	fmt.Printf("%-38s %10s %9s %9s %9s %16s\n", "", "creates/s", "p50", "p99", "p99.9", "CPU µs/create")
	row := func(name string, r result) {
		fmt.Printf("%-38s %10.0f %9s %9s %9s %16.0f\n", name, r.perSecond, ms(r.p50), ms(r.p99), ms(r.p999), r.cpu)
	}
	row("bare net/http: decode, answer 201", bare)
	row("chatapi: durable before its 201", durable)
	fmt.Printf("%-38s %9.0f%%\n", "chatapi / bare", 100*durable.perSecond/bare.perSecond)
	fmt.Println()
	fmt.Printf("at the end of the load: %d of %d creates stored; all stored %.1f s and all searchable %.1f s later\n",
		durable.storedAtEnd, durable.requests, durable.storedAfter.Seconds(), durable.searchableAfter.Seconds())
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
