//go:build engines

package sqs_test

import (
	"context"
	"testing"

	"chatapi/pkg/chat"
	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/sqs"
)

func TestLettersOnElasticMQ(t *testing.T) {
	cfg := engine(t)
	chattest.DeadLetters(t, func(t *testing.T) chattest.DeadLettersUnderTest {
		queues := newQueues(t, cfg)
		return chattest.DeadLettersUnderTest{
			Open: func(t *testing.T) chat.DeadLetters { return sqs.NewLetters(cfg, queues.DeadLetters) },
			Send: func(ctx context.Context, reason, body string) error {
				return sqs.NewDeadLetters(cfg, queues.DeadLetters).Send(ctx, reason, []byte(body))
			},
		}
	})
}

// TestCreatesLettersAreFound holds that the queue of creates leads to its dead
// letters.
func TestCreatesLettersAreFound(t *testing.T) {
	cfg := engine(t)
	queues := newQueues(t, cfg)
	if err := sqs.NewDeadLetters(cfg, queues.DeadLetters).Send(t.Context(), "why", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREATES_QUEUE_URL", queues.Creates)
	letters, err := sqs.CreatesLettersFromEnv(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := letters.Take(t.Context(), 1)
	if err != nil || len(taken) != 1 || taken[0].Reason != "why" {
		t.Errorf("took %+v, error %v", taken, err)
	}
}
