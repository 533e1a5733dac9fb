//go:build engines

package sqs_test

import (
	"testing"

	"chatapi/pkg/chat"
	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/sqs"
)

func TestDeadLettersOnElasticMQ(t *testing.T) {
	cfg := engine(t)
	chattest.DeadLetters(t, func(t *testing.T) chattest.DeadLettersUnderTest {
		queues := newQueues(t, cfg)
		return chattest.DeadLettersUnderTest{
			Open: func(t *testing.T) chat.DeadLetters { return sqs.NewDeadLetters(cfg, queues.CreateDeadLetters) },
		}
	})
}
