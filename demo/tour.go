package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"chatapi/pkg/client"

	"golang.org/x/sync/errgroup"
)

// posters is how many clients post side by side.
const posters = 16

// tour is one walk through the API.
type tour struct {
	api   *client.Client
	out   io.Writer
	token string // of the app; chat i of the texts has the number i+1

	terminal bool // out is one
}

func (t *tour) run(ctx context.Context, chats []texts) error {
	total := 0
	for _, c := range chats {
		total += len(c.entries)
	}
	steps := []struct {
		what string
		do   func() (string, error)
	}{
		{"create an app", func() (string, error) { return t.createApp(ctx) }},
		{fmt.Sprintf("create %d chats", len(chats)), func() (string, error) { return t.createChats(ctx, chats) }},
		{fmt.Sprintf("post %d messages from %d clients", total, posters), func() (string, error) { return t.post(ctx, chats, total) }},
		{"wait until all are stored", func() (string, error) { return t.waitStored(ctx, chats, total) }},
		{"wait until all are searchable", func() (string, error) { return t.waitSearchable(ctx, chats) }},
	}
	for _, s := range steps {
		if err := t.step(s.what, s.do); err != nil {
			return err
		}
	}
	return t.searches(ctx, chats)
}

func (t *tour) createApp(ctx context.Context) (string, error) {
	app, err := t.api.CreateApp(ctx, client.CreateAppRequest{Name: "demo"})
	if err != nil {
		return "", err
	}
	t.token = app.Data.AppToken
	return "token " + t.token, nil
}

func (t *tour) createChats(ctx context.Context, chats []texts) (string, error) {
	for _, c := range chats {
		if _, err := t.api.CreateChat(ctx, t.token, client.CreateChatRequest{Title: c.title}); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("numbers 1 to %d", len(chats)), nil
}

// number returns the number of the i-th chat.
func number(i int) int64 { return int64(i) + 1 }

func (t *tour) post(ctx context.Context, chats []texts, total int) (string, error) {
	var posted atomic.Int64
	stop := t.progress(func() string { return fmt.Sprintf("posted %d of %d", posted.Load(), total) })
	defer stop()
	start := time.Now()
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(posters)
	for i, c := range chats {
		for _, text := range c.entries {
			all.Go(func() error {
				defer posted.Add(1)
				_, err := t.api.CreateMessage(ctx, t.token, number(i), client.CreateMessageRequest{Body: text, Sender: c.title})
				return err
			})
		}
	}
	err := all.Wait()
	return fmt.Sprintf("%.0f a second, each durable before its 201", float64(total)/time.Since(start).Seconds()), err
}

// progress prints a line now and then until it is stopped: over itself on a
// terminal, one after the other elsewhere.
func (t *tour) progress(line func() string) (stop func()) {
	every, format := time.Second, "%s\n"
	if t.terminal {
		every, format = 100*time.Millisecond, "\r%-70s"
	}
	ticker := time.NewTicker(every)
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-ticker.C:
				fmt.Fprintf(t.out, format, line())
			case <-done:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
		<-stopped
		if t.terminal {
			fmt.Fprint(t.out, "\r")
		}
	}
}

// patience bounds the waits for rows and index.
const patience = 2 * time.Minute

// until asks again and again until done says yes.
func until(ctx context.Context, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if ok, err := done(ctx); ok || err != nil {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (t *tour) waitStored(ctx context.Context, chats []texts, total int) (string, error) {
	for i, c := range chats {
		err := until(ctx, func(ctx context.Context) (bool, error) {
			chat, err := t.api.GetChat(ctx, t.token, number(i))
			if err != nil {
				return false, err
			}
			return chat.MessageCount == int64(len(c.entries)), nil
		})
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d messages, counts equal", total), nil
}

// waitSearchable asks each chat for the first word of its newest message,
// which is the first hit: whole words come first, and among them the newest.
func (t *tour) waitSearchable(ctx context.Context, chats []texts) (string, error) {
	for i, c := range chats {
		if err := t.waitForNewest(ctx, i, c); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("in %d chats", len(chats)), nil
}

func (t *tour) waitForNewest(ctx context.Context, chat int, c texts) error {
	page, err := t.api.ListMessages(ctx, t.token, number(chat), client.ListMessagesParams{Order: client.ListMessagesParamsOrderDesc, Limit: 1})
	if err != nil {
		return err
	}
	newest := page.Messages[0] // a chat is made of at least one text
	words := strings.FieldsFunc(newest.Body, func(r rune) bool { return !isWord(r) })
	if len(words) == 0 || len(words[0]) > 200 {
		return nil // a picture made of punctuation
	}
	return until(ctx, func(ctx context.Context) (bool, error) {
		found, err := t.search(ctx, chat, words[0])
		return len(found) > 0 && found[0].MessageNumber == newest.MessageNumber, err
	})
}
