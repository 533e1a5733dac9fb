package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"
	"chatapi/pkg/writer"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/sync/errgroup"
)

// measureBatches measures the writer on DynamoDB Local, which engines/with.sh
// starts: several writers side by side, as Lambda runs them, in one hot chat
// and in many, with batches of several sizes.
func measureBatches(ctx context.Context) error {
	endpoint := os.Getenv("CHATAPI_TEST_DYNAMODB")
	if endpoint == "" {
		return errors.New("CHATAPI_TEST_DYNAMODB names no DynamoDB Local: run make bench-batches")
	}
	var writes atomic.Int64
	cfg, err := config.LoadDefaultConfig(ctx, config.WithBaseEndpoint(endpoint),
		config.WithAPIOptions([]func(*middleware.Stack) error{countCalls("TransactWriteItems", &writes)}))
	if err != nil {
		return err
	}
	fmt.Printf("| chats | records of a batch | writers | rows a second | transactions | of these in vain |\n|---:|---:|---:|---:|---:|---:|\n")
	for _, chats := range []int{1, 100} {
		for _, records := range []int{10, 100, 1000} {
			for _, writers := range []int{1, 4} {
				b := batches{chats: chats, records: records, writers: writers}
				rate, err := b.measure(ctx, cfg, &writes)
				if err != nil {
					return err
				}
				calls := writes.Swap(0)
				fmt.Printf("| %d | %d | %d | %.0f | %d | %d |\n", chats, records, writers, rate, calls, calls-b.needed())
			}
		}
	}
	return nil
}

// batches is one measurement.
type batches struct{ chats, records, writers int }

const (
	batchRows  = 4000 // that are stored in one measurement
	inOneWrite = 99   // messages that fit in one transaction beside their chat's count
)

// needed returns how many transactions there are where none is in vain.
func (b batches) needed() int64 {
	perChat := (b.records + b.chats - 1) / b.chats
	groups := min(b.records, b.chats)
	return int64(batchRows / b.records * groups * ((perChat + inOneWrite - 1) / inOneWrite))
}

func (b batches) measure(ctx context.Context, cfg aws.Config, writes *atomic.Int64) (perSecond float64, err error) {
	prefix := fmt.Sprintf("bench-%d-", time.Now().UnixNano())
	store := dynamo.New(cfg, dynamo.Tables{
		Apps: prefix + "Apps", Chats: prefix + "Chats", Messages: prefix + "Messages",
		Counters: prefix + "Counters", Readers: prefix + "Readers", Idempotency: prefix + "Idempotency",
	})
	if err := store.CreateTables(ctx); err != nil {
		return 0, fmt.Errorf("create tables: %w", err)
	}
	app, err := chat.NewApp("bench", nil, time.Now())
	if err == nil {
		err = store.CreateApp(ctx, app)
	}
	if err != nil {
		return 0, err
	}
	all, err := b.events(app.Token)
	if err != nil {
		return 0, err
	}
	writes.Store(0)
	w := writer.New(store, slog.New(slog.DiscardHandler))
	storing, ctx := errgroup.WithContext(ctx)
	storing.SetLimit(b.writers)
	start := time.Now()
	for _, event := range all {
		storing.Go(func() error { return handle(ctx, w, event) })
	}
	err = storing.Wait()
	return batchRows / time.Since(start).Seconds(), err
}

// handle lets a writer store an event, and again what it did not store.
func handle(ctx context.Context, w *writer.Writer, event events.SQSEvent) error {
	for ctx.Err() == nil {
		answer, err := w.Handle(ctx, event)
		if err != nil || len(answer.BatchItemFailures) == 0 {
			return err
		}
		failed := map[string]bool{}
		for _, f := range answer.BatchItemFailures {
			failed[f.ItemIdentifier] = true
		}
		var again []events.SQSMessage
		for _, r := range event.Records {
			if failed[r.MessageId] {
				again = append(again, r)
			}
		}
		event.Records = again
	}
	return ctx.Err()
}

// events returns batches in which the chats take turns.
func (b batches) events(appToken string) ([]events.SQSEvent, error) {
	all := make([]events.SQSEvent, batchRows/b.records)
	for n := range batchRows {
		m, err := chat.NewMessage(chat.ChatID{AppToken: appToken, Number: int64(n%b.chats + 1)}, "a short message", "bench", nil, time.Now())
		if err != nil {
			return nil, err
		}
		m.Number = int64(n/b.chats + 1)
		body, err := chat.EncodeCreate(chat.Create{Message: &m})
		if err != nil {
			return nil, err
		}
		event := &all[n/b.records]
		event.Records = append(event.Records, events.SQSMessage{MessageId: fmt.Sprint(n), Body: string(body)})
	}
	return all, nil
}

// countCalls counts the requests of one operation of an AWS service, with those
// that the SDK tries again.
func countCalls(operation string, calls *atomic.Int64) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("count", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			if middleware.GetOperationName(ctx) == operation {
				calls.Add(1)
			}
			return next.HandleFinalize(ctx, in)
		}), "Retry", middleware.After)
	}
}
