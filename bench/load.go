package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// result is what one measurement of one server gave.
type result struct {
	requests       int
	perSecond      float64
	p50, p99, p999 time.Duration
	cpu            float64 // microseconds of the server's CPU time for one create

	storedAtEnd                  int64
	storedAfter, searchableAfter time.Duration
}

// load sends requests over a number of connections until the time is up. Each
// connection waits for the answer before it sends its next request. requests
// gives the bytes of the n-th request.
func load(ctx context.Context, addr string, s settings, requests func(n int64) []byte) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, s.duration+time.Minute)
	defer cancel()
	var (
		n         atomic.Int64
		all       sync.WaitGroup
		mu        sync.Mutex
		latencies []time.Duration
		failed    error
	)
	start := time.Now()
	end := start.Add(s.duration)
	for range s.connections {
		all.Go(func() {
			seen, err := oneConnection(ctx, addr, end, func() []byte { return requests(n.Add(1) - 1) })
			mu.Lock()
			defer mu.Unlock()
			latencies = append(latencies, seen...)
			if err != nil {
				failed = err
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	if failed != nil {
		return result{}, failed
	}
	slices.Sort(latencies)
	at := func(q float64) time.Duration { return latencies[int(q*float64(len(latencies)-1))] }
	return result{
		requests: len(latencies), perSecond: float64(len(latencies)) / took.Seconds(),
		p50: at(0.5), p99: at(0.99), p999: at(0.999),
	}, nil
}

// oneConnection is a client as lean as it gets, because it shares the
// machine's cores with the server that it measures.
func oneConnection(ctx context.Context, addr string, end time.Time, next func() []byte) ([]time.Duration, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	var latencies []time.Duration
	for time.Now().Before(end) && ctx.Err() == nil {
		start := time.Now()
		if _, err := conn.Write(next()); err != nil {
			return nil, err
		}
		if err := readCreated(answers); err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Since(start))
	}
	return latencies, ctx.Err()
}

func readCreated(answers *bufio.Reader) error {
	answer, err := http.ReadResponse(answers, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("answer %d: %s", answer.StatusCode, text)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// post returns the bytes of a POST of JSON.
func post(path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}
