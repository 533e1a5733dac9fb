package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"chatapi/pkg/chat"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// readAhead is how many bytes of lines are read ahead of the oldest line that is
// not imported yet. Chats within this part of the file are imported concurrently.
const readAhead = 32 << 20

// Target is the app that an import creates chats and messages in. The key is an
// Idempotency-Key: a create with the key of an earlier one returns its number.
type Target interface {
	CreateChat(ctx context.Context, key, title string, metadata chat.Metadata) (number int64, err error)
	CreateMessage(
		ctx context.Context, key string, chat int64, body, sender string, metadata chat.Metadata,
	) (number int64, err error)
}

// Import imports a file of lines into an app. It creates the messages of each
// chat in order, and different chats concurrently. It records its progress in a
// state file next to the imported file: an import that was stopped, in whatever
// way, continues when it is run again, and a complete one does nothing.
type Import struct {
	File        string
	App         string // the app's token
	Target      Target
	Chat        int64 // chat for all messages; 0 for a new chat for each chat of the file
	Concurrency int   // creates of messages that run concurrently
	Late        bool  // continue after KeyLifetime, though messages in flight then may be created twice

	Begin    func(messages int64) // called once, with the number of messages in the file
	Progress func(messages int64) // called for each message imported now or before, concurrently
}

// Summary counts what an import did.
type Summary struct {
	Messages int64 // imported by this run
	Before   int64 // imported by earlier runs
	Chats    int64 // created by this run
	Deleted  int64 // tombstones in the file, which are left out
}

// contents describes a file before it is imported.
type contents struct {
	sum      string // SHA-256, in hex
	messages int64
	deleted  int64
}

// Run runs the import. It reads the whole file first, and imports nothing if a
// line is invalid. Errors of lines and of creates have the number of the line.
func (im Import) Run(ctx context.Context) (Summary, error) {
	file, err := os.Open(im.File)
	if err != nil {
		return Summary{}, err
	}
	defer file.Close()
	found, err := im.inspect(file)
	if err != nil {
		return Summary{}, fmt.Errorf("%s: %w", im.File, err)
	}
	app := sha256.Sum256([]byte(im.App))
	path := im.File + StateSuffix
	s, err := openState(path, header{File: found.sum, App: hex.EncodeToString(app[:]), Chat: im.Chat})
	if err != nil {
		return Summary{}, err
	}
	if err := im.checkAge(s); err != nil {
		return Summary{}, errors.Join(err, s.close())
	}
	r := &run{Import: im, state: s, pending: map[int64][]message{},
		window: semaphore.NewWeighted(readAhead), slots: semaphore.NewWeighted(int64(im.Concurrency)),
	}
	r.Deleted = found.deleted
	im.Begin(found.messages)
	if _, err = file.Seek(0, io.SeekStart); err == nil {
		err = r.all(ctx, file)
	}
	if err == nil && s.done == nil {
		now := time.Now().UTC()
		err = s.add(entry{Done: &now})
	}
	return r.Summary, errors.Join(err, s.close())
}

// inspect reads and checks all lines of the file.
func (im Import) inspect(file io.Reader) (found contents, err error) {
	hash := sha256.New()
	lines := newScanner(io.TeeReader(file, hash))
	for {
		l, _, err := lines.next()
		switch {
		case errors.Is(err, io.EOF):
			found.sum = hex.EncodeToString(hash.Sum(nil))
			return found, nil
		case err != nil:
			return found, err
		case l.Type != TypeMessage:
		case l.deleted():
			found.deleted++
		case l.Chat < 1 && im.Chat == 0:
			return found, lines.lineError(errors.New(
				"invalid message without a chat_number: want one, or --chat N to import all messages into one chat"))
		default:
			found.messages++
		}
	}
}

// checkAge returns an error if the server may no longer know the Idempotency-Keys
// of the creates that were in flight when an earlier run stopped.
func (im Import) checkAge(s *state) error {
	if im.Late || !s.begun() || s.done != nil || time.Since(s.touched) < KeyLifetime {
		return nil
	}
	return fmt.Errorf("cannot continue the import that stopped at %s: "+
		"the server forgets Idempotency-Keys after 24 hours, "+
		"so messages that were in flight could be created twice (at most %d); --late accepts that",
		s.touched.UTC().Format(time.RFC3339), im.Concurrency)
}

// message is a message of the file that is not imported yet.
type message struct {
	Line
	ordinal int64 // place among the messages of the file; the first is 1
	line    int64 // number of its line
	size    int64 // bytes of its line
}

// run is one run of an import.
type run struct {
	Import
	Summary
	state  *state
	group  *errgroup.Group
	window *semaphore.Weighted // bytes of lines that are read and not imported yet
	slots  *semaphore.Weighted // creates that run concurrently

	mu      sync.Mutex
	pending map[int64][]message // by chat; a goroutine drains each chat in the map
}

// all imports the chats and messages that are not imported yet.
func (r *run) all(ctx context.Context, file io.Reader) error {
	r.group, ctx = errgroup.WithContext(ctx)
	readErr := r.read(ctx, newScanner(file))
	if err := r.group.Wait(); err != nil {
		return err
	}
	return readErr
}

// read reads the lines, creates chats and queues messages.
func (r *run) read(ctx context.Context, lines *scanner) error {
	for ordinal := int64(0); ; {
		l, size, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case l.Type == TypeChat && r.Chat == 0:
			_, err = r.chat(ctx, l)
		case l.Type == TypeMessage && !l.deleted():
			ordinal++
			err = r.message(ctx, message{Line: l, ordinal: ordinal, line: lines.at, size: int64(size)})
		}
		if err != nil {
			return lines.lineError(err)
		}
	}
}

// chat returns the number in the app of the chat of a line, and creates the chat
// if it is not imported yet.
func (r *run) chat(ctx context.Context, l Line) (int64, error) {
	if r.Chat != 0 {
		return r.Chat, nil
	}
	if number, ok := r.state.chats[l.Chat]; ok {
		return number, nil
	}
	title, metadata := l.Title, l.Metadata
	if l.Type != TypeChat { // a message before its chat, or of a chat that is not in the file
		title, metadata = "", nil
	}
	number, err := r.Target.CreateChat(ctx, r.state.key("chat", l.Chat), title, metadata)
	if err != nil {
		return 0, err
	}
	r.Chats++
	r.state.chats[l.Chat] = number
	return number, r.state.add(entry{Source: l.Chat, Chat: number})
}

// message appends a message to the queue of its chat, unless it is imported.
func (r *run) message(ctx context.Context, m message) error {
	if r.state.imported(m.ordinal) {
		r.Before++
		r.Progress(1)
		return nil
	}
	number, err := r.chat(ctx, m.Line)
	if err != nil {
		return err
	}
	if err := r.window.Acquire(ctx, m.size); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	queue, drained := r.pending[number]
	r.pending[number] = append(queue, m)
	if !drained {
		r.group.Go(func() error { return r.drain(ctx, number) })
	}
	return nil
}

// drain creates the queued messages of a chat in order.
func (r *run) drain(ctx context.Context, number int64) error {
	for {
		m, ok := r.dequeue(number)
		if !ok {
			return nil
		}
		if err := r.create(ctx, number, m); err != nil {
			return fmt.Errorf("line %d: %w", m.line, err)
		}
		r.window.Release(m.size)
	}
}

// dequeue returns the next message of a chat's queue. It removes the queue and
// returns false if it is empty.
func (r *run) dequeue(number int64) (message, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	queue := r.pending[number]
	if len(queue) == 0 {
		delete(r.pending, number)
		return message{}, false
	}
	r.pending[number] = queue[1:]
	return queue[0], true
}

// create creates a message and records it in the state.
func (r *run) create(ctx context.Context, number int64, m message) error {
	if err := r.slots.Acquire(ctx, 1); err != nil {
		return err
	}
	defer r.slots.Release(1)
	key := r.state.key("message", m.ordinal)
	if _, err := r.Target.CreateMessage(ctx, key, number, m.Body, m.Sender, m.Metadata); err != nil {
		return err
	}
	if err := r.state.add(entry{Message: m.ordinal}); err != nil {
		return err
	}
	r.mu.Lock()
	r.Messages++
	r.mu.Unlock()
	r.Progress(1)
	return nil
}
