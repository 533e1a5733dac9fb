//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chatapi/pkg/client"
	"chatapi/test/faults/history"
)

const (
	// respondWithin is how long a client waits; then its request is unknown.
	respondWithin = 15 * time.Second
	// appLimit and chatLimit bound the apps and chats of a load; the numbering
	// of each is of its own.
	appLimit   = 4
	chatLimit  = 48
	firstChats = 8
	// goneWait is the wait of a client whose request got no response.
	goneWait = 10 * time.Millisecond
	// appsPath is also the name of the collection of all apps. Apps have no
	// numbers: the load numbers them in the order of the responses.
	appsPath = "/api/v1/apps"
)

// load is clients that create, edit, delete and read, and the history of it.
type load struct {
	clients  []*client.Client // one for each server
	recorder *history.Recorder
	seed     uint64
	number   int           // of clients
	pause    time.Duration // of each client between two requests
	chatMax  int
	long     int // one of so many texts is as long as the API accepts

	acknowledged atomic.Int64

	mu      sync.Mutex
	tokens  map[string]int64 // number of each app
	targets map[string][]target
	recent  []target // acknowledged messages, the newest few of them
}

// target is an app, chat or message that clients may edit, delete or read.
type target struct {
	in      string
	number  int64
	version int64  // as it was last seen
	path    string // its own
}

const recentLimit = 512

// onceTransport keeps net/http from sending a request again by itself when a
// connection breaks, which it does for every request with an Idempotency-Key:
// the history would not know of it.
type onceTransport struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t onceTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.GetBody = nil
	return t.RoundTripper.RoundTrip(r)
}

// newLoad returns the load of a row on servers.
func newLoad(r row, seed uint64, servers ...string) *load {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, 64
	l := &load{
		recorder: history.NewRecorder(), seed: seed, number: r.clients, pause: r.pause,
		chatMax: cmp.Or(r.chats, chatLimit), long: cmp.Or(r.long, longOf),
		tokens: map[string]int64{}, targets: map[string][]target{},
	}
	for _, base := range servers {
		l.clients = append(l.clients, client.NewWith(base, &http.Client{Transport: onceTransport{transport}}))
	}
	return l
}

// begin creates an app and its first chats.
func (l *load) begin(ctx context.Context) error {
	c := l.newClient(0)
	for len(l.known(appsPath)) == 0 {
		c.createApp(ctx, "")
		if ctx.Err() != nil {
			return fmt.Errorf("create app: %w", ctx.Err())
		}
	}
	for len(l.known(l.chats())) < min(firstChats, l.chatMax) {
		c.create(ctx, l.chats(), "")
		if ctx.Err() != nil {
			return fmt.Errorf("create chats: %w", ctx.Err())
		}
	}
	return nil
}

// run lets the clients work until so many creates are acknowledged or ctx is
// done.
func (l *load) run(ctx context.Context, creates int) {
	var all sync.WaitGroup
	for n := range l.number {
		all.Go(func() {
			c := l.newClient(n + 1)
			for ctx.Err() == nil && l.acknowledged.Load() < int64(creates) {
				c.step(ctx)
				if l.pause > 0 {
					_ = pause(ctx, l.pause)
				}
			}
		})
	}
	all.Wait()
}

// chats is the collection of chats that the load works on: those of the first
// app.
func (l *load) chats() string { return l.known(appsPath)[0].path + "/chats" }

// known returns the rows of a collection of apps or chats that were
// acknowledged.
func (l *load) known(in string) []target {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.targets[in]
}

// appNumber returns the number of an app, the next one for a token that was not
// seen before.
func (l *load) appNumber(token string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tokens[token] == 0 {
		l.tokens[token] = int64(len(l.tokens) + 1)
	}
	return l.tokens[token]
}

// add makes an app, chat or message that was acknowledged known to all clients.
func (l *load) add(t target) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !strings.HasSuffix(t.in, "/messages"):
		l.targets[t.in] = append(l.targets[t.in], t)
	case len(l.recent) < recentLimit:
		l.recent = append(l.recent, t)
	default:
		l.recent[t.number%recentLimit] = t
	}
}

// saw notes the version of a row, for an edit on that condition.
func (l *load) saw(t target, version int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, some := range [][]target{l.targets[t.in], l.recent} {
		for i := range some {
			if some[i].in == t.in && some[i].number == t.number {
				some[i].version = max(some[i].version, version)
			}
		}
	}
}

// loadClient sends one request at a time.
type loadClient struct {
	*load
	client *client.Client
	id     int
	random *rand.Rand
	texts  int
}

func (l *load) newClient(id int) *loadClient {
	return &loadClient{load: l, client: l.clients[id%len(l.clients)], id: id, random: rand.New(rand.NewPCG(l.seed, uint64(id)))}
}

// mix is what clients do, in parts of a thousand; all else is creates of
// messages. A choice without a target does nothing.
var mix = []struct {
	parts int
	do    func(*loadClient, context.Context)
}{
	{1, func(c *loadClient, ctx context.Context) {
		if len(c.known(appsPath)) < appLimit {
			c.createApp(ctx, c.key())
		}
	}},
	{2, func(c *loadClient, ctx context.Context) {
		if len(c.known(c.chats())) < c.chatMax {
			c.createTwice(ctx, c.chats())
		}
	}},
	{36, func(c *loadClient, ctx context.Context) { c.createTwice(ctx, c.messages()) }},
	{3, func(c *loadClient, ctx context.Context) { c.edit(ctx, c.one(appsPath)) }},
	{5, func(c *loadClient, ctx context.Context) { c.edit(ctx, c.one(c.chats())) }},
	{38, func(c *loadClient, ctx context.Context) { c.onRecent(ctx, c.edit) }},
	{18, func(c *loadClient, ctx context.Context) { c.onRecent(ctx, c.delete) }},
	{12, func(c *loadClient, ctx context.Context) { c.onRecent(ctx, c.getTwice) }},
	{6, func(c *loadClient, ctx context.Context) { c.onRecent(ctx, c.markTwice) }},
	{3, func(c *loadClient, ctx context.Context) { c.get(ctx, c.one(appsPath)) }},
	{8, func(c *loadClient, ctx context.Context) { c.get(ctx, c.one(c.chats())) }},
	{3, func(c *loadClient, ctx context.Context) { c.list(ctx, c.chats()) }},
	{16, func(c *loadClient, ctx context.Context) { c.list(ctx, c.messages()) }},
	{2, func(c *loadClient, ctx context.Context) { c.search(ctx, c.messages()) }},
}

// step sends one request, most often a create.
func (c *loadClient) step(ctx context.Context) {
	n := c.random.IntN(1000)
	for _, m := range mix {
		if n -= m.parts; n < 0 {
			m.do(c, ctx)
			return
		}
	}
	c.create(ctx, c.messages(), "")
}

// one returns one of the known apps, or chats of an app.
func (c *loadClient) one(in string) target {
	known := c.known(in)
	c.mu.Lock()
	defer c.mu.Unlock()
	return known[c.random.IntN(len(known))]
}

// messages returns the messages of one of the chats.
func (c *loadClient) messages() string { return c.one(c.chats()).path + "/messages" }

// onRecent does something to one of the recent messages.
func (c *loadClient) onRecent(ctx context.Context, do func(context.Context, target)) {
	c.mu.Lock()
	if len(c.recent) == 0 {
		c.mu.Unlock()
		return
	}
	t := c.recent[c.random.IntN(len(c.recent))]
	c.mu.Unlock()
	do(ctx, t)
}

// pause waits, or returns the error of a context that is done.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return errors.Join(ctx.Err(), context.Cause(ctx))
	}
}
