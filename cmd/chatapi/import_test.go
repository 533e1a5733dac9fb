package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatapi/pkg/client"

	"github.com/google/go-cmp/cmp"
)

// transferred has the fields of a line that an export and an import keep.
type transferred struct {
	Type     string            `json:"type"`
	Chat     int64             `json:"chat_number"`
	Title    string            `json:"title"`
	Body     string            `json:"body"`
	Sender   string            `json:"sender"`
	Metadata map[string]string `json:"metadata"`
}

// TestImportKilled kills an import several times and its server once, and checks
// that an export has what was imported: each message once, in the order of the file.
func TestImportKilled(t *testing.T) {
	const chats, messages, kills = 5, 200, 4
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, "127.0.0.1:0", data)
	created, err := s.api.CreateApp(t.Context(), client.CreateAppRequest{Name: "copy"})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CHATAPI_URL", "http://"+s.addr)
	t.Setenv("CHATAPI_APP", created.Data.AppToken)
	var want []transferred
	for c := range int64(chats) {
		want = append(want, transferred{Type: "chat", Chat: c + 1, Title: fmt.Sprintf("chat %d", c+1)})
		for m := range int64(messages) {
			want = append(want, transferred{
				Type: "message", Chat: c + 1, Sender: "ada",
				Body: fmt.Sprintf("%d of %d", m+1, c+1), Metadata: map[string]string{"line": fmt.Sprint(m)},
			})
		}
	}
	file := filepath.Join(t.TempDir(), "app.jsonl")
	writeLines(t, file, want)

	killed := 0
	for killed < kills {
		if !importAndKill(t, file, time.Duration(killed+1)*60*time.Millisecond) {
			break // it had ended before
		}
		killed++
	}
	if killed == 0 {
		t.Error("no import was killed")
	}
	last := command(t, "import", file)
	if err := last.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	s.kill()
	s = start(t, s.addr, data)
	if err := last.Wait(); err != nil {
		t.Fatalf("the import during a restart of the server: %v", err)
	}

	within(t, 20*time.Second, "all is stored", func() bool { return len(exported(t)) >= len(want) })
	if diff := cmp.Diff(want, exported(t)); diff != "" {
		t.Errorf("imported (-) and exported (+):\n%s", diff)
	}
}

// importAndKill runs an import and kills it after a while. It returns false if the
// import had ended before.
func importAndKill(t *testing.T, file string, after time.Duration) bool {
	t.Helper()
	process := command(t, "import", file)
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	_ = process.Process.Signal(syscall.SIGKILL)
	return process.Wait() != nil
}

func writeLines(t *testing.T, name string, lines []transferred) {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	for _, l := range lines {
		if err := encoder.Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(name, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// exported returns the chats and messages of an export.
func exported(t *testing.T) (lines []transferred) {
	t.Helper()
	text, err := command(t, "export", "--wait", "2s").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var l transferred
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if l.Type != "app" {
			lines = append(lines, l)
		}
	}
	return lines
}
