//go:build e2e

package e2e_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"chatapi/pkg/client"

	gocmp "github.com/google/go-cmp/cmp"
)

const (
	answerWithin  = 10 * time.Second // of a route whose engine is gone
	startWithin   = 2 * time.Minute  // of an engine, and of the service after it
	recoverWithin = 4 * time.Minute  // longer than a queue hides a create whose batch failed
)

// engine is a part behind the API that a target can stop.
type engine struct {
	name   string   // for the target's commands
	health string   // in the answer of health
	needed []string // the routes that cannot do without it
}

// engineCases stop each engine under a light load and start it again.
func engineCases(ctx context.Context, s *suite) ([]testCase, error) {
	var all []testCase
	for _, e := range []engine{
		{"opensearch", "index", []string{"search-messages", "search-app"}},
		{"sqs", "queue", nil}, // a create that it refuses goes straight to the rows
		{"dynamodb", "store", []string{
			"create-app", "list-apps", "get-app", "create-chat", "list-chats", "get-chat",
			"create-message", "list-messages", "get-message", "get-reader", "update-reader",
		}},
	} {
		o := &outage{s: s, engine: e, suiteCtx: ctx}
		for _, c := range []testCase{
			{"routes that need it answer 503", o.routesRefuse},
			{"the others work", o.othersWork},
			{"health says which", o.healthSaysWhich},
			{"recovers by itself", o.recovers},
			{"nothing acknowledged is lost", o.nothingLost},
		} {
			all = append(all, testCase{e.name + ": " + c.name, func(ctx context.Context) error {
				if s.stop == "" || s.start == "" {
					return errNotOnTarget
				}
				return c.run(ctx)
			}})
		}
	}
	return all, nil
}

// outage is one engine's, from the first case, which stops it, to the last.
type outage struct {
	s        *suite
	engine   engine
	suiteCtx context.Context // of the load, which outlives a case

	chat string // has a message that search finds
	load *load
}

// control runs the target's command for an engine.
func (o *outage) control(ctx context.Context, command string) error {
	output, err := os.CreateTemp("", "chatapi-e2e-*.log") // no pipe, which a started engine would hold open
	if err != nil {
		return err
	}
	defer os.Remove(output.Name())
	defer output.Close()
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	run := exec.CommandContext(ctx, "/bin/sh", "-c", command+` "$1"`, "sh", o.engine.name)
	run.Stdout, run.Stderr = output, output
	if err := run.Run(); err != nil {
		text, _ := os.ReadFile(output.Name())
		return fmt.Errorf("%s %s: %w: %s", command, o.engine.name, err, text)
	}
	return nil
}

// routesRefuse prepares a chat, starts a load and stops the engine.
func (o *outage) routesRefuse(ctx context.Context) error {
	var err error
	if o.chat, err = o.s.newAppAndChat(ctx); err != nil {
		return err
	}
	if _, err := o.s.create(ctx, messagesOf(o.chat), object("body", "mango")); err != nil {
		return err
	}
	if err := o.s.searchable(ctx, o.chat, "mango", 1); err != nil {
		return err
	}
	busy, err := o.s.newAppAndChat(ctx)
	if err != nil {
		return err
	}
	o.load = startLoad(o.suiteCtx, o.s, messagesOf(busy))
	if err := o.control(ctx, o.s.stop); err != nil {
		return err
	}
	return o.askAll(ctx, true, func(a answer) error {
		return problem{status: http.StatusServiceUnavailable, code: "unavailable"}.check(a)
	})
}

func (o *outage) othersWork(ctx context.Context) error { return o.askAll(ctx, false, succeeded) }

func succeeded(a answer) error {
	if a.Status >= http.StatusMultipleChoices {
		return fmt.Errorf("status %d: %.300s", a.Status, a.Text)
	}
	return nil
}

// askAll asks the routes that need the engine, or all others.
func (o *outage) askAll(ctx context.Context, needed bool, check func(answer) error) error {
	if o.chat == "" {
		return errors.New("the chat to ask for was not created")
	}
	var wrong []error
	for _, p := range probes(o.chat) {
		if slices.Contains(o.engine.needed, p.route) != needed {
			continue
		}
		begun := time.Now()
		a, err := o.s.send(ctx, p.request)
		took := time.Since(begun)
		if err == nil {
			err = check(a)
		}
		if err == nil && took > answerWithin {
			err = fmt.Errorf("answered after %v", took)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", p.route, err))
		}
	}
	return errors.Join(wrong...)
}

type probe struct {
	route   string
	request client.Request
}

// probes ask each route but health, in a chat with a message 1, "mango".
func probes(chat string) []probe {
	app := appOf(chat)
	return []probe{
		{"create-app", client.Request{Method: "POST", Path: "/api/v1/apps", Body: object("name", "outage")}},
		{"list-apps", client.Request{Method: "GET", Path: "/api/v1/apps"}},
		{"get-app", client.Request{Method: "GET", Path: app}},
		{"create-chat", client.Request{Method: "POST", Path: app + "/chats", Body: `{}`}},
		{"list-chats", client.Request{Method: "GET", Path: app + "/chats"}},
		{"get-chat", client.Request{Method: "GET", Path: chat}},
		{"create-message", client.Request{Method: "POST", Path: chat + "/messages", Body: object("body", "plum")}},
		{"list-messages", client.Request{Method: "GET", Path: chat + "/messages"}},
		{"get-message", client.Request{Method: "GET", Path: chat + "/messages/1"}},
		{"get-reader", client.Request{Method: "GET", Path: readerOf(chat, "ada")}},
		{"update-reader", client.Request{Method: "PUT", Path: readerOf(chat, "ada"), Body: `{"last_read":1}`}},
		{"search-messages", client.Request{Method: "POST", Path: chat + "/messages/search", Body: object("query", "mango")}},
		{"search-app", client.Request{Method: "GET", Path: app + "/messages/search?query=mango"}},
	}
}

func (o *outage) healthSaysWhich(ctx context.Context) error {
	begun := time.Now()
	a, err := o.s.want(ctx, http.StatusServiceUnavailable, "GET", "/health", "")
	if err != nil {
		return err
	}
	if took := time.Since(begun); took > answerWithin {
		return fmt.Errorf("answered after %v", took)
	}
	states, err := enginesOf(a)
	if err != nil {
		return err
	}
	want := map[string]string{"store": "ok", "queue": "ok", "index": "ok"}
	want[o.engine.health] = "unavailable"
	if diff := gocmp.Diff(want, states); diff != "" || a.text("status") != "unavailable" {
		return fmt.Errorf("status %q, engines (-want +got):\n%s", a.text("status"), diff)
	}
	return nil
}

// recovers starts the engine, whatever went wrong before, and waits until
// every route works.
func (o *outage) recovers(ctx context.Context) error {
	if err := o.control(ctx, o.s.start); err != nil {
		return err
	}
	return eventually(ctx, startWithin, func(ctx context.Context) error {
		if _, err := o.s.want(ctx, http.StatusOK, "GET", "/health", ""); err != nil {
			return err
		}
		return errors.Join(o.askAll(ctx, true, succeeded), o.askAll(ctx, false, succeeded))
	})
}

// nothingLost ends the load and finds what it created, by listing and by
// searching. A create that got a 503 may have been stored all the same.
func (o *outage) nothingLost(ctx context.Context) error {
	if o.load == nil {
		return errors.New("the load did not start")
	}
	acknowledged, err := o.load.end()
	if err != nil {
		return err
	}
	in := o.load.in
	after, err := o.s.create(ctx, in, object("body", "after the outage"))
	if err != nil {
		return err
	}
	if highest := slices.MaxFunc(acknowledged, byNumber); after.number <= highest.number {
		return fmt.Errorf("number %d was given out after %d was acknowledged", after.number, highest.number)
	}
	return eventually(ctx, recoverWithin, func(ctx context.Context) error {
		return o.s.holds(ctx, in, append(acknowledged, after))
	})
}

func byNumber(a, b created) int { return cmp.Compare(a.number, b.number) }

// holds checks that creates are stored once, with their own bodies, counted,
// and found by a search for "outage", which is in every body.
func (s *suite) holds(ctx context.Context, in collection, creates []created) error {
	rows, err := s.all(ctx, in)
	if err != nil {
		return err
	}
	stored, bodies := map[int64]item{}, map[string]int64{}
	for _, row := range rows {
		stored[row.MessageNumber] = row
		if other, twice := bodies[row.Body]; twice {
			return fmt.Errorf("%s: %q is stored as %d and as %d", in.path, row.Body, other, row.MessageNumber)
		}
		bodies[row.Body] = row.MessageNumber
	}
	if len(stored) != len(rows) {
		return fmt.Errorf("%s: %d rows have %d numbers", in.path, len(rows), len(stored))
	}
	for _, c := range creates {
		if row, ok := stored[c.number]; !ok || row.Body != c.fields["body"] {
			return fmt.Errorf("%s %d, %v, is stored: %t, %q", in.number, c.number, c.fields["body"], ok, row.Body)
		}
	}
	if count, err := s.count(ctx, in); err != nil || count != int64(len(rows)) {
		return errors.Join(err, fmt.Errorf("%s is %d, %d rows are stored", in.count, count, len(rows)))
	}
	found, err := s.findAll(ctx, in.parent, map[string]any{"query": "outage", "limit": 200})
	if err != nil {
		return err
	}
	slices.Reverse(found)
	if diff := gocmp.Diff(numbersOf(rows, in), numbersOf(found, in)); diff != "" {
		return fmt.Errorf("stored (-) and found (+):\n%s", diff)
	}
	return nil
}

// load posts messages to one chat until its end: one client posts each once,
// another with a key until it is answered.
type load struct {
	s    *suite
	in   collection
	stop context.CancelFunc
	all  sync.WaitGroup

	mu           sync.Mutex
	acknowledged []created
	wrong        error // the first answer that was neither 201 nor 503
}

func startLoad(ctx context.Context, s *suite, in collection) *load {
	posting, stop := context.WithCancel(ctx)
	l := &load{s: s, in: in, stop: stop}
	for _, key := range []string{"", rand.Text()} {
		l.all.Go(func() {
			for i := 0; posting.Err() == nil; i++ {
				l.post(posting, ctx, key, i)
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	return l
}

// post posts a message. With a key it repeats what is not answered with 201,
// until the load ends.
func (l *load) post(posting, ctx context.Context, key string, i int) {
	r := client.Request{Method: "POST", Path: l.in.path, Body: object("body", fmt.Sprintf("outage %d of client %q", i, key))}
	if key != "" {
		r.Header = http.Header{"Idempotency-Key": {fmt.Sprint(key, "-", i)}}
	}
	for {
		a, err := l.s.send(ctx, r)
		if err == nil && a.Status != http.StatusCreated && !(key != "" && keyInUse.check(a) == nil) {
			err = problem{status: http.StatusServiceUnavailable, code: "unavailable"}.check(a)
		}
		l.note(a, err)
		if err != nil || key == "" || a.Status == http.StatusCreated || posting.Err() != nil {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// note keeps what was acknowledged, and the first answer that was wrong.
func (l *load) note(a answer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.wrong = cmp.Or(l.wrong, fmt.Errorf("POST %s: %w", l.in.path, err))
		return
	}
	if number, ok := a.fields[l.in.number].(float64); ok {
		l.acknowledged = append(l.acknowledged, created{number: int64(number), fields: a.fields})
	}
}

// end stops the load and returns what was acknowledged.
func (l *load) end() ([]created, error) {
	l.stop()
	l.all.Wait()
	if l.wrong == nil && len(l.acknowledged) == 0 {
		return nil, errors.New("nothing was acknowledged")
	}
	return l.acknowledged, l.wrong
}
