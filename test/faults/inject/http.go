//go:build linux

package inject

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// Transport wraps the HTTP client under the adapters: a point for each engine,
// so that the retries of the SDKs meet faults as well.
func (x *Injector) Transport(of http.RoundTripper) http.RoundTripper {
	return &transport{of: of, x: x}
}

type transport struct {
	of http.RoundTripper
	x  *Injector
}

// pointOf tells the engines apart by the header that only AWS's have.
func pointOf(r *http.Request) string {
	switch target := r.Header.Get("X-Amz-Target"); {
	case strings.HasPrefix(target, "DynamoDB"):
		return DynamoDB
	case target != "":
		return SQS
	default:
		return OpenSearch
	}
}

// errBroken is what a connection that breaks gives.
var errBroken = errors.New("injected: the connection broke")

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	point := pointOf(r)
	if point == OpenSearch && strings.HasSuffix(r.URL.Path, "/_bulk") {
		if f := t.x.fate(OpenSearchBulk); f.kind == Misfit {
			if err := misfit(r, f.random); err != nil {
				return nil, err
			}
		}
	}
	body, err := bodyOf(r)
	if err != nil {
		return nil, err
	}
	numbers := point == DynamoDB && bytes.Contains(body, []byte(`"UPDATED_NEW"`)) // only a number is asked for so
	if writes(r) {
		if response, err := t.write(r, body, numbers); response != nil || err != nil {
			return response, err
		}
	}
	f := t.x.fate(point)
	switch f.kind {
	case Refuse, Gone:
		return nil, errBroken
	case Throttle:
		return throttled(point, r), nil
	case Fail:
		return answer(r, http.StatusInternalServerError, `{"__type":"InternalServerError","message":"injected"}`), nil
	case KillBefore:
		t.x.die()
	case Slow:
		time.Sleep(slowFor)
	}
	response, err := t.of.RoundTrip(r)
	if numbers && (err != nil || f.kind == Lose) {
		t.x.tally.fault(DynamoDBNumber, Lose)
	}
	switch {
	case f.kind == KillAfter:
		t.x.die()
	case f.kind == Lose && err == nil:
		_, _ = io.Copy(io.Discard, response.Body) // the engine is done
		_ = response.Body.Close()
		return nil, errBroken
	}
	return response, err
}

func bodyOf(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}

// writes reports whether a request of DynamoDB may change a row.
func writes(r *http.Request) bool {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return operation == "UpdateItem" || operation == "TransactWriteItems" || operation == "PutItem"
}

// write returns what a write meets that is only a write's: nothing if it goes
// on.
func (t *transport) write(r *http.Request, body []byte, numbers bool) (*http.Response, error) {
	var w write
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, err
	}
	if t.x.parts != nil { // also when the faults have ended: the limit is the engine's
		if full := t.x.parts.consume(w); full != nil {
			t.x.tally.fault(DynamoDBWrite, Partition)
			return refusedWrite(r, w, "ThrottlingError", func(i int) bool { return full[i] }), nil
		}
	}
	point := DynamoDBWrite
	if bytes.Contains(body, []byte(`"ReturnValues":"ALL_NEW"`)) { // only an edit shows the row
		point = DynamoDBEdit
	}
	f := t.x.fate(point)
	one := f.random.IntN(max(1, len(w.TransactItems))) // item of a transaction
	switch f.kind {
	case Conflict:
		return refusedWrite(r, w, "TransactionConflict", func(i int) bool { return i == one }), nil
	case Busy:
		return refusedWrite(r, w, "ThrottlingError", func(i int) bool { return i == one }), nil
	case Held:
		if numbers {
			t.x.tally.fault(DynamoDBNumber, Lose)
		}
		later := r.Clone(context.WithoutCancel(r.Context()))
		later.Body = io.NopCloser(bytes.NewReader(body))
		time.AfterFunc(heldFor, func() {
			if response, err := t.of.RoundTrip(later); err == nil {
				_ = response.Body.Close()
			}
		})
		return nil, errBroken
	}
	return nil, nil
}

// refusedWrite is DynamoDB's response to a write that meets another one, or a
// partition without write units.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html#API_TransactWriteItems_Errors
func refusedWrite(r *http.Request, w write, code string, met func(int) bool) *http.Response {
	const prefix = `{"__type":"com.amazonaws.dynamodb.v20120810#`
	if len(w.TransactItems) == 0 {
		if code == "TransactionConflict" {
			return answer(r, http.StatusBadRequest, prefix+`TransactionConflictException","message":"injected"}`)
		}
		return answer(r, http.StatusBadRequest, prefix+`ProvisionedThroughputExceededException","message":"injected"}`)
	}
	reasons := make([]string, len(w.TransactItems))
	for i := range reasons {
		if reasons[i] = `{"Code":"None"}`; met(i) {
			reasons[i] = fmt.Sprintf(`{"Code":%q,"Message":"injected"}`, code)
		}
	}
	return answer(r, http.StatusBadRequest, prefix+`TransactionCanceledException","Message":"injected","CancellationReasons":[`+strings.Join(reasons, ",")+"]}")
}

// misfit puts text in the place of the number of one message in a bulk request,
// which the mapping knows as a number: OpenSearch indexes the others and answers
// 400 with a mapper_parsing_exception for this one.
func misfit(r *http.Request, random *rand.Rand) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	lines := bytes.SplitAfter(body, []byte("\n")) // an action, its document and so on, and what is behind the last
	document := 1 + 2*random.IntN(len(lines)/2)
	lines[document] = messageNumber.ReplaceAll(lines[document], []byte(`"message_number":"none"`))
	body = bytes.Join(lines, nil)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}

var messageNumber = regexp.MustCompile(`"message_number":\d+`)

// throttled is what each engine answers to too many requests.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
func throttled(point string, r *http.Request) *http.Response {
	switch point {
	case DynamoDB:
		return answer(r, http.StatusBadRequest, `{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"injected"}`)
	case SQS:
		return answer(r, http.StatusBadRequest, `{"__type":"com.amazonaws.sqs#RequestThrottled","message":"injected"}`)
	default:
		return answer(r, http.StatusTooManyRequests, `{"error":{"type":"circuit_breaking_exception","reason":"injected"},"status":429}`)
	}
}

func answer(r *http.Request, status int, body string) *http.Response {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}
