package main

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// measureDisk appends the bodies of creates to one file, each durable before
// the next one of its caller: whatever waits while the disk syncs goes into
// the next sync.
func measureDisk(ctx context.Context, s settings, r *report) error {
	folder, err := os.MkdirTemp("", "chatapi-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	file, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return err
	}
	defer file.Close()
	log := groupLog{file: file, waiting: make(chan entry, s.connections)}
	go log.run()
	defer close(log.waiting)

	var (
		n         atomic.Int64
		all       sync.WaitGroup
		mu        sync.Mutex
		latencies []time.Duration
		failed    error
	)
	start := time.Now()
	for range s.connections {
		all.Go(func() {
			var seen []time.Duration
			var err error
			for err == nil && ctx.Err() == nil && time.Since(start) < s.duration {
				begun := time.Now()
				err = log.append([]byte(r.texts.message(n.Add(1))))
				seen = append(seen, time.Since(begun))
			}
			mu.Lock()
			defer mu.Unlock()
			latencies = append(latencies, seen...)
			if err != nil {
				failed = err
			}
		})
	}
	all.Wait()
	if failed != nil {
		return failed
	}
	r.add(diskAppends, newResult(latencies, time.Since(start)))
	return ctx.Err()
}

type groupLog struct {
	file    *os.File
	waiting chan entry
}

type entry struct {
	text []byte
	done chan error
}

func (g groupLog) append(text []byte) error {
	a := entry{text: text, done: make(chan error, 1)}
	g.waiting <- a
	return <-a.done
}

func (g groupLog) run() {
	var group []entry
	var text []byte
	for first := range g.waiting {
		group, text = append(group[:0], first), append(text[:0], first.text...)
		for len(g.waiting) > 0 {
			next := <-g.waiting
			group, text = append(group, next), append(text, next.text...)
		}
		_, err := g.file.Write(text)
		if err == nil {
			err = g.file.Sync()
		}
		for _, a := range group {
			a.done <- err
		}
	}
}
