package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"time"

	"chatapi/internal/standin"
	"chatapi/pkg/chat"
	"chatapi/pkg/dynamo"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// measuring is one run over all functions.
type measuring struct {
	settings
	folder      string // of the binaries
	environment []string
}

// measured is what one function takes.
type measured struct {
	name            string
	binary, zip     int64 // bytes
	initAllocations int64
	initAllocated   int64           // bytes
	starts          []time.Duration // to the first question for an event
	firsts, laters  []time.Duration // invocations
	memory          []int64         // bytes
}

// ratio returns how many times as long as the empty function this one takes to
// start. It compares the lower quartiles: what else the machine does makes some
// starts slow and none fast.
func (f *measured) ratio(empty *measured) float64 {
	return float64(percentile(f.starts, 25)) / float64(percentile(empty.starts, 25))
}

// all measures every function, each once a round, so that a noisy moment meets
// all of them.
func (m measuring) all(ctx context.Context, names []string) ([]*measured, error) {
	var all []*measured
	for _, name := range names {
		f := &measured{name: name}
		var err error
		if f.binary, f.zip, err = sizes(m.binary(name)); err != nil {
			return nil, err
		}
		if f.initAllocations, f.initAllocated, err = initAllocations(ctx, m.binary(name), m.environment); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, f)
	}
	return all, m.rounds(ctx, all)
}

// rounds starts functions in turn, and adds what they take to what is known of
// them.
func (m measuring) rounds(ctx context.Context, all []*measured) error {
	for range m.runs {
		for _, f := range all {
			event, err := eventOf(f.name)
			if err != nil {
				return err
			}
			calls := m.calls
			if slices.Contains(operators, f.name) {
				calls = 0
			}
			l, err := live(ctx, m.binary(f.name), m.environment, event, calls)
			if err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			f.starts, f.memory = append(f.starts, l.start), append(f.memory, l.memory)
			if calls > 0 {
				f.firsts, f.laters = append(f.firsts, l.calls[0]), append(f.laters, l.calls[1:]...)
			}
		}
	}
	return nil
}

// operators are the functions that nobody waits for: they are started and not
// invoked.
var operators = []string{"reindex", "verify"}

func eventOf(function string) ([]byte, error) {
	if function == emptyFunction {
		return []byte("{}"), nil
	}
	return os.ReadFile(filepath.Join("events", function+".json"))
}

// percentile returns the value that p of 100 values are not above.
func percentile[T ~int64](values []T, p int) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}

// newEngines returns stand-ins that hold the app, the chat and the message of
// the events.
func newEngines(ctx context.Context) (http.Handler, error) {
	engines := standin.New()
	server := httptest.NewServer(engines)
	defer server.Close()
	store := dynamo.New(aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("none", "none", ""),
	}, dynamo.Tables{Apps: "Apps", Chats: "Chats", Messages: "Messages", Counters: "Counters", Readers: "Readers", Idempotency: "Idempotency"})
	message, err := sampleMessage()
	if err != nil {
		return nil, err
	}
	at := message.CreatedAt
	id := message.ChatID()
	for _, step := range []func() error{
		func() error { return store.CreateTables(ctx) },
		func() error {
			return store.CreateApp(ctx, chat.App{Token: id.AppToken, Name: "sample", Version: 1, CreatedAt: at, UpdatedAt: at})
		},
		func() error { _, err := store.AllocateChatNumber(ctx, id.AppToken); return err },
		func() error {
			return store.StoreChats(ctx, id.AppToken, []chat.Chat{{AppToken: id.AppToken, Number: id.Number, Version: 1, CreatedAt: at, UpdatedAt: at}})
		},
		func() error { _, err := store.AllocateMessageNumber(ctx, id); return err },
		func() error { return store.StoreMessages(ctx, id, []chat.Message{message}) },
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("fill the stand-ins: %w", err)
		}
	}
	return engines, nil
}

// sampleMessage returns the message that all events are about.
func sampleMessage() (chat.Message, error) {
	data, err := eventOf("writer")
	if err != nil {
		return chat.Message{}, err
	}
	var event events.SQSEvent
	if err := json.Unmarshal(data, &event); err != nil {
		return chat.Message{}, fmt.Errorf("decode the writer's event: %w", err)
	}
	for _, r := range event.Records {
		if create, err := chat.DecodeCreate([]byte(r.Body)); err == nil && create.Message != nil {
			return *create.Message, nil
		}
	}
	return chat.Message{}, fmt.Errorf("the writer's event holds no message")
}
