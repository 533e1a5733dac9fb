package main

import (
	"container/heap"
	"math/rand/v2"
)

// chatLoad is what clients create in one chat.
type chatLoad struct {
	rate    float64 // messages a second
	row     int     // write units of one message's row in a transaction
	seconds int     // length of the load; what waits then is stored afterwards
	seed    uint64
}

// chatLimits are what a chat's messages meet between the queue and their
// partition. Times are in milliseconds.
type chatLimits struct {
	partition int // write units that one partition takes a second

	// Of the queue and its mapping, as in template.yaml.
	batch, writers, window, visibility, retention, receives int

	// Of the store, as in package dynamo.
	rows, units, attempts, firstDelay, maxDelay, timeout int
	halve                                                bool

	transaction int     // duration; it holds the chat's count for that time
	wasted      float64 // share of a refused transaction's units that it has consumed
}

// chatToday are the values of the template and of package dynamo. The last two
// are assumed. AWS does not say what a refused transaction has consumed: nothing
// at best, and half if it has prepared all its items and written none.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-capacity-handling
var chatToday = chatLimits{
	partition: 1000,
	batch:     99, writers: 10, window: 1000, visibility: 181_000, retention: 7 * 24 * 3600_000, receives: 500,
	rows: 99, units: 300, attempts: 12, firstDelay: 10, maxDelay: 1000, timeout: 20_000, halve: true,
	transaction: 10, wasted: 0.5,
}

// chatLoads are the loads of the page.
var chatLoads = []chatLoad{
	{rate: 495, row: 2, seconds: 1800, seed: 1},
	{rate: 600, row: 2, seconds: 1800, seed: 1},
	{rate: 1000, row: 2, seconds: 1800, seed: 1},
	{rate: 28, row: 34, seconds: 1800, seed: 1},
	{rate: 50, row: 34, seconds: 3600, seed: 1},
}

// chatResult is what became of the creates of a chat.
type chatResult struct {
	created, stored, dead, expired int
	rate                           float64 // stored a second, in the second half of the load
	longest                        int     // time from create to row, in milliseconds
	receives                       int     // of one create, at most
}

// create is a message that is not stored yet.
type create struct {
	sent, visible int // times
	receives      int
}

// writer is one environment of the writer, with its batch.
type writer struct {
	next     int // time of its next step
	received int // time of its batch
	pending  []create
	limit    int // units of its next transaction
	attempt  int
	distance int
}

// writers is a heap by the time of the next step.
type writers []*writer

func (w writers) Len() int           { return len(w) }
func (w writers) Less(i, j int) bool { return w[i].next < w[j].next }
func (w writers) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *writers) Push(x any)        { *w = append(*w, x.(*writer)) }
func (w *writers) Pop() any          { panic("a writer never ends") }

// chatRun is the state of a run.
type chatRun struct {
	chatLimits
	chatLoad
	noise    *rand.Rand
	sent     int      // creates that were received once
	returned []create // that were not stored, in the order of their return
	left     float64  // write units of the partition
	filled   int      // time of left
	held     int      // time until which a transaction holds the count
	half     int      // rows stored in the second half of the load
	result   chatResult
}

// simulateChat works out what becomes of a load, until no create waits.
func simulateChat(load chatLoad, l chatLimits) chatResult {
	r := &chatRun{
		chatLimits: l, chatLoad: load, noise: rand.New(rand.NewPCG(load.seed, 2)), left: float64(l.partition),
		result: chatResult{created: int(load.rate * float64(load.seconds))},
	}
	var all writers
	for i := range l.writers {
		all = append(all, &writer{next: i * l.window / l.writers})
	}
	for r.result.stored+r.result.dead+r.result.expired < r.result.created {
		if w := all[0]; len(w.pending) == 0 {
			r.receive(w)
		} else {
			r.store(w)
		}
		heap.Fix(&all, 0)
	}
	r.result.rate = float64(r.half) / (float64(load.seconds) / 2)
	return r.result
}

// receive gives a writer a batch. If none is visible the writer waits.
func (r *chatRun) receive(w *writer) {
	w.received, w.limit, w.attempt, w.distance = w.next, r.units, 0, 0
	for len(w.pending) < r.batch {
		c, ok := r.visible(w.next)
		if !ok {
			break
		}
		c.receives++
		switch {
		case w.next-c.sent > r.retention:
			r.result.expired++
		case c.receives > r.chatLimits.receives:
			r.result.dead++
		default:
			r.result.receives = max(r.result.receives, c.receives)
			w.pending = append(w.pending, c)
		}
	}
	if len(w.pending) == 0 {
		w.next += r.window
	}
}

// visible returns the next create that can be received.
func (r *chatRun) visible(now int) (create, bool) {
	if len(r.returned) > 0 && r.returned[0].visible <= now {
		c := r.returned[0]
		r.returned = r.returned[1:]
		return c, true
	}
	if sent := int(float64(r.sent) / r.chatLoad.rate * 1000); r.sent < r.result.created && sent <= now {
		r.sent++
		return create{sent: sent}, true
	}
	return create{}, false
}

// store attempts a writer's next transaction.
func (r *chatRun) store(w *writer) {
	now := w.next
	if w.attempt == r.attempts || now-w.received > r.timeout {
		for _, c := range w.pending {
			c.visible = w.received + r.visibility
			r.returned = append(r.returned, c)
		}
		r.end(w)
		return
	}
	r.left = min(r.left+float64((now-r.filled)*r.partition)/1000, float64(r.partition))
	r.filled = now
	rows := min(len(w.pending), r.rows, max(w.limit/r.row, 1))
	units := rows * r.row
	w.next += r.transaction
	if throttled := float64(units) > r.left; throttled || r.held > now {
		r.left -= min(r.left, float64(units)*r.wasted)
		w.attempt, w.distance = w.attempt+1, min(w.distance+1, r.attempts)
		if throttled && r.halve {
			w.limit = units / 2
		}
		r.wait(w)
		return
	}
	r.left -= float64(units)
	r.held = w.next
	r.count(w.pending[:rows], now)
	w.pending, w.attempt, w.distance = w.pending[rows:], 0, max(w.distance-1, 0)
	w.limit = min(w.limit+r.units/10, r.units)
	r.wait(w)
	if len(w.pending) == 0 {
		r.end(w)
	}
}

// wait lets a writer keep its distance before its next transaction.
func (r *chatRun) wait(w *writer) {
	if w.distance > 0 {
		w.next += r.noise.IntN(min(r.firstDelay<<(w.distance-1), r.maxDelay))
	}
}

// count counts rows that were stored.
func (r *chatRun) count(rows []create, now int) {
	r.result.stored += len(rows)
	for _, c := range rows {
		r.result.longest = max(r.result.longest, now+r.transaction-c.sent)
	}
	if at := now / 1000; at >= r.seconds/2 && at < r.seconds {
		r.half += len(rows)
	}
}

// end ends a writer's batch. The next one begins when it is full, or after the
// mapping's window.
func (r *chatRun) end(w *writer) {
	w.pending = nil
	created := min(int(float64(w.next)/1000*r.chatLoad.rate), r.result.created)
	if created-r.sent+len(r.returned) < r.batch {
		w.next += r.window
	}
}
