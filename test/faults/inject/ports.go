//go:build linux

package inject

import (
	"context"
	"slices"
	"sync"
	"time"

	"chatapi/pkg/chat"
)

// The points: every step of the way of a create, and the engines' HTTP.
const (
	CreateApp             = "Store.CreateApp"
	AllocateChatNumber    = "Store.AllocateChatNumber"
	CreateCounter         = "Store.CreateCounter"
	StoreChats            = "Store.StoreChats"
	AllocateMessageNumber = "Store.AllocateMessageNumber"
	StoreMessages         = "Store.StoreMessages"
	UpdateMessage         = "Store.UpdateMessage"
	DeleteMessage         = "Store.DeleteMessage"
	ClaimKey              = "Idempotency.Claim"
	RecordNumber          = "Idempotency.Record"
	ReleaseKey            = "Idempotency.Release"
	Send                  = "Queue.Send"
	Receive               = "Queue.Receive"
	DeleteDelivery        = "Queue.Delete"
	ReadStream            = "Stream.Read"
	Checkpoint            = "Stream.Checkpoint"
	Apply                 = "Index.Apply"
	SendDeadLetter        = "DeadLetters.Send"
	DynamoDB              = "DynamoDB.HTTP"
	DynamoDBWrite         = "DynamoDB.Write"  // UpdateItem and TransactWriteItems, which are calls of DynamoDB.HTTP as well
	DynamoDBEdit          = "DynamoDB.Edit"   // an UpdateItem that edits a row, in place of DynamoDB.Write
	DynamoDBNumber        = "DynamoDB.Number" // a request that allocates a number, which is a call of DynamoDB.HTTP as well
	SQS                   = "SQS.HTTP"
	OpenSearch            = "OpenSearch.HTTP"
	OpenSearchBulk        = "OpenSearch.Bulk" // a bulk request, which is a call of OpenSearch.HTTP as well
)

// Points are all of them.
var Points = []string{
	CreateApp, AllocateChatNumber, CreateCounter, StoreChats, AllocateMessageNumber, StoreMessages,
	UpdateMessage, DeleteMessage, ClaimKey, RecordNumber, ReleaseKey, Send, Receive, DeleteDelivery, ReadStream, Checkpoint, Apply, SendDeadLetter,
	DynamoDB, DynamoDBWrite, DynamoDBEdit, DynamoDBNumber, SQS, OpenSearch, OpenSearchBulk,
}

// Steps are the points that a create passes one after the other, and those of
// edits and deletes.
var Steps = []string{
	AllocateMessageNumber, Send, Receive, StoreMessages, DeleteDelivery, ReadStream, Apply, Checkpoint,
	AllocateChatNumber, CreateCounter, StoreChats, UpdateMessage, DeleteMessage, ClaimKey, RecordNumber,
}

// Store wraps a store. Its reads meet no faults.
func (x *Injector) Store(of chat.Store) chat.Store { return &store{of, x} }

type store struct {
	chat.Store
	x *Injector
}

func (s *store) CreateApp(ctx context.Context, app chat.App) error {
	app.CreatedAt, app.UpdatedAt = s.x.time(app.CreatedAt), s.x.time(app.UpdatedAt)
	return s.x.call(CreateApp, func() error { return s.Store.CreateApp(ctx, app) })
}

func (s *store) AllocateChatNumber(ctx context.Context, appToken string) (n int64, err error) {
	err = s.x.call(AllocateChatNumber, func() (err error) { n, err = s.Store.AllocateChatNumber(ctx, appToken); return err })
	return n, err
}

func (s *store) AllocateMessageNumber(ctx context.Context, id chat.ChatID) (n int64, err error) {
	err = s.x.call(AllocateMessageNumber, func() (err error) { n, err = s.Store.AllocateMessageNumber(ctx, id); return err })
	return n, err
}

func (s *store) CreateCounter(ctx context.Context, id chat.ChatID) error {
	return s.x.call(CreateCounter, func() error { return s.Store.CreateCounter(ctx, id) })
}

func (s *store) StoreChats(ctx context.Context, appToken string, chats []chat.Chat) error {
	f := s.x.fate(StoreChats)
	if f.kind == Part && len(chats) > 1 {
		_ = s.Store.StoreChats(ctx, appToken, chats[:len(chats)/2])
		return refused(StoreChats)
	}
	return s.x.around(f, StoreChats, func() error { return s.Store.StoreChats(ctx, appToken, chats) })
}

func (s *store) StoreMessages(ctx context.Context, id chat.ChatID, messages []chat.Message) error {
	if err := s.x.doomed(messages); err != nil {
		return err
	}
	f := s.x.fate(StoreMessages)
	if f.kind == Part && len(messages) > 1 {
		_ = s.Store.StoreMessages(ctx, id, messages[:len(messages)/2])
		return refused(StoreMessages)
	}
	return s.x.around(f, StoreMessages, func() error { return s.Store.StoreMessages(ctx, id, messages) })
}

func (s *store) UpdateApp(ctx context.Context, token string, edit chat.AppEdit, allowed chat.Versions) (chat.App, error) {
	edit.At = s.x.time(edit.At)
	return s.Store.UpdateApp(ctx, token, edit, allowed)
}

func (s *store) UpdateChat(ctx context.Context, id chat.ChatID, edit chat.ChatEdit, allowed chat.Versions) (chat.Chat, error) {
	edit.At = s.x.time(edit.At)
	return s.Store.UpdateChat(ctx, id, edit, allowed)
}

func (s *store) UpdateMessage(ctx context.Context, id chat.ChatID, number int64, edit chat.MessageEdit, allowed chat.Versions) (m chat.Message, err error) {
	edit.At = s.x.time(edit.At)
	err = s.x.call(UpdateMessage, func() (err error) { m, err = s.Store.UpdateMessage(ctx, id, number, edit, allowed); return err })
	return m, err
}

func (s *store) DeleteMessage(ctx context.Context, id chat.ChatID, number int64, at time.Time, allowed chat.Versions) error {
	at = s.x.time(at)
	return s.x.call(DeleteMessage, func() error { return s.Store.DeleteMessage(ctx, id, number, at, allowed) })
}

// Idempotency wraps the keys of creates.
func (x *Injector) Idempotency(of chat.Idempotency) chat.Idempotency { return &keys{of, x} }

type keys struct {
	chat.Idempotency
	x *Injector
}

func (k *keys) Claim(ctx context.Context, claim chat.Claim) (mine chat.Claim, err error) {
	claim.CreatedAt = k.x.time(claim.CreatedAt)
	err = k.x.call(ClaimKey, func() (err error) { mine, err = k.Idempotency.Claim(ctx, claim); return err })
	return mine, err
}

func (k *keys) Record(ctx context.Context, claim chat.Claim) error {
	return k.x.call(RecordNumber, func() error { return k.Idempotency.Record(ctx, claim) })
}

func (k *keys) Release(ctx context.Context, claim chat.Claim) error {
	return k.x.call(ReleaseKey, func() error { return k.Idempotency.Release(ctx, claim) })
}

func (k *keys) CreateAppOnce(ctx context.Context, claim chat.Claim, app chat.App) (first chat.App, err error) {
	claim.CreatedAt, app.CreatedAt, app.UpdatedAt = k.x.time(claim.CreatedAt), k.x.time(app.CreatedAt), k.x.time(app.UpdatedAt)
	err = k.x.call(CreateApp, func() (err error) { first, err = k.Idempotency.CreateAppOnce(ctx, claim, app); return err })
	return first, err
}

// Queue wraps the sending end of a queue.
func (x *Injector) Queue(of chat.Queue) chat.Queue { return &queue{of, x} }

type queue struct {
	chat.Queue
	x *Injector
}

func (q *queue) Send(ctx context.Context, create chat.Create) error {
	f := q.x.fate(Send)
	if jump := f.clock() + q.x.skew; jump != 0 {
		create = jumped(create, jump)
	}
	return q.x.around(f, Send, func() error {
		if f.kind == Twice {
			_ = q.Queue.Send(ctx, create)
		}
		return q.Queue.Send(ctx, create)
	})
}

// time is what a time of the service's clock is.
func (x *Injector) time(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(x.skew)
}

// clock is how far the call's clock is off.
func (f fate) clock() time.Duration {
	switch f.kind {
	case ClockAhead:
		return clockOff
	case ClockBack:
		return -clockOff
	default:
		return 0
	}
}

func jumped(create chat.Create, by time.Duration) chat.Create {
	if create.Message != nil {
		m := *create.Message
		m.CreatedAt, m.UpdatedAt = m.CreatedAt.Add(by), m.UpdatedAt.Add(by)
		return chat.Create{Message: &m}
	}
	c := *create.Chat
	c.CreatedAt, c.UpdatedAt = c.CreatedAt.Add(by), c.UpdatedAt.Add(by)
	return chat.Create{Chat: &c}
}

// Receiver wraps the receiving end of a queue.
func (x *Injector) Receiver(of chat.Receiver) chat.Receiver { return &receiver{Receiver: of, x: x} }

type receiver struct {
	chat.Receiver
	x *Injector

	mu   sync.Mutex
	held []chat.Delivery // for the next Receive
	chat []chat.Delivery // one of a chat, none before the first
}

func (r *receiver) Receive(ctx context.Context, most int) (found []chat.Delivery, err error) {
	f := r.x.fate(Receive)
	err = r.x.around(f, Receive, func() (err error) { found, err = r.Receiver.Receive(ctx, most); return err })
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		return nil, err
	}
	found, r.held = append(found, r.held...), nil
	if len(r.chat) == 0 {
		r.chat = firstChat(found)
	}
	switch f.kind {
	case WithChat:
		if len(found) > 0 {
			found = append(found, r.chat...)
		}
	case Twice:
		r.held = slices.Clone(found)
	case Late:
		r.held, found = found, nil
	case Shuffle:
		f.random.Shuffle(len(found), func(a, b int) { found[a], found[b] = found[b], found[a] })
	case ClockAhead, ClockBack:
		for i := range found {
			found[i].SentAt = found[i].SentAt.Add(f.clock())
		}
	}
	return distinct(found), nil
}

// firstChat returns the first delivery of a chat, or nothing.
func firstChat(found []chat.Delivery) []chat.Delivery {
	for i, d := range found {
		if create, err := chat.DecodeCreate([]byte(d.Body)); err == nil && create.Chat != nil {
			return slices.Clone(found[i : i+1])
		}
	}
	return nil
}

// distinct leaves out deliveries that a batch holds already: a batch of Lambda
// has none twice.
func distinct(all []chat.Delivery) (found []chat.Delivery) {
	seen := map[string]bool{}
	for _, d := range all {
		if !seen[d.ID] {
			seen[d.ID] = true
			found = append(found, d)
		}
	}
	return found
}

func (r *receiver) Delete(ctx context.Context, deliveries []chat.Delivery) error {
	f := r.x.fate(DeleteDelivery)
	if f.kind == Part && len(deliveries) > 1 {
		_ = r.Receiver.Delete(ctx, deliveries[:len(deliveries)/2])
		return refused(DeleteDelivery)
	}
	return r.x.around(f, DeleteDelivery, func() error { return r.Receiver.Delete(ctx, deliveries) })
}

// Stream wraps a stream.
func (x *Injector) Stream(of chat.Stream) chat.Stream { return &stream{Stream: of, x: x} }

type stream struct {
	chat.Stream
	x    *Injector
	last []chat.Change // that were read before
}

func (s *stream) Read(ctx context.Context, most int) (changes []chat.Change, err error) {
	f := s.x.fate(ReadStream)
	err = s.x.around(f, ReadStream, func() (err error) { changes, err = s.Stream.Read(ctx, most); return err })
	if err != nil || len(changes) == 0 {
		return changes, err
	}
	read := changes
	switch f.kind {
	case Split:
		changes = changes[:1+f.random.IntN(len(changes))]
	case Repeat:
		changes = append(slices.Clone(s.last), changes...)
	case Poison:
		changes = poisoned(changes, f.random.IntN(len(changes)))
	case ClockAhead, ClockBack:
		changes = slices.Clone(changes)
		for i := range changes {
			changes[i].At = changes[i].At.Add(f.clock())
		}
	}
	s.last = read
	return changes, nil
}

// poisoned puts a change after the i-th that is no message.
func poisoned(changes []chat.Change, i int) []chat.Change {
	bad := chat.Change{Sequence: changes[i].Sequence, At: changes[i].At, New: &chat.Message{Body: "poison"}}
	return slices.Insert(slices.Clone(changes), i+1, bad)
}

func (s *stream) Checkpoint(ctx context.Context, sequence uint64) error {
	return s.x.call(Checkpoint, func() error { return s.Stream.Checkpoint(ctx, sequence) })
}

// Index wraps an index. Its searches meet no faults.
func (x *Injector) Index(of chat.VersionIndex) chat.VersionIndex { return &index{of, x} }

type index struct {
	chat.VersionIndex
	x *Injector
}

func (i *index) Apply(ctx context.Context, messages []chat.Message) []error {
	f := i.x.fate(Apply)
	if f.kind == Part && len(messages) > 1 {
		return i.some(ctx, messages, f)
	}
	var failed []error
	err := i.x.around(f, Apply, func() error { failed = i.VersionIndex.Apply(ctx, messages); return nil })
	if err == nil {
		return failed
	}
	return slices.Repeat([]error{err}, len(messages))
}

// some applies some of the messages and refuses the others, as a bulk does.
func (i *index) some(ctx context.Context, messages []chat.Message, f fate) []error {
	errs := make([]error, len(messages))
	var kept []chat.Message
	var places []int
	for n, m := range messages {
		if f.random.IntN(4) == 0 {
			errs[n] = refused(Apply)
			continue
		}
		kept, places = append(kept, m), append(places, n)
	}
	for n, err := range i.VersionIndex.Apply(ctx, kept) {
		errs[places[n]] = err
	}
	return errs
}

// DeadLetters wraps dead letters.
func (x *Injector) DeadLetters(of chat.DeadLetters) chat.DeadLetters {
	return &deadLetters{of, x}
}

type deadLetters struct {
	chat.DeadLetters
	x *Injector
}

func (d *deadLetters) Send(ctx context.Context, reason string, record []byte) error {
	return d.x.call(SendDeadLetter, func() error { return d.DeadLetters.Send(ctx, reason, record) })
}
