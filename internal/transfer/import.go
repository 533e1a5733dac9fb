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

// readAhead is how many bytes of lines are read beyond the first that is not
// imported: so much of a file is open to being imported side by side.
const readAhead = 32 << 20

// Target is the app that is imported to. A create with the key of an earlier
// one returns the number of that one.
type Target interface {
	CreateChat(ctx context.Context, key, title string, metadata chat.Metadata) (number int64, err error)
	CreateMessage(ctx context.Context, key string, chat int64, body, sender string, metadata chat.Metadata) (number int64, err error)
}

// Import imports a file of lines to an app. The messages of each chat are
// created one after the other, so that they keep their order; chats go side by
// side. What it has done it keeps in a state file beside the imported one: an
// import that was stopped, in whatever way, goes on where it was when it is
// run again, and one that was done does nothing.
type Import struct {
	File        string
	App         string // its token
	Target      Target
	Chat        int64 // that all messages go to; 0 for a new chat for each of the file
	Concurrency int   // creates of messages at a time
	Late        bool  // go on after KeyLifetime, though what was under way may be imported twice

	Begin    func(messages int64) // is told first how many messages the file has
	Progress func(messages int64) // is told of each message that is or was imported; called from many goroutines
}

// Summary is what an import did.
type Summary struct {
	Messages int64 // imported by this run
	Before   int64 // imported by runs before
	Chats    int64 // created by this run
	Deleted  int64 // messages of the file that are deleted, which are left out
}

// contents is what a file is found to hold before it is imported.
type contents struct {
	sum      string
	messages int64
	deleted  int64
}

// Run imports. It reads the whole file first, and imports nothing of one with
// a line that could not be imported. The error of a create names its line.
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
	if err := im.timely(s); err != nil {
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

// inspect reads the file to its end.
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
			return found, lines.refuse(errors.New("the message has no chat_number; --chat N imports all messages to one chat"))
		default:
			found.messages++
		}
	}
}

// timely returns an error where the keys of what was under way in an earlier
// run may be forgotten.
func (im Import) timely(s *state) error {
	if im.Late || !s.begun() || s.done != nil || time.Since(s.touched) < KeyLifetime {
		return nil
	}
	return fmt.Errorf("the import stopped on %s; the server no longer knows what was under way then, so up to %d messages may come to be there twice: --late accepts that",
		s.touched.UTC().Format(time.DateTime), im.Concurrency)
}

// message is a message of the file on its way.
type message struct {
	Line
	ordinal int64 // among the messages of the file, from 1
	line    int64
	size    int64 // bytes of the line
}

// run is one run of an import.
type run struct {
	Import
	Summary
	state  *state
	group  *errgroup.Group
	window *semaphore.Weighted // bytes of lines that are read and not imported
	slots  *semaphore.Weighted // creates at a time

	mu      sync.Mutex
	pending map[int64][]message // by chat; a chat that is here is being drained
}

// all imports what is not imported yet.
func (r *run) all(ctx context.Context, file io.Reader) error {
	r.group, ctx = errgroup.WithContext(ctx)
	readErr := r.read(ctx, newScanner(file))
	if err := r.group.Wait(); err != nil {
		return err
	}
	return readErr
}

// read reads the lines and hands on the messages that are not imported.
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
			return lines.refuse(err)
		}
	}
}

// chat returns the number in the app of a chat of the file, which it creates
// where that is not done.
func (r *run) chat(ctx context.Context, l Line) (int64, error) {
	if r.Chat != 0 {
		return r.Chat, nil
	}
	if number, ok := r.state.chats[l.Chat]; ok {
		return number, nil
	}
	title, metadata := l.Title, l.Metadata
	if l.Type != TypeChat { // a message before its chat, or of one that the file does not have
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

// message puts a message at the end of its chat's queue.
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

// drain creates the messages of a chat, one after the other, until none is
// left.
func (r *run) drain(ctx context.Context, number int64) error {
	for {
		m, ok := r.first(number)
		if !ok {
			return nil
		}
		if err := r.create(ctx, number, m); err != nil {
			return fmt.Errorf("line %d: %w", m.line, err)
		}
		r.window.Release(m.size)
	}
}

func (r *run) first(number int64) (message, bool) {
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

func (r *run) create(ctx context.Context, number int64, m message) error {
	if err := r.slots.Acquire(ctx, 1); err != nil {
		return err
	}
	defer r.slots.Release(1)
	if _, err := r.Target.CreateMessage(ctx, r.state.key("message", m.ordinal), number, m.Body, m.Sender, m.Metadata); err != nil {
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
