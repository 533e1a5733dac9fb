//go:build engines

package cost_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"chatapi/internal/standin"
)

// differences are where DynamoDB Local counts otherwise than DynamoDB's rules:
// it counts nothing for a read that finds nothing beside others, and the rows
// of a transaction in one table in one sum.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
var differences = map[string]units{
	"list-chats/no such app":                     {read: 1},
	"list-messages/none yet":                     {read: 1},
	"list-messages/numbers missing below before": {read: 2},
	"get-message/not stored yet":                 {read: 3},
	"get-reader/found":                           {read: 1},
	"get-reader/no such chat":                    {read: 1},
	"update-reader/no such chat":                 {read: 1},
	"update-reader/raised":                       {read: 1, write: 1},
	"writer/10 messages of one chat":             {write: 4},
	"writer/99 messages of one chat":             {write: 4},
	"writer/100 messages of one chat":            {write: 8},
	"writer/10 chats of one app":                 {read: 1, write: 14},
}

// TestUnitsOnDynamoDBLocal holds that the units of calls.json are those that
// DynamoDB Local reports, but for differences. It reports none of a write that a
// condition refused, and those are not compared.
func TestUnitsOnDynamoDBLocal(t *testing.T) {
	endpoint := os.Getenv("CHATAPI_TEST_DYNAMODB")
	if endpoint == "" {
		t.Fatal("CHATAPI_TEST_DYNAMODB is not set: run make test-engines")
	}
	for _, c := range cases {
		t.Run(c.operation+"/"+c.name, func(t *testing.T) {
			prefix := fmt.Sprintf("calls-%d-", time.Now().UnixNano()) // tables of its own: some cases read all rows
			counted := newStack(t)
			want := count(counted, c.prepare, c.do, func() units { return unitsOf(counted.engines.Calls()) })

			meter := &meter{engines: standin.New(), dynamoDB: endpoint}
			s := newStackOn(t, meter.engines, meter, prefix)
			got := count(s, c.prepare, c.do, meter.take)
			if got.refused {
				return
			}
			if other, ok := differences[c.operation+"/"+c.name]; ok {
				want = other
			}
			if got != want {
				t.Errorf("DynamoDB Local reports %+v, want %+v", got, want)
			}
		})
	}
}

// units are read and write units, and whether a condition refused a write.
type units struct {
	read, write float64
	refused     bool
}

// count returns the units of do alone.
func count(s *stack, prepare, do func(*stack), take func() units) units {
	if prepare != nil {
		prepare(s)
	}
	take()
	do(s)
	return take()
}

func unitsOf(calls []standin.Call) (u units) {
	for _, c := range calls {
		u.read, u.write = u.read+c.ReadUnits, u.write+c.WriteUnits
	}
	return u
}

// meter passes calls of DynamoDB on to a server, asks it what they take, and
// leaves the others to stand-ins.
type meter struct {
	engines  *standin.Server
	dynamoDB string

	mu  sync.Mutex
	sum units
}

func (m *meter) take() units {
	m.mu.Lock()
	defer m.mu.Unlock()
	sum := m.sum
	m.sum = units{}
	return sum
}

func (m *meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")
	if !ok {
		m.engines.ServeHTTP(w, r)
		return
	}
	status, answer, err := m.forward(r, operation)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	m.note(status, operation, answer)
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	w.Write(answer)
}

func (m *meter) forward(r *http.Request, operation string) (status int, answer []byte, err error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, nil, err
	}
	if !strings.Contains(operation, "Table") && !strings.Contains(operation, "TimeToLive") {
		body = bytes.Replace(body, []byte("{"), []byte(`{"ReturnConsumedCapacity":"TOTAL",`), 1)
	}
	request, err := http.NewRequestWithContext(r.Context(), r.Method, m.dynamoDB, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	for _, name := range []string{"Authorization", "Content-Type", "X-Amz-Date", "X-Amz-Target"} {
		request.Header.Set(name, r.Header.Get(name))
	}
	res, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// note adds what a call took, which an answer gives as an object or, of several
// tables, as a list.
func (m *meter) note(status int, operation string, answer []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if status != http.StatusOK {
		m.sum.refused = m.sum.refused || bytes.Contains(answer, []byte("ConditionalCheckFailed"))
		return
	}
	var of struct{ ConsumedCapacity json.RawMessage }
	if json.Unmarshal(answer, &of) != nil || of.ConsumedCapacity == nil {
		return
	}
	var taken []struct{ CapacityUnits float64 }
	if of.ConsumedCapacity[0] == '{' {
		of.ConsumedCapacity = fmt.Appendf(nil, "[%s]", of.ConsumedCapacity)
	}
	if json.Unmarshal(of.ConsumedCapacity, &taken) != nil {
		return
	}
	for _, t := range taken {
		switch operation {
		case "GetItem", "BatchGetItem", "Query", "Scan":
			m.sum.read += t.CapacityUnits
		default:
			m.sum.write += t.CapacityUnits
		}
	}
}
