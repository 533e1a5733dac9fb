package sqs_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/sqs"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// engineFunc stands in for SQS.
type engineFunc func(*http.Request) (status int, body string, err error)

// Do implements aws.HTTPClient.
func (f engineFunc) Do(r *http.Request) (*http.Response, error) {
	status, body, err := f(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:       io.NopCloser(strings.NewReader(body)),
	}, nil
}

func (f engineFunc) config() aws.Config {
	return aws.Config{
		Region:     "us-east-1",
		HTTPClient: f,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

func answer(status int, body string) engineFunc {
	return func(*http.Request) (int, string, error) { return status, body, nil }
}

const (
	token = "abcdefghijklmnopqrstuvwxyz2345672345"
	url   = "https://sqs.us-east-1.amazonaws.com/123456789012/creates"
)

func newCreate() chat.Create {
	at := time.Date(2026, time.March, 14, 15, 9, 26, 0, time.UTC)
	return chat.Create{Message: &chat.Message{
		AppToken: token, ChatNumber: 1, Number: 1, Body: "hello", Version: 1, CreatedAt: at, UpdatedAt: at,
	}}
}

func TestErrorsThatMayPass(t *testing.T) {
	throttled := answer(http.StatusBadRequest, `{"__type":"com.amazonaws.sqs#RequestThrottled","message":"no"}`)
	noRights := answer(http.StatusForbidden, `{"__type":"com.amazonaws.sqs#AccessDeniedException","message":"no"}`)
	broken := engineFunc(func(*http.Request) (int, string, error) { return 0, "", syscall.ECONNREFUSED })
	send := func(ctx context.Context, q *sqs.Queue) error { return q.Send(ctx, newCreate()) }
	receive := func(ctx context.Context, q *sqs.Queue) error { _, err := q.Receive(ctx, 1); return err }
	remove := func(ctx context.Context, q *sqs.Queue) error { return q.Delete(ctx, make([]chat.Delivery, 1)) }
	ping := func(ctx context.Context, q *sqs.Queue) error { return q.Ping(ctx) }
	for _, c := range []struct {
		name   string
		engine engineFunc
		call   func(context.Context, *sqs.Queue) error
		passes bool
	}{
		{"send, throttled", throttled, send, true},
		{"send, unavailable", answer(http.StatusServiceUnavailable, ""), send, true},
		{"send, no connection", broken, send, true},
		{"send, no rights", noRights, send, true}, // the create can still go straight to the table
		{"receive, throttled", throttled, receive, true},
		{"receive, no connection", broken, receive, true},
		{"receive, no rights", noRights, receive, false},
		{"delete, unavailable", answer(http.StatusServiceUnavailable, ""), remove, true},
		{"delete, no rights", noRights, remove, false},
		{"delete, SQS at fault", answer(http.StatusOK, `{"Successful":[],"Failed":[{"Id":"0","Code":"InternalError","SenderFault":false}]}`), remove, true},
		{"delete, wrong receipt", answer(http.StatusOK, `{"Successful":[],"Failed":[{"Id":"0","Code":"ReceiptHandleIsInvalid","SenderFault":true}]}`), remove, false},
		{"ping, no connection", broken, ping, true},
		{"ping, no queue", answer(http.StatusBadRequest, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}`), ping, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := c.call(t.Context(), sqs.New(c.engine.config(), url))
				if err == nil {
					t.Fatal("no error")
				}
				if passes := errors.Is(err, chat.ErrUnavailable); passes != c.passes {
					t.Errorf("may pass: %t, want %t: %v", passes, c.passes, err)
				}
			})
		})
	}
}

func TestSendGivesUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := engineFunc(func(r *http.Request) (int, string, error) {
			<-r.Context().Done()
			return 0, "", r.Context().Err()
		})
		begun := time.Now()
		err := sqs.New(silent.config(), url).Send(t.Context(), newCreate())
		if !errors.Is(err, chat.ErrUnavailable) {
			t.Errorf("error %v, want %v", err, chat.ErrUnavailable)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("returned after %v", took)
		}
	})
}

func TestSendRefusesWhatCannotBeStored(t *testing.T) {
	never := engineFunc(func(*http.Request) (int, string, error) {
		t.Error("SQS was called")
		return http.StatusOK, "{}", nil
	})
	create := newCreate()
	create.Message.Body = strings.Repeat("x", chat.MaxBody+1)
	var invalid *chat.InvalidError
	if err := sqs.New(never.config(), url).Send(t.Context(), create); !errors.As(err, &invalid) {
		t.Errorf("error %v, want an *InvalidError", err)
	}
}

func TestFromEnv(t *testing.T) {
	for _, c := range []struct {
		name string
		make func() error
	}{
		{"CREATES_QUEUE_URL", func() error { _, err := sqs.FromEnv(aws.Config{}); return err }},
		{"CREATES_DEAD_LETTERS_URL", func() error { _, err := sqs.CreateDeadLettersFromEnv(aws.Config{}); return err }},
		{"STREAM_DEAD_LETTERS_URL", func() error { _, err := sqs.ChangeDeadLettersFromEnv(aws.Config{}); return err }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(c.name, url)
			if err := c.make(); err != nil {
				t.Errorf("error %v, want none", err)
			}
			t.Setenv(c.name, "")
			if err := c.make(); err == nil || !strings.Contains(err.Error(), c.name) {
				t.Errorf("error %v, want one that names %s", err, c.name)
			}
		})
	}
}
