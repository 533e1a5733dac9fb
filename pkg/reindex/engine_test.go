//go:build engines

package reindex_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/opensearch"
	"chatapi/pkg/reindex"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	"golang.org/x/sync/errgroup"
)

const (
	writers    = 50 // each in a chat of its own
	firstThere = 40 // messages of a chat before it begins
	most       = 150
)

// rebuilds lets others build the index anew, again and again, each beginning
// while another may be anywhere in its build or its switch, and returns how
// often one of them ended with its index live, and was taken over.
func rebuilds(ctx context.Context, store chat.Scanner, index *opensearch.Index, until time.Time) (live, takenOver int64, err error) {
	var lives, replaced atomic.Int64
	var group errgroup.Group
	for range 3 {
		group.Go(func() error {
			for time.Now().Before(until) {
				time.Sleep(mathrand.N(6 * time.Second))
				result, err := rebuild(ctx, store, index)
				switch {
				case errors.Is(err, chat.ErrReplaced):
					replaced.Add(1)
				case err != nil && !errors.Is(err, chat.ErrUnavailable):
					return err
				case result.Done:
					lives.Add(1)
				}
			}
			return nil
		})
	}
	err = group.Wait()
	return lives.Load(), replaced.Load(), err
}

func rebuild(ctx context.Context, store chat.Scanner, index *opensearch.Index) (reindex.Result, error) {
	build, err := index.Rebuild(ctx)
	if err != nil {
		return reindex.Result{}, err
	}
	return reindex.New(store, build, reindex.Options{}).Run(ctx)
}

// raceFor is how long reindexes race: several switches, each of which waits
// for the last searches of the index that it replaced.
const raceFor = 30 * time.Second

// TestReindexesAtOnce lets three reindexes race while 20 writers create, edit
// and delete messages. In the end the index is the table.
func TestReindexesAtOnce(t *testing.T) {
	store, stream, index := engines(t)
	app := createApp(t, store)
	ctx, stopIndexing := context.WithCancel(t.Context())
	defer stopIndexing()
	var indexing, clients errgroup.Group
	indexing.Go(func() error { return follow(ctx, stream, index) })
	chats := make([]*liveChat, 20)
	var stopped atomic.Bool
	for i := range chats {
		c := newLiveChat(chat.ChatID{AppToken: app.Token, Number: int64(i + 1)}, store, index)
		chats[i] = c
		clients.Go(func() error { return errors.Join(c.create(ctx, firstThere), c.write(ctx, &stopped)) })
	}
	live, takenOver, err := rebuilds(ctx, store, index, time.Now().Add(raceFor))
	stopped.Store(true)
	if err := errors.Join(err, clients.Wait()); err != nil {
		t.Fatal(err)
	}
	if live == 0 || takenOver == 0 {
		t.Errorf("%d reindexes switched and %d were taken over, want some of both", live, takenOver)
	}
	for _, c := range chats {
		c.wantIndexed(t)
	}
	stopIndexing()
	if err := indexing.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	t.Logf("%d reindexes switched, %d were taken over", live, takenOver)
}

// TestReindexWhileWriting builds the index anew, twice killed on the way, while
// 50 writers create, edit and delete messages and as many readers search all
// the time. No search misses a message that an earlier one had found, or brings
// back one that was gone. In the end the index is the table.
func TestReindexWhileWriting(t *testing.T) {
	store, stream, index := engines(t)
	app := createApp(t, store)
	chats := make([]*liveChat, writers)
	for i := range chats {
		chats[i] = newLiveChat(chat.ChatID{AppToken: app.Token, Number: int64(i + 1)}, store, index)
	}
	group, ctx := errgroup.WithContext(t.Context())
	ctx, stopIndexing := context.WithCancel(ctx)
	group.Go(func() error { return follow(ctx, stream, index) })

	begin, beginCtx := errgroup.WithContext(ctx)
	begin.SetLimit(8)
	for _, c := range chats {
		begin.Go(func() error { return c.create(beginCtx, firstThere) })
	}
	if err := begin.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, c := range chats {
		c.waitForAll(t)
	}
	var stopped atomic.Bool
	clients, clientCtx := errgroup.WithContext(ctx)
	for _, c := range chats {
		clients.Go(func() error { return c.write(clientCtx, &stopped) })
		clients.Go(func() error { return c.read(clientCtx, &stopped) })
	}
	for kill := range 2 {
		if result, err := runAndKill(ctx, t, store, index, 2-kill); err == nil {
			t.Errorf("run %d was to be killed and says %+v", kill+1, result)
		}
	}
	build, err := index.Rebuild(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if build.Progress().Messages == 0 {
		t.Error("the last run begins anew")
	}
	result, err := reindex.New(store, build, reindex.Options{}).Run(ctx)
	if err != nil || !result.Done || result.Refused != 0 {
		t.Fatalf("reindex: %+v, error %v", result, err)
	}
	time.Sleep(3 * time.Second) // of writes and searches after the switch
	stopped.Store(true)
	if err := clients.Wait(); err != nil {
		t.Fatal(err)
	}
	searches, written := int64(0), int64(0)
	for _, c := range chats {
		c.wantIndexed(t)
		searches, written = searches+c.searches.Load(), written+c.written.Load()
	}
	stopIndexing()
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	t.Logf("%d writes and %d searches; %d messages scanned, %d caught up", written, searches, result.Messages, result.Changed)
}

// engines returns a store, its stream and an index that no other test has.
func engines(t *testing.T) (*dynamo.Store, *dynamo.Stream, *opensearch.Index) {
	t.Helper()
	for _, variable := range []string{"CHATAPI_TEST_DYNAMODB", "CHATAPI_TEST_OPENSEARCH"} {
		if os.Getenv(variable) == "" {
			t.Fatal(variable + " is not set: run make test-engines")
		}
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithBaseEndpoint(os.Getenv("CHATAPI_TEST_DYNAMODB")), config.WithLogger(logging.Nop{}))
	if err != nil {
		t.Fatal(err)
	}
	name := "reindex-" + strings.ToLower(rand.Text())
	tables := dynamo.Tables{Apps: name + "-a", Chats: name + "-c", Messages: name + "-m", Counters: name + "-n", Readers: name + "-r", Idempotency: name + "-i"}
	store := dynamo.New(cfg, tables)
	index, err := opensearch.New(aws.Config{}, opensearch.Config{Endpoint: os.Getenv("CHATAPI_TEST_OPENSEARCH"), Index: name})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(store.CreateTables(t.Context()), index.Setup(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for n := range 100 {
			remove(t, fmt.Sprintf("%s/%s-%d", os.Getenv("CHATAPI_TEST_OPENSEARCH"), name, n))
		}
		remove(t, os.Getenv("CHATAPI_TEST_OPENSEARCH")+"/_index_template/"+name)
	})
	return store, dynamo.NewStream(cfg, tables), index
}

func createApp(t *testing.T, store chat.Store) chat.App {
	t.Helper()
	app, err := chat.NewApp("reindex", nil, time.Now())
	if err == nil {
		err = store.CreateApp(t.Context(), app)
	}
	if err != nil {
		t.Fatal(err)
	}
	return app
}

func remove(t *testing.T, url string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodDelete, url, nil)
	if err != nil {
		t.Error(err)
		return
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return
	}
	_ = answer.Body.Close() // 404 where it is not there
}

// follow brings the stream into the index, as the indexer does.
func follow(ctx context.Context, stream chat.Stream, index chat.Index) error {
	for ctx.Err() == nil {
		changes, err := stream.Read(ctx, 1000)
		if err != nil {
			return err
		}
		var messages []chat.Message
		for _, c := range changes {
			messages = append(messages, *c.New)
		}
		err = errors.Join(index.Apply(ctx, messages)...)
		switch {
		case errors.Is(err, chat.ErrUnavailable): // read again, as they are not checkpointed
			time.Sleep(50 * time.Millisecond)
		case err != nil:
			return err
		case len(changes) > 0:
			if err := stream.Checkpoint(ctx, changes[len(changes)-1].Sequence); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// mortal is a build whose process is killed at the end of some pages: from then
// on it does nothing, and saves nothing.
type mortal struct {
	chat.Rebuild
	pages int
}

var errKilled = errors.New("killed")

func (m *mortal) Apply(ctx context.Context, messages []chat.Message) []error {
	if m.pages--; m.pages < 0 {
		return []error{errKilled}
	}
	return m.Rebuild.Apply(ctx, messages)
}

func (m *mortal) Save(ctx context.Context, p chat.Progress) error {
	if m.pages < 0 {
		return errKilled
	}
	return m.Rebuild.Save(ctx, p)
}

func runAndKill(ctx context.Context, t *testing.T, store chat.Scanner, index *opensearch.Index, pages int) (reindex.Result, error) {
	t.Helper()
	build, err := index.Rebuild(ctx)
	if err != nil {
		t.Fatal(err)
	}
	dying := &mortal{Rebuild: build, pages: pages}
	return reindex.New(&saving{store, dying}, dying, reindex.Options{}).Run(ctx)
}

// saving scans and notes each page, as a slower scan would.
type saving struct {
	chat.Scanner
	build chat.Rebuild
}

func (s *saving) ScanMessages(ctx context.Context, cursor string, limit int) ([]chat.Message, string, error) {
	if err := s.build.Save(ctx, chat.Progress{Cursor: cursor, Messages: 1}); err != nil {
		return nil, "", err
	}
	return s.Scanner.ScanMessages(ctx, cursor, limit)
}

// liveChat is a chat with one writer and one reader.
type liveChat struct {
	id    chat.ChatID
	store chat.Store
	index chat.VersionIndex
	query chat.Query

	searches, written atomic.Int64

	mu       sync.Mutex
	deleting map[int64]bool // a delete of it has begun
	deleted  map[int64]bool // it has ended
}

func newLiveChat(id chat.ChatID, store chat.Store, index chat.VersionIndex) *liveChat {
	query, err := chat.ParseQuery("alpha")
	if err != nil {
		panic(err) // a word
	}
	return &liveChat{id: id, store: store, index: index, query: query, deleting: map[int64]bool{}, deleted: map[int64]bool{}}
}

func (c *liveChat) create(ctx context.Context, n int) error {
	if err := c.store.CreateCounter(ctx, c.id); err != nil {
		return err
	}
	var messages []chat.Message
	for range n {
		number, err := c.store.AllocateMessageNumber(ctx, c.id)
		if err != nil {
			return err
		}
		m, err := chat.NewMessage(c.id, fmt.Sprintf("alpha %d", number), "", nil, time.Now())
		if err != nil {
			return err
		}
		m.Number = number
		messages = append(messages, m)
	}
	c.written.Add(int64(n))
	return c.store.StoreMessages(ctx, c.id, messages)
}

// write creates, edits and deletes until it is told to stop.
func (c *liveChat) write(ctx context.Context, stopped *atomic.Bool) error {
	for i := int64(1); !stopped.Load(); i++ {
		time.Sleep(300 * time.Millisecond)
		var err error
		switch {
		case i%3 == 1 && i < most:
			err = c.create(ctx, 1)
		case i%3 == 2:
			err = c.edit(ctx, i%firstThere+1, i)
		default:
			err = c.delete(ctx, i)
		}
		if err != nil && !errors.Is(err, chat.ErrUnavailable) {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}

func (c *liveChat) edit(ctx context.Context, number, i int64) error {
	body := fmt.Sprintf("alpha edited %d", i)
	_, err := c.store.UpdateMessage(ctx, c.id, number, chat.MessageEdit{Body: &body, At: time.Now().UTC().Truncate(time.Millisecond)}, nil)
	if errors.Is(err, chat.ErrMessageDeleted) {
		return nil
	}
	c.written.Add(1)
	return err
}

func (c *liveChat) delete(ctx context.Context, number int64) error {
	c.note(c.deleting, number)
	err := c.store.DeleteMessage(ctx, c.id, number, time.Now(), nil)
	if errors.Is(err, chat.ErrMessageNotFound) {
		return nil
	}
	if err == nil {
		c.note(c.deleted, number)
	}
	c.written.Add(1)
	return err
}

func (c *liveChat) note(in map[int64]bool, number int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in[number] = true
}

func (c *liveChat) find(ctx context.Context) (map[int64]bool, error) {
	answer, err := c.index.Search(ctx, chat.Search{Within: c.id.Parent(), Query: c.query, Limit: chat.MaxPage})
	if err != nil {
		return nil, err
	}
	c.searches.Add(1)
	found := map[int64]bool{}
	for _, h := range answer.Hits {
		found[h.Message.Number] = true
	}
	return found, nil
}

func (c *liveChat) waitForAll(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		found, err := c.find(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == firstThere {
			return
		}
	}
	t.Fatalf("chat %d is not searchable", c.id.Number)
}

// read searches until it is told to stop. What was found once is found until
// its delete begins; what was deleted and then not found is found no more.
func (c *liveChat) read(ctx context.Context, stopped *atomic.Bool) error {
	seen, gone := map[int64]bool{}, map[int64]bool{}
	for !stopped.Load() {
		c.mu.Lock()
		deleted := maps.Clone(c.deleted)
		c.mu.Unlock()
		found, err := c.find(ctx)
		if err != nil {
			return fmt.Errorf("search: %w", err)
		}
		c.mu.Lock()
		deleting := maps.Clone(c.deleting)
		c.mu.Unlock()
		for number := range seen {
			if !found[number] && !deleting[number] {
				return fmt.Errorf("message %d of chat %d was found before and is missing", number, c.id.Number)
			}
		}
		for number := range gone {
			if found[number] {
				return fmt.Errorf("message %d of chat %d was gone and is found again", number, c.id.Number)
			}
		}
		for number := range deleted {
			if !found[number] && seen[number] {
				gone[number] = true
			}
		}
		maps.Copy(seen, found)
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

// wantIndexed waits until the index holds what the table holds.
func (c *liveChat) wantIndexed(t *testing.T) {
	t.Helper()
	var rows, indexed map[int64]int64
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		messages, _, err := c.store.Messages(t.Context(), c.id, chat.Page{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		rows = map[int64]int64{}
		for _, m := range messages {
			rows[m.Number] = m.Version
		}
		held, err := c.index.Versions(t.Context(), c.id, 1, chat.MaxVersions)
		if err != nil {
			t.Fatal(err)
		}
		indexed = map[int64]int64{}
		for n, message := range held {
			indexed[n] = message.Version
		}
		if maps.Equal(rows, indexed) {
			return
		}
	}
	t.Errorf("chat %d: versions in the table %v, in the index %v", c.id.Number, sorted(rows), sorted(indexed))
}

func sorted(versions map[int64]int64) (all []string) {
	for _, n := range slices.Sorted(maps.Keys(versions)) {
		all = append(all, fmt.Sprintf("%d:%d", n, versions[n]))
	}
	return all
}
