package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"chatapi/pkg/client"
)

// chatapi is a server with one app.
type chatapi struct {
	*process
	api   *client.Client
	data  string // folder
	token string // of the app
	texts *texts
}

func startChatapi(ctx context.Context, s settings, r *report) (*chatapi, error) {
	data, err := os.MkdirTemp("", "chatapi-bench-")
	if err != nil {
		return nil, err
	}
	c := &chatapi{data: data, texts: r.texts}
	if err := c.start(s); err != nil {
		return nil, errors.Join(err, os.RemoveAll(data))
	}
	app, err := c.api.CreateApp(ctx, client.CreateAppRequest{Name: "bench"})
	if err != nil {
		c.remove()
		return nil, err
	}
	c.token = app.Data.AppToken
	for range 1 + s.chats {
		if err == nil {
			_, err = c.api.CreateChat(ctx, c.token, client.CreateChatRequest{})
		}
	}
	if err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

func (c *chatapi) start(s settings) (err error) {
	c.process, err = serve(s.server, "serve", "--addr", "127.0.0.1:0", "--data", c.data)
	if err == nil {
		c.api = client.New("http://" + c.addr)
	}
	return err
}

// remove stops the server and removes its data.
func (c *chatapi) remove() {
	c.stop()
	_ = os.RemoveAll(c.data)
}

// hot is the chat that takes all where messages go to one chat; the other
// chats are numbered from 2 on.
const hot = 1

func (c *chatapi) messages(chat int64) string {
	return fmt.Sprintf("/api/v1/apps/%s/chats/%d/messages", c.token, chat)
}

func (c *chatapi) create(chat, n int64) request {
	return post(c.messages(chat), c.texts.message(n), http.StatusCreated)
}

func (c *chatapi) read(chat, number int64) request {
	return get(fmt.Sprintf("%s/%d", c.messages(chat), number))
}

func (c *chatapi) search(chat int64, query string) request {
	return post(c.messages(chat)+"/search", fmt.Sprintf(`{"query":"%s"}`, query), http.StatusOK)
}

// load measures requests, with the CPU time of the server up to their end.
func (c *chatapi) load(ctx context.Context, connections int, duration time.Duration, next func(n int64) request) (result, error) {
	before := cpu(c.process)
	got, err := load(ctx, c.addr, connections, duration, next)
	got.cpu, got.memory = perRequest(cpu(c.process)-before, got.requests), memory(c.process)
	return got, err
}

// measureChatapi measures all that needs no more messages than it creates.
func measureChatapi(ctx context.Context, s settings, r *report) error {
	c, err := startChatapi(ctx, s, r)
	if err != nil {
		return err
	}
	defer c.remove()
	one, err := c.measureCreates(ctx, s, func(int64) int64 { return hot })
	if err != nil {
		return err
	}
	r.add(createsOne, one)
	known := int64(one.requests)
	reads, err := c.load(ctx, s.connections, s.duration, func(int64) request { return c.read(hot, 1+rand.Int64N(known)) })
	if err != nil {
		return err
	}
	r.add(readsOfOne, reads)
	mixed, err := c.load(ctx, s.connections, s.duration, func(n int64) request {
		if n%5 == 0 {
			return c.create(hot, n)
		}
		return c.read(hot, 1+rand.Int64N(known))
	})
	if err != nil {
		return err
	}
	r.add(mixedLoad, mixed)
	many, err := c.measureCreates(ctx, s, func(n int64) int64 { return hot + 1 + n%int64(s.chats) })
	if err != nil {
		return err
	}
	r.add(createsMany, many)
	return nil
}

// measureCreates measures creates until all are stored and searchable, so that
// the CPU time of a create has all that it causes.
func (c *chatapi) measureCreates(ctx context.Context, s settings, chatOf func(n int64) int64) (result, error) {
	stored, err := c.stored(ctx)
	if err != nil {
		return result{}, err
	}
	before := cpu(c.process)
	probing, stop := context.WithCancel(ctx)
	probed := make(chan probes, 1)
	go func() { probed <- c.probe(probing, chatOf(0)) }()
	got, err := load(ctx, c.addr, s.connections, s.duration, func(n int64) request { return c.create(chatOf(n), n) })
	stop()
	seen := <-probed
	if err = errors.Join(err, seen.err); err != nil {
		return result{}, err
	}
	at, err := c.stored(ctx)
	if err != nil {
		return result{}, err
	}
	got.storedPerSecond = got.perSecond * float64(at-stored) / float64(got.requests+seen.created)
	got.stored, got.searchable = newLag(seen.stored), newLag(seen.searchable)
	err = c.drain(ctx, stored+int64(got.requests+seen.created), &got)
	got.cpu, got.memory = perRequest(cpu(c.process)-before, got.requests), memory(c.process)
	return got, err
}

// stored returns how many messages are stored.
func (c *chatapi) stored(ctx context.Context) (sum int64, err error) {
	params := client.ListChatsParams{Limit: 200}
	for {
		page, err := c.api.ListChats(ctx, c.token, params)
		if err != nil {
			return 0, err
		}
		for _, chat := range page.Chats {
			sum += chat.MessageCount
			params.After = chat.ChatNumber
		}
		if page.Next == "" {
			return sum, nil
		}
	}
}

// drainTimeout bounds the wait for rows and index.
const drainTimeout = 5 * time.Minute

// drain waits until so many messages are stored, and one that is created then
// is searchable: changes are indexed in their order, so all before it are too.
func (c *chatapi) drain(ctx context.Context, messages int64, r *result) error {
	start := time.Now()
	err := until(ctx, 100*time.Millisecond, drainTimeout, func() (bool, error) {
		stored, err := c.stored(ctx)
		return stored >= messages, err
	})
	r.storedAfter = time.Since(start)
	if err != nil {
		return fmt.Errorf("wait for rows: %w", err)
	}
	_, err = c.probeOnce(ctx, hot)
	r.searchableAfter = time.Since(start)
	return err
}

// probes is what became of single messages that were created under load.
type probes struct {
	created            int
	stored, searchable []time.Duration
	err                error
}

// probe creates a message with a word of its own from time to time until ctx is
// done, and looks when it is stored and when a search finds it.
func (c *chatapi) probe(ctx context.Context, chat int64) (p probes) {
	for ctx.Err() == nil {
		one, err := c.probeOnce(context.WithoutCancel(ctx), chat)
		if err != nil {
			p.err = fmt.Errorf("probe: %w", err)
			return p
		}
		p.created++
		p.stored, p.searchable = append(p.stored, one.stored), append(p.searchable, one.searchable)
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	return p
}

type seenAfter struct{ stored, searchable time.Duration }

func (c *chatapi) probeOnce(ctx context.Context, chat int64) (seen seenAfter, err error) {
	word := fmt.Sprintf("probe%x", rand.Uint64())
	made, err := c.api.CreateMessage(ctx, c.token, chat, client.CreateMessageRequest{Body: word})
	if err != nil {
		return seen, err
	}
	begun := time.Now()
	err = until(ctx, time.Millisecond, drainTimeout, func() (bool, error) {
		_, err := c.api.GetMessage(ctx, c.token, chat, made.MessageNumber)
		if client.HasCode(err, client.ProblemCodeNotStoredYet) {
			return false, nil
		}
		return err == nil, err
	})
	seen.stored = time.Since(begun)
	if err != nil {
		return seen, err
	}
	err = until(ctx, 20*time.Millisecond, drainTimeout, func() (bool, error) {
		found, err := c.api.SearchMessages(ctx, c.token, chat, client.SearchRequest{Query: `"` + word + `"`})
		return err == nil && len(found.Messages) > 0, err
	})
	seen.searchable = time.Since(begun)
	return seen, err
}
