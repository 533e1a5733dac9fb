package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/writer"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/sync/errgroup"
)

const (
	// batchesFor is how long one measurement takes.
	batchesFor = 4 * time.Second
	// mappingBatch is the BatchSize of WriterMapping in template.yaml.
	mappingBatch = 99
	// manyChats is how many chats take turns where it is not one.
	manyChats = 1000
)

// batches is one measurement: a writer stores batches of so many messages, so
// many of them at once, as Lambda's pollers hand them to it. The chats take
// turns.
type batches struct{ chats, records, atOnce int }

const batchesHead = `# The writer's batches

` + "`make bench-batches`" + ` wrote this page: the writer's own code on DynamoDB Local, in memory, %s, on %d
cores that the client shares; %v for each line, after %v that are not counted. The number of transactions
is that of any DynamoDB; the rows a second are those of this machine.

A transaction stores up to 99 messages of one chat and adds to the chat's count. Two concurrent transactions of one chat
conflict on the count: DynamoDB refuses one of them, and the writer retries it after a random time. Messages of different
chats never conflict.

DynamoDB Local runs transactions in order, so conflicts do not occur there, and concurrent batches wait for each other.
What concurrency brings on AWS it cannot show, only that no work is wasted. Tables that are created later take such
transactions more slowly there: in one process the first six took 2,200 rows a second, six created after 60 others 17,
and the first six were as fast as before. Therefore all lines share their tables.

`

const batchesAtOnce = `## Batches at once

Batches of %d, the BatchSize of WriterMapping. In one chat a batch is one transaction. In many chats each message of a
batch has its own transaction with its own count, so a row costs twice the write units, and the transactions of a batch
already run concurrently.

`

const batchesSizes = `## Messages in a batch

One batch at a time, in one chat. A transaction takes 100 items, of which one is the count: the hundredth message of a
batch needs a second transaction, for two more write units and one more chance of a conflict. That is why the BatchSize
of WriterMapping is %d.

`

// measureBatches measures the writer on DynamoDB Local, which test/engines/with.sh
// starts, and prints a page.
func measureBatches(ctx context.Context) error {
	endpoint := os.Getenv("CHATAPI_TEST_DYNAMODB")
	if endpoint == "" {
		return errors.New("CHATAPI_TEST_DYNAMODB names no DynamoDB Local: run make bench-batches")
	}
	var seen transactions
	cfg, err := config.LoadDefaultConfig(ctx, config.WithBaseEndpoint(endpoint),
		config.WithAPIOptions([]func(*middleware.Stack) error{seen.watch}))
	if err != nil {
		return err
	}
	prefix := fmt.Sprintf("bench-%d-", time.Now().UnixNano())
	store := dynamo.New(cfg, dynamo.Tables{
		Apps: prefix + "Apps", Chats: prefix + "Chats", Messages: prefix + "Messages",
		Counters: prefix + "Counters", Readers: prefix + "Readers", Idempotency: prefix + "Idempotency",
	})
	if err := store.CreateTables(ctx); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	warmUp := []int{manyChats, 1, 1, 1} // chats, until the engine is as fast as it gets
	for _, chats := range warmUp {
		if _, err := (batches{chats: chats, records: mappingBatch, atOnce: 4}).measure(ctx, store, &seen); err != nil {
			return err
		}
	}
	fmt.Printf(batchesHead, time.Now().UTC().Format("on 2006-01-02"), runtime.NumCPU(), batchesFor, time.Duration(len(warmUp))*batchesFor)
	var atOnce, sizes []batches
	for _, chats := range []int{1, manyChats} {
		for _, n := range []int{1, 2, 4, 8} {
			atOnce = append(atOnce, batches{chats: chats, records: mappingBatch, atOnce: n})
		}
	}
	for _, records := range []int{10, 98, 99, 100, 198} {
		sizes = append(sizes, batches{chats: 1, records: records, atOnce: 1})
	}
	fmt.Printf(batchesAtOnce, mappingBatch)
	if err := measureAll(ctx, store, &seen, atOnce); err != nil {
		return err
	}
	fmt.Println()
	fmt.Printf(batchesSizes, mappingBatch)
	return measureAll(ctx, store, &seen, sizes)
}

// measureAll prints a table of measurements.
func measureAll(ctx context.Context, store *dynamo.Store, seen *transactions, all []batches) error {
	fmt.Printf("| chats | messages of a batch | batches at once | rows a second | transactions | for a batch | conflicts | tried again |\n|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, b := range all {
		got, err := b.measure(ctx, store, seen)
		if err != nil {
			return err
		}
		made := seen.made.Load()
		fmt.Printf("| %d | %d | %d | %.0f | %d | %.2f | %d | %d |\n", b.chats, b.records, b.atOnce, got.perSecond,
			made, float64(made)/float64(got.batches), seen.conflicts.Load(), seen.asked.Load()-made)
	}
	return nil
}

// stored is what a measurement gave.
type stored struct {
	batches   int64
	perSecond float64 // rows
}

// measure lets the writer work in the chats of a new app. All measurements share
// their tables: DynamoDB Local is far slower in tables that it makes after others.
func (b batches) measure(ctx context.Context, store *dynamo.Store, seen *transactions) (stored, error) {
	app, err := chat.NewApp("bench", nil, time.Now())
	if err == nil {
		err = store.CreateApp(ctx, app)
	}
	if err != nil {
		return stored{}, err
	}
	seen.reset()
	w := writer.New(store)
	var next atomic.Int64
	storing, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for range b.atOnce {
		storing.Go(func() error {
			for time.Since(start) < batchesFor {
				deliveries, err := b.batch(app.Token, int(next.Add(1)-1))
				if err != nil {
					return err
				}
				if err := write(ctx, w, deliveries); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = storing.Wait()
	n := next.Load()
	return stored{batches: n, perSecond: float64(n) * float64(b.records) / time.Since(start).Seconds()}, err
}

// write lets a writer store a batch, and retries what it did not store.
func write(ctx context.Context, w *writer.Writer, deliveries []chat.Delivery) error {
	for ctx.Err() == nil && len(deliveries) > 0 {
		var failed []chat.Delivery
		for i, err := range w.Write(ctx, deliveries) {
			if err != nil {
				failed = append(failed, deliveries[i])
			}
		}
		deliveries = failed
	}
	return ctx.Err()
}

// batch returns the nth batch.
func (b batches) batch(appToken string, nth int) (deliveries []chat.Delivery, err error) {
	for n := nth * b.records; n < (nth+1)*b.records; n++ {
		id := chat.ChatID{AppToken: appToken, Number: int64(n%b.chats + 1)}
		m, err := chat.NewMessage(id, "a short message", "bench", nil, time.Now())
		if err != nil {
			return nil, err
		}
		m.Number = int64(n/b.chats + 1)
		body, err := chat.EncodeCreate(chat.Create{Message: &m})
		if err != nil {
			return nil, err
		}
		deliveries = append(deliveries, chat.Delivery{ID: fmt.Sprint(n), Body: string(body)})
	}
	return deliveries, nil
}

// transactions counts what the writer asks of DynamoDB.
type transactions struct {
	asked     atomic.Int64 // requests, with those that are made again
	made      atomic.Int64 // that stored something
	conflicts atomic.Int64 // that another transaction was in the way of
}

func (t *transactions) reset() {
	t.asked.Store(0)
	t.made.Store(0)
	t.conflicts.Store(0)
}

// watch counts each request, those among them that the SDK tries again.
func (t *transactions) watch(stack *middleware.Stack) error {
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("count", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleFinalize(ctx, in)
		if middleware.GetOperationName(ctx) == "TransactWriteItems" {
			t.count(err)
		}
		return out, metadata, err
	}), "Retry", middleware.After)
}

func (t *transactions) count(err error) {
	t.asked.Add(1)
	if err == nil {
		t.made.Add(1)
		return
	}
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) && slices.ContainsFunc(canceled.CancellationReasons, func(r types.CancellationReason) bool {
		return aws.ToString(r.Code) == "TransactionConflict"
	}) {
		t.conflicts.Add(1)
	}
}
