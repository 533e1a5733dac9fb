package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"chatapi/internal/cli"
)

// buffer collects the output of a running command.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// follow runs a tail concurrently with the test. stop ends it as Ctrl-C does and
// returns its exit status.
func follow(sh shell, args ...string) (stdout, stderr *buffer, stop func() int) {
	stdout, stderr = &buffer{}, &buffer{}
	ctx, cancel := context.WithCancel(sh.t.Context())
	status := make(chan int, 1)
	go func() {
		getenv := func(name string) string { return sh.env[name] }
		status <- cli.Run(ctx, cli.New(getenv), args, nil, stdout, stderr)
	}()
	return stdout, stderr, func() int { cancel(); return <-status }
}

func numbers(t *testing.T, lines string) (found []int64) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var m struct {
			Number int64 `json:"message_number"`
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		found = append(found, m.Number)
	}
	return found
}

func TestTailFollows(t *testing.T) {
	sh := newShell(t)
	sh.must("chats", "create")
	for i := range 5 {
		sh.must("send", "1", fmt.Sprintf("before %d", i+1))
	}
	eventually(t, "all is stored", func() bool { return len(numbers(t, sh.must("tail", "1", "-f=false", "--json"))) == 5 })
	for _, tt := range []struct {
		name   string
		lines  string
		begins func(first int64, already int) bool
	}{
		{"from the last two", "2", func(first int64, already int) bool { return first == int64(already)-1 }},
		{"from the first", "200", func(first int64, _ int) bool { return first == 1 }},
		{"from now", "0", func(first int64, already int) bool { return first > int64(already) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sh := shell{t, sh.env}
			already := len(numbers(t, sh.must("tail", "1", "-f=false", "--json", "-n", "200")))
			stdout, stderr, stop := follow(sh, "tail", "1", "--json", "--lines", tt.lines)
			last := already
			eventually(t, "something is shown", func() bool {
				if tt.lines == "0" { // it shows nothing before a message arrives
					sh.must("send", "1", "is anyone there?")
					last++
				}
				return stdout.String() != ""
			})
			var senders sync.WaitGroup
			const clients, each = 4, 10
			for range clients {
				senders.Go(func() {
					for range each {
						sh.must("send", "1", "while it follows")
					}
				})
			}
			senders.Wait()
			last += clients * each
			eventually(t, "all is shown", func() bool {
				return slices.Contains(numbers(t, stdout.String()), int64(last))
			})
			if status := stop(); status != 0 || stderr.String() != "" {
				t.Errorf("status %d: %s", status, stderr)
			}
			got := numbers(t, stdout.String())
			for i, n := range got {
				if !tt.begins(got[0], already) || n != got[0]+int64(i) {
					t.Fatalf("shows %v when %d messages existed before", got, already)
				}
			}
		})
	}
}

// late is a server that stores each message of its only chat at its own time, and
// is down for a while.
type late struct {
	begin time.Time
	at    map[int64]time.Duration
	down  [2]time.Duration
}

func (l late) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Since(l.begin)
	if l.down[0] < now && now < l.down[1] {
		http.Error(w, "no", http.StatusBadGateway)
		return
	}
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	var rows []string
	for n := after + 1; n <= 20; n++ {
		if at, ok := l.at[n]; ok && at <= now {
			const row = `{"message_number":%d,"body":"m","created_at":%q}`
			rows = append(rows, fmt.Sprintf(row, n, l.begin.Format(time.RFC3339Nano)))
		}
	}
	if r.URL.Query().Get("order") == "desc" {
		rows = nil // a chat that begins empty
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"messages":[%s]}`, strings.Join(rows, ","))
}

func TestTailKeepsTheOrder(t *testing.T) {
	ms := time.Millisecond
	for _, tt := range []struct {
		name string
		late late
		wait string
		want string
	}{
		{"5 before 4", late{at: map[int64]time.Duration{1: 0, 2: 0, 3: 0, 4: 900 * ms, 5: 0}}, "20s", "[1 2 3 4 5]"},
		{"the first last", late{
			at: map[int64]time.Duration{1: 900 * ms, 2: 600 * ms, 3: 300 * ms, 4: 0, 5: 0},
		}, "20s", "[1 2 3 4 5]"},
		{"a number that stays unused", late{at: map[int64]time.Duration{1: 0, 3: 0, 5: 0}}, "500ms", "[1 3 5]"},
		{"a server that is down", late{
			at:   map[int64]time.Duration{1: 0, 2: 700 * ms, 5: 0, 3: 700 * ms, 4: 700 * ms},
			down: [2]time.Duration{300 * ms, 900 * ms},
		}, "20s", "[1 2 3 4 5]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.late.begin = time.Now()
			server := httptest.NewServer(tt.late)
			defer server.Close()
			sh := shell{t, map[string]string{"CHATAPI_URL": server.URL, "CHATAPI_APP": strings.Repeat("t", 36)}}
			stdout, _, stop := follow(sh, "tail", "1", "--json", "--wait", tt.wait)
			eventually(t, "5 is shown", func() bool { return slices.Contains(numbers(t, stdout.String()), 5) })
			if status := stop(); status != 0 || fmt.Sprint(numbers(t, stdout.String())) != tt.want {
				t.Errorf("status %d, shows %v, want %s", status, numbers(t, stdout.String()), tt.want)
			}
		})
	}
}
