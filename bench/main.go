// Command bench measures chatapi on one machine beside three things in the
// same run: a bare net/http server that decodes, validates and answers; the
// disk's group-committed fsync of the same bytes; and the way such systems are
// usually built, on Redis, RabbitMQ and MariaDB. All run as processes of their
// own, are asked by the same client over the same number of connections, and
// take turns, so that ratios hold on a noisy machine. It writes one report.
//
//	bench -server bin/chatapi -usual bin/usual -report docs
//	bench batches    the writer on DynamoDB Local, which test/engines/with.sh starts
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type settings struct {
	server, usual string // paths of the binaries
	report        string // folder that the report is written to; "" for none
	command       string // that makes the report
	connections   int
	duration      time.Duration // of one measurement
	rounds        int
	chats         int // that messages go to where they go to many
	messages      int // of the largest folder
}

func main() {
	var s settings
	flag.StringVar(&s.server, "server", "bin/chatapi", "the chatapi `binary`")
	flag.StringVar(&s.usual, "usual", "bin/usual", "the `binary` of bench/usual; empty leaves the usual stack out")
	flag.StringVar(&s.report, "report", "", "`folder` to write the report to")
	flag.StringVar(&s.command, "command", "go run ./bench", "`command` that the report names")
	flag.IntVar(&s.connections, "connections", 64, "connections that send requests, each one after the other")
	flag.DurationVar(&s.duration, "duration", 10*time.Second, "length of one measurement")
	flag.IntVar(&s.rounds, "rounds", 5, "rounds; the medians are reported")
	flag.IntVar(&s.chats, "chats", 1000, "chats that messages go to where they go to many")
	flag.IntVar(&s.messages, "messages", 1_000_000, "messages of the largest folder, a power of ten; 0 leaves growth out")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, flag.Arg(0), s); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, what string, s settings) error {
	switch what {
	case "":
		return measure(ctx, s)
	case "bare":
		return serveBare(ctx)
	case "batches":
		return measureBatches(ctx)
	default:
		return fmt.Errorf("there is nothing called %q to run", what)
	}
}

// measure runs all rounds and reports.
func measure(ctx context.Context, s settings) error {
	r := newReport(s)
	for round := range s.rounds {
		for _, m := range []struct {
			name string
			run  func(context.Context, settings, *report) error
		}{
			{"bare server", measureBare},
			{"disk", measureDisk},
			{"chatapi", measureChatapi},
			{"usual stack", measureUsual},
		} {
			if err := m.run(ctx, s, r); err != nil {
				return fmt.Errorf("round %d, %s: %w", round+1, m.name, err)
			}
		}
		fmt.Printf("round %d of %d: %s\n", round+1, s.rounds, r.lastRound())
	}
	if err := measureGrowth(ctx, s, r); err != nil {
		return fmt.Errorf("growth: %w", err)
	}
	return r.write()
}
