//go:build engines

package sqs_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/sqs"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
)

// engine returns the configuration of a server that speaks SQS.
func engine(t *testing.T) aws.Config {
	t.Helper()
	endpoint := os.Getenv("CHATAPI_TEST_SQS")
	if endpoint == "" {
		t.Fatal("CHATAPI_TEST_SQS names no SQS server: run make test-engines")
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithBaseEndpoint(endpoint))
	if err != nil {
		t.Fatalf("load AWS configuration: %v", err)
	}
	return cfg
}

// maxReceives is that of the queues under test, whose deliveries are a second
// apart.
const maxReceives = 5

// newQueues creates queues that no other test has.
func newQueues(t *testing.T, cfg aws.Config) sqs.URLs {
	t.Helper()
	name := fmt.Sprintf("test-%d", time.Now().UnixNano())
	var urls sqs.URLs
	for range 2 { // again is no change
		var err error
		if urls, err = sqs.CreateQueues(t.Context(), cfg, sqs.NamesWithPrefix(name), chattest.Visibility, maxReceives); err != nil {
			t.Fatalf("create queues: %v", err)
		}
	}
	return urls
}

func TestQueueOnElasticMQ(t *testing.T) {
	cfg := engine(t)
	chattest.Queue(t, func(t *testing.T) chattest.QueueUnderTest {
		client, urls := awssqs.NewFromConfig(cfg), newQueues(t, cfg)
		queue := sqs.New(cfg, urls.Creates)
		return chattest.QueueUnderTest{
			Queue:       queue,
			Receiver:    queue,
			MaxReceives: maxReceives,
			SendRaw: func(ctx context.Context, body string) error {
				_, err := client.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: &urls.Creates, MessageBody: &body})
				return err
			},
			DeadLetters: func(ctx context.Context) (bodies []string, err error) {
				letters, err := sqs.New(cfg, urls.CreateDeadLetters).Receive(ctx, 10)
				for _, letter := range letters {
					bodies = append(bodies, letter.Body)
				}
				return bodies, err
			},
		}
	})
}

func TestSendAnyBody(t *testing.T) {
	cfg := engine(t)
	queue := sqs.New(cfg, newQueues(t, cfg).Creates)
	app, err := chat.NewApp("any body", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"characters that SQS refuses": "x \ufffe \uffff \x00 \x1f",
		"longest in JSON":             "x" + strings.Repeat("\x00", chat.MaxBody-1),
	} {
		m, err := chat.NewMessage(chat.ChatID{AppToken: app.Token, Number: 1}, body, "", nil, app.CreatedAt)
		if err != nil {
			t.Fatal(err)
		}
		m.Number = 1
		if err := queue.Send(t.Context(), chat.Create{Message: &m}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		deliveries, err := queue.Receive(t.Context(), 1)
		if err != nil || len(deliveries) != 1 {
			t.Fatalf("%s: %d deliveries, error %v", name, len(deliveries), err)
		}
		got, err := chat.DecodeCreate([]byte(deliveries[0].Body))
		if err != nil || got.Message.Body != body {
			t.Errorf("%s: arrived as %.60q, error %v", name, deliveries[0].Body, err)
		}
		if err := queue.Delete(t.Context(), deliveries); err != nil {
			t.Error(err)
		}
	}
}

func TestDeadLetters(t *testing.T) {
	cfg := engine(t)
	client, url := awssqs.NewFromConfig(cfg), newQueues(t, cfg).CreateDeadLetters
	letters := sqs.NewDeadLetters(cfg, url)
	long := strings.Repeat("é", 1<<20)
	for _, c := range []struct {
		name, reason, record   string
		wantReason, wantRecord string
	}{
		{"as it is", "no number", `{"eventID":"1"}`, "no number", `{"eventID":"1"}`},
		{"no reason", "", "{}", "unknown", "{}"},
		{"characters that SQS refuses", "a\x00b\xff", "\"\ufffe\uffff\x01\"", "a\ufffdb\ufffd", "\"\\ufffe\\uffff\ufffd\""},
		{"too long", long, long, long[:1<<10], long[:1<<20-1<<10-12]},
	} {
		if err := letters.Send(t.Context(), c.reason, []byte(c.record)); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		out, err := client.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{
			QueueUrl: &url, MessageAttributeNames: []string{"Reason"}, VisibilityTimeout: 30, WaitTimeSeconds: 10,
		})
		if err != nil || len(out.Messages) != 1 {
			t.Fatalf("%s: receive: %d messages, error %v", c.name, len(out.Messages), err)
		}
		if got := aws.ToString(out.Messages[0].Body); got != c.wantRecord {
			t.Errorf("%s: body %.40q of %d bytes, want %.40q of %d", c.name, got, len(got), c.wantRecord, len(c.wantRecord))
		}
		if got := aws.ToString(out.Messages[0].MessageAttributes["Reason"].StringValue); got != c.wantReason {
			t.Errorf("%s: reason %.40q, want %.40q", c.name, got, c.wantReason)
		}
	}
	if err := letters.Send(t.Context(), "empty", nil); err == nil {
		t.Error("an empty record was sent")
	}
}
