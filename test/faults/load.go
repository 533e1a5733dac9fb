//go:build linux

package main

import (
	"context"
	"encoding/json"
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
	// word is in every text, so that one search finds all.
	word = "tortoise"
	// answerWithin is how long a client waits; then its request is unknown.
	answerWithin = 15 * time.Second
	// mostChats bounds the chats of a load; the numbering of each is of its own.
	mostChats  = 48
	firstChats = 8
	// whereGone is the wait of a client whose request got no answer.
	whereGone = 10 * time.Millisecond
)

// load is clients that create, edit and delete, and the history of it.
type load struct {
	client   *client.Client
	recorder *history.Recorder
	seed     uint64
	clients  int
	pause    time.Duration // of each client between two requests
	app      string        // its path

	acknowledged atomic.Int64

	mu     sync.Mutex
	chats  []string    // paths of the messages of chats that were acknowledged
	recent []addressed // acknowledged messages, the newest few of them
}

// addressed is a message that clients may edit or delete.
type addressed struct {
	in     string
	number int64
}

const mostRecent = 512

func newLoad(base string, seed uint64, clients int, pause time.Duration) *load {
	return &load{client: client.New(base), recorder: history.NewRecorder(), seed: seed, clients: clients, pause: pause}
}

// begin creates the app and its first chats.
func (l *load) begin(ctx context.Context) error {
	for l.app == "" {
		made, err := l.client.CreateApp(ctx, client.CreateAppRequest{Name: "faults"})
		if err == nil {
			l.app = "/api/v1/apps/" + made.Data.AppToken
		} else if ctx.Err() != nil {
			return fmt.Errorf("create app: %w", err)
		}
	}
	c := l.newClient(0)
	for l.numberOfChats() < firstChats {
		c.createChat(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("create chats: %w", ctx.Err())
		}
	}
	return nil
}

func (l *load) numberOfChats() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.chats)
}

// run lets the clients work until so many creates are acknowledged or ctx is
// done.
func (l *load) run(ctx context.Context, creates int) {
	var all sync.WaitGroup
	for n := range l.clients {
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

// loadClient sends one request at a time.
type loadClient struct {
	*load
	id     int
	random *rand.Rand
	texts  int
}

func (l *load) newClient(id int) *loadClient {
	return &loadClient{load: l, id: id, random: rand.New(rand.NewPCG(l.seed, uint64(id)))}
}

// step sends one request, most often a create.
func (c *loadClient) step(ctx context.Context) {
	switch n := c.random.IntN(1000); {
	case n < 2 && c.numberOfChats() < mostChats:
		c.createChat(ctx)
	case n < 40:
		c.edit(ctx)
	case n < 60:
		c.delete(ctx)
	case n < 100:
		c.createAgain(ctx)
	default:
		c.createMessage(ctx, c.chat(), c.text(), "")
	}
}

// text is one that nobody else sends.
func (c *loadClient) text() string {
	c.texts++
	return fmt.Sprintf("%s %d.%d", word, c.id, c.texts)
}

func (c *loadClient) chat() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.chats[c.random.IntN(len(c.chats))]
}

func (c *loadClient) createChat(ctx context.Context) {
	r := c.send(ctx, http.MethodPost, "", history.Request{Kind: history.Create, In: c.app + "/chats", Text: c.text()})
	if r.Outcome == history.Acknowledged {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.chats = append(c.chats, fmt.Sprintf("%s/%d/messages", r.In, r.Number))
	}
}

// createMessage reports whether the create is acknowledged.
func (c *loadClient) createMessage(ctx context.Context, in, text, key string) bool {
	r := c.send(ctx, http.MethodPost, "", history.Request{Kind: history.Create, In: in, Text: text, Key: key})
	if r.Outcome == history.Acknowledged {
		c.acknowledged.Add(1)
		c.remember(addressed{r.In, r.Number})
	}
	return r.Outcome == history.Acknowledged
}

// createAgain sends a create and, whatever came of it, the same again, until
// it is acknowledged twice.
func (c *loadClient) createAgain(ctx context.Context) {
	const tries = 10
	in, text := c.chat(), c.text()
	key := strings.ReplaceAll(text, " ", "-")
	for acknowledged, n := 0, 0; acknowledged < 2 && n < tries && ctx.Err() == nil; n++ {
		if c.createMessage(ctx, in, text, key) {
			acknowledged++
		}
	}
}

func (l *load) remember(m addressed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.recent) < mostRecent {
		l.recent = append(l.recent, m)
		return
	}
	l.recent[m.number%mostRecent] = m
}

// any returns one of the recent messages.
func (c *loadClient) any() (m addressed, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.recent) == 0 {
		return m, false
	}
	return c.recent[c.random.IntN(len(c.recent))], true
}

func (c *loadClient) edit(ctx context.Context) {
	if m, ok := c.any(); ok {
		c.send(ctx, http.MethodPatch, fmt.Sprintf("/%d", m.number), history.Request{Kind: history.Edit, In: m.in, Number: m.number, Text: c.text()})
	}
}

func (c *loadClient) delete(ctx context.Context) {
	if m, ok := c.any(); ok {
		c.send(ctx, http.MethodDelete, fmt.Sprintf("/%d", m.number), history.Request{Kind: history.Delete, In: m.in, Number: m.number})
	}
}

// send sends a request and takes it down.
func (c *loadClient) send(ctx context.Context, method, under string, r history.Request) history.Request {
	request := client.Request{Method: method, Path: r.In + under, Header: http.Header{"Content-Type": {"application/json"}}}
	switch {
	case strings.HasSuffix(r.In, "/chats"):
		request.Body = fmt.Sprintf(`{"title":%q}`, r.Text)
	case r.Text != "":
		request.Body = fmt.Sprintf(`{"body":%q}`, r.Text)
	}
	if r.Key != "" {
		request.Header["Idempotency-Key"] = []string{r.Key}
	}
	limited, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	r.Client, r.Begin = c.id, c.recorder.Now()
	answer, err := c.client.Do(limited, request)
	r.End = c.recorder.Now()
	if err == nil {
		r.Status = answer.Status
		r.Outcome, r.Unexpected = judge(&r, answer)
	}
	c.recorder.Add(r)
	if err != nil {
		_ = pause(ctx, whereGone)
	}
	return r
}

// judge tells what an answer says of a request. It sets the number of one that
// is created.
func judge(r *history.Request, a client.Answer) (o history.Outcome, unexpected string) {
	var body struct {
		Chat    int64  `json:"chat_number"`
		Message int64  `json:"message_number"`
		Code    string `json:"code"`
	}
	if len(a.Text) > 0 {
		if err := json.Unmarshal(a.Text, &body); err != nil {
			return history.Unknown, fmt.Sprintf("the answer is no JSON: %.200q", a.Text)
		}
	}
	switch {
	case r.Kind == history.Create && a.Status == http.StatusCreated:
		r.Number = body.Message
		if strings.HasSuffix(r.In, "/chats") {
			r.Number = body.Chat
		}
		return history.Acknowledged, ""
	case r.Kind == history.Edit && a.Status == http.StatusOK, r.Kind == history.Delete && a.Status == http.StatusNoContent:
		return history.Acknowledged, ""
	case a.Status == http.StatusServiceUnavailable:
		if a.Header.Get("Retry-After") == "" {
			unexpected = "a 503 has no Retry-After"
		}
		return history.Unknown, unexpected
	case r.Kind != history.Create && (body.Code == "not_stored_yet" || body.Code == "message_deleted"):
		return history.Refused, ""
	case r.Key != "" && body.Code == "idempotency_key_in_use":
		return history.Refused, ""
	default:
		return history.Unknown, fmt.Sprintf("status %d: %.200s", a.Status, a.Text)
	}
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
