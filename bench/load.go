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

// result is what one measurement gave.
type result struct {
	requests       int
	perSecond      float64
	p50, p99, p999 time.Duration
	cpu            float64 // microseconds of the server's CPU time for one request
	memory         int64   // bytes that the server held at most

	storedPerSecond              float64 // rows, while the load lasted
	storedAfter, searchableAfter time.Duration
	stored, searchable           lag // of single messages under load
}

// lag is how long after its 201 a message was seen.
type lag struct{ p50, p99 time.Duration }

// request is the bytes of a request and the status that it must get.
type request struct {
	text   []byte
	status int
}

// load sends requests over a number of connections until the time is up. Each
// connection waits for the answer before it sends its next request. next gives
// the n-th request, or one without text where there are no more.
func load(ctx context.Context, addr string, connections int, duration time.Duration, next func(n int64) request) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, duration+time.Minute)
	defer cancel()
	var (
		n         atomic.Int64
		all       sync.WaitGroup
		mu        sync.Mutex
		latencies []time.Duration
		failed    error
	)
	start := time.Now()
	end := start.Add(duration)
	for range connections {
		all.Go(func() {
			seen, err := oneConnection(ctx, addr, end, func() request { return next(n.Add(1) - 1) })
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
	return newResult(latencies, took), nil
}

func newResult(latencies []time.Duration, took time.Duration) result {
	slices.Sort(latencies)
	return result{
		requests: len(latencies), perSecond: float64(len(latencies)) / took.Seconds(),
		p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), p999: quantile(latencies, 0.999),
	}
}

func newLag(waits []time.Duration) lag {
	slices.Sort(waits)
	return lag{p50: quantile(waits, 0.5), p99: quantile(waits, 0.99)}
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1))]
}

// oneConnection is a client as lean as it gets, because it shares the
// machine's cores with the server that it measures.
func oneConnection(ctx context.Context, addr string, end time.Time, next func() request) ([]time.Duration, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	answers := bufio.NewReader(conn)
	var latencies []time.Duration
	for time.Now().Before(end) && ctx.Err() == nil {
		r := next()
		if r.text == nil {
			break
		}
		start := time.Now()
		if _, err := conn.Write(r.text); err != nil {
			return nil, err
		}
		if err := readAnswer(answers, r.status); err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Since(start))
	}
	return latencies, ctx.Err()
}

func readAnswer(answers *bufio.Reader, status int) error {
	answer, err := http.ReadResponse(answers, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != status {
		text, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("answer %d: %s", answer.StatusCode, text)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

func post(path, body string, status int) request {
	return request{status: status, text: fmt.Appendf(nil,
		"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)}
}

func get(path string) request {
	return request{status: http.StatusOK, text: fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)}
}
