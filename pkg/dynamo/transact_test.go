package dynamo_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// partition stands in for a partition of the Messages table: it throttles
// transactions that consume more write units than it has left.
type partition struct {
	rate   float64 // write units a second
	left   float64
	at     time.Time
	tried  []int          // units of each transaction
	stored map[string]int // how often each message number was written
}

// Do implements aws.HTTPClient.
func (p *partition) Do(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var req request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		return nil, err
	}
	units := 0
	var reasons, numbers []string
	for _, i := range req.TransactItems {
		reasons = append(reasons, "None")
		if i.Put == nil {
			continue
		}
		reasons[len(reasons)-1] = "ThrottlingError"
		numbers = append(numbers, i.Put.Item["message_number"]["N"].(string))
		size := 200 // at most, of all other attributes
		for _, attribute := range []string{"body", "sender"} {
			if text, ok := i.Put.Item[attribute]["S"].(string); ok {
				size += len(text)
			}
		}
		units += 2 * (size/1024 + 1)
	}
	p.tried = append(p.tried, units)
	now := time.Now()
	p.left = min(p.rate, p.left+p.rate*now.Sub(p.at).Seconds())
	p.at = now
	response := ok("{}")
	if float64(units) > p.left {
		response = cancelled(reasons...)
	} else {
		p.left -= float64(units)
		for _, n := range numbers {
			p.stored[n]++
		}
	}
	return &http.Response{
		StatusCode: response.status,
		Header:     http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:       io.NopCloser(strings.NewReader(response.body)),
	}, nil
}

// TestStoreMessagesInBusyPartition holds that transactions are bounded by write
// units and get smaller while the partition throttles, and that messages which
// could not be stored in time may be stored later.
func TestStoreMessagesInBusyPartition(t *testing.T) {
	for _, tt := range []struct {
		name     string
		size     int // of a body, in bytes
		rate     float64
		want     error
		maxUnits int
	}{
		{"small messages", 100, 1000, nil, 198},
		{"long messages", chat.MaxBody, 1000, nil, 300},
		{"long messages, and others write to it", chat.MaxBody, 200, nil, 300},
		{"it has no units left", 100, 0, chat.ErrUnavailable, 198},
		{"it has few units left for so many messages", chat.MaxBody, 40, chat.ErrUnavailable, 300},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &partition{rate: tt.rate, left: tt.rate, at: time.Now(), stored: map[string]int{}}
				messages := newMessages(99)
				for i := range messages {
					messages[i].Body = strings.Repeat("x", tt.size)
				}
				begun := time.Now()
				err := storeOn(p).StoreMessages(t.Context(), chat.ChatID{AppToken: token, Number: 1}, messages)
				if !errors.Is(err, tt.want) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				if took := time.Since(begun); took > 20*time.Second {
					t.Errorf("took %v, which the writer does not have", took)
				}
				if units := slices.Max(p.tried); units > tt.maxUnits {
					t.Errorf("a transaction of %d units, want at most %d", units, tt.maxUnits)
				}
				if tt.want == nil && len(p.stored) != len(messages) {
					t.Errorf("%d messages are stored, want %d", len(p.stored), len(messages))
				}
				var partly *chat.NotStoredError
				if tt.want != nil && errors.As(err, &partly) != (len(p.stored) > 0) {
					t.Errorf("error %v of %d stored messages", err, len(p.stored))
				}
				if partly != nil {
					for _, n := range partly.Numbers {
						p.stored[strconv.FormatInt(n, 10)]++
					}
					if len(p.stored) != len(messages) {
						t.Errorf("%d messages are stored or named in the error, want %d", len(p.stored), len(messages))
					}
				}
				for n, times := range p.stored {
					if times != 1 {
						t.Errorf("message %s is stored or named %d times", n, times)
					}
				}
			})
		})
	}
}

// TestThrottledTransactions holds that transactions of all kinds are retried
// while they are throttled, and that the error is then chat.ErrUnavailable.
func TestThrottledTransactions(t *testing.T) {
	app := chat.App{Token: token, Name: "test", Version: 1, CreatedAt: at, UpdatedAt: at}
	claim, err := chat.NewClaim(chat.Parent{}, "0123456789abcdef", "a request", at)
	if err != nil {
		t.Fatal(err)
	}
	id := chat.ChatID{AppToken: token, Number: 1}
	for _, call := range []struct {
		name  string
		items int // of its transaction
		run   func(*testing.T, *answers) error
	}{
		{"create app", 2, func(t *testing.T, a *answers) error { return a.store().CreateApp(t.Context(), app) }},
		{"create app once", 3, func(t *testing.T, a *answers) error {
			_, err := a.store().CreateAppOnce(t.Context(), claim, app)
			return err
		}},
		{"delete message", 2, func(t *testing.T, a *answers) error {
			return a.store().DeleteMessage(t.Context(), id, 1, at, nil)
		}},
		{"store messages", 2, func(t *testing.T, a *answers) error {
			return a.store().StoreMessages(t.Context(), id, newMessages(1))
		}},
	} {
		reasons := func(code string) answer {
			all := slices.Repeat([]string{"None"}, call.items)
			all[0] = code
			return cancelled(all...)
		}
		for name, busy := range map[string]answer{
			"throttled":               reasons("ThrottlingError"),
			"throttled table":         reasons("ProvisionedThroughputExceeded"),
			"conflict":                reasons("TransactionConflict"),
			"throttled account":       refused(http.StatusBadRequest, "RequestLimitExceeded"),
			"throttled as a whole":    refused(http.StatusBadRequest, "ThrottlingException"),
			"throttled as its tables": refused(http.StatusBadRequest, "ProvisionedThroughputExceededException"),
		} {
			t.Run(call.name+"/"+name+" for a while", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					if err := call.run(t, &answers{script: []answer{busy, busy, busy, busy, ok("{}")}}); err != nil {
						t.Error(err)
					}
				})
			})
			t.Run(call.name+"/"+name+" forever", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					if err := call.run(t, &answers{script: []answer{busy}}); !errors.Is(err, chat.ErrUnavailable) {
						t.Errorf("error %v, want %v", err, chat.ErrUnavailable)
					}
				})
			})
		}
		t.Run(call.name+"/no permission", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := &answers{script: []answer{refused(http.StatusBadRequest, "AccessDeniedException")}}
				err := call.run(t, engine)
				retried := errors.Is(err, chat.ErrUnavailable) || len(engine.requests) > 1
				if err == nil || retried || errors.Is(err, chat.ErrUnstorable) {
					t.Errorf("error %v after %d calls, want a permanent one after 1", err, len(engine.requests))
				}
			})
		})
	}
}

// TestUnstorable holds that only what is wrong with a row itself says that it can
// never be stored.
func TestUnstorable(t *testing.T) {
	for _, tt := range []struct {
		name    string
		reasons []string // of the message and the count
		want    bool
	}{
		{"the message is invalid", []string{"ValidationError", "None"}, true},
		{"the message's partition is too large", []string{"ItemCollectionSizeLimitExceeded", "None"}, true},
		{"the count is invalid", []string{"None", "ValidationError"}, false},
		{"another reason", []string{"DuplicateItem", "None"}, false},
		{"throttled", []string{"ThrottlingError", "None"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := &answers{script: []answer{cancelled(tt.reasons...)}}
				err := engine.store().StoreMessages(t.Context(), chat.ChatID{AppToken: token, Number: 1}, newMessages(1))
				if err == nil || errors.Is(err, chat.ErrUnstorable) != tt.want {
					t.Errorf("error %v, unstorable: want %t", err, tt.want)
				}
			})
		})
	}
}

// TestCreateAppWithTakenKey holds that a repeated create returns the first app.
func TestCreateAppWithTakenKey(t *testing.T) {
	claim, err := chat.NewClaim(chat.Parent{}, "0123456789abcdef", "a request", at)
	if err != nil {
		t.Fatal(err)
	}
	engine := &answers{script: []answer{{status: http.StatusBadRequest, body: `{
		"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "CancellationReasons": [
			{"Code": "None"}, {"Code": "TransactionConflict"}, {"Code": "ConditionalCheckFailed", "Item": {
				"fingerprint": {"S": "` + claim.Fingerprint + `"}, "app_token": {"S": "first"},
				"created_at": {"S": "2026-03-14T15:00:00.000Z"}}}]}`}}}
	app, err := engine.store().CreateAppOnce(t.Context(), claim, chat.App{Token: token, Name: "test", Version: 1})
	if err != nil || app.Token != "first" {
		t.Errorf("app %+v, error %v; want the first app", app, err)
	}
}

var _ aws.HTTPClient = (*partition)(nil)
