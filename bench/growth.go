package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"
)

// size is what was measured in a folder with so many messages.
type size struct {
	messages        int
	creates, reads  result
	quick           result // reads over a single connection
	searches        []found
	bytesPerMessage float64
	restart         time.Duration // until the first answer after a crash under load
}

// found is the searches of one kind.
type found struct {
	name   string
	loaded result
	quick  result // over a single connection
}

const (
	smallest    = 10_000
	fillTimeout = time.Hour
)

// measureGrowth fills one folder and measures whenever it has ten times the
// messages of the time before. Half of the messages are in one chat.
func measureGrowth(ctx context.Context, s settings, r *report) error {
	if s.messages < smallest {
		return nil
	}
	c, err := startChatapi(ctx, s, r)
	if err != nil {
		return err
	}
	defer c.remove()
	for messages := smallest; messages <= s.messages; messages *= 10 {
		if err := c.fill(ctx, s, int64(messages)); err != nil {
			return fmt.Errorf("fill with %d messages: %w", messages, err)
		}
		measured, err := c.measureSize(ctx, s, messages)
		if err != nil {
			return fmt.Errorf("with %d messages: %w", messages, err)
		}
		r.sizes = append(r.sizes, measured)
		fmt.Printf("%d messages: %.0f creates/s, %.0f reads/s\n", messages, measured.creates.perSecond, measured.reads.perSecond)
	}
	return nil
}

// spread sends every other message to the hot chat.
func (c *chatapi) spread(s settings, n int64) request {
	if n%2 == 0 {
		return c.create(hot, n)
	}
	return c.create(hot+1+n/2%int64(s.chats), n)
}

// fill creates messages until there are so many, and waits until they are
// stored and searchable.
func (c *chatapi) fill(ctx context.Context, s settings, messages int64) error {
	stored, err := c.stored(ctx)
	if err != nil || stored >= messages {
		return err
	}
	got, err := load(ctx, c.addr, s.connections, fillTimeout, func(n int64) request {
		if stored+n >= messages {
			return request{} // the last one
		}
		return c.spread(s, stored+n)
	})
	if err != nil {
		return err
	}
	return c.drain(ctx, messages, &got)
}

func (c *chatapi) measureSize(ctx context.Context, s settings, messages int) (m size, err error) {
	m.messages = messages
	stored, err := c.stored(ctx)
	if err != nil {
		return m, err
	}
	bytes, err := diskUsage(c.data)
	if err != nil {
		return m, err
	}
	m.bytesPerMessage = float64(bytes) / float64(stored)
	short := max(s.duration/2, time.Second)
	known := stored / 4 // of the hot chat, which has half of the messages
	read := func(int64) request { return c.read(hot, 1+rand.Int64N(known)) }
	if m.reads, err = c.load(ctx, s.connections, short, read); err != nil {
		return m, err
	}
	if m.quick, err = c.load(ctx, 1, short, read); err != nil {
		return m, err
	}
	for _, kind := range []struct {
		name  string
		query func(word string) string
		chat  func() int64
	}{
		{"word", func(w string) string { return w }, func() int64 { return hot }},
		{"beginning of a word", func(w string) string { return w[:len(w)-1] }, func() int64 { return hot }},
		{"part of a word", func(w string) string { return w[1:] }, func() int64 { return hot }},
		{"word, in a small chat", func(w string) string { return w }, func() int64 { return hot + 1 + rand.Int64N(int64(s.chats)) }},
	} {
		next := func(int64) request { return c.search(kind.chat(), kind.query(c.texts.word(rand.Int64N(1<<40)))) }
		f := found{name: kind.name}
		if f.loaded, err = c.load(ctx, s.connections, short, next); err != nil {
			return m, err
		}
		if f.quick, err = c.load(ctx, 1, short, next); err != nil {
			return m, err
		}
		m.searches = append(m.searches, f)
	}
	if m.creates, err = c.load(ctx, s.connections, short, func(n int64) request { return c.spread(s, n) }); err != nil {
		return m, err
	}
	m.restart, err = c.crash(ctx, s)
	return m, err
}

// crash kills the server in the midst of creates and returns how long the next
// one takes until it reads a message.
func (c *chatapi) crash(ctx context.Context, s settings) (time.Duration, error) {
	broken := make(chan error, 1)
	go func() {
		_, err := load(ctx, c.addr, s.connections, time.Minute, func(n int64) request { return c.spread(s, n) })
		broken <- err
	}()
	time.Sleep(time.Second)
	c.end(syscall.SIGKILL)
	<-broken // with an error, for the server is gone
	begun := time.Now()
	if err := c.start(s); err != nil {
		return 0, err
	}
	_, err := c.api.GetMessage(ctx, c.token, hot, 1)
	took := time.Since(begun)
	if err != nil {
		return took, err
	}
	// What was created until the crash is stored and indexed before anything
	// else is measured.
	_, err = c.probeOnce(ctx, hot)
	return took, err
}
