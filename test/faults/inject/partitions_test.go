//go:build linux

package inject

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// transaction returns a request that puts so many rows of about so many KB into
// a chat, and counts them.
func transaction(t *testing.T, chat string, rows, kilobytes int) (w write) {
	t.Helper()
	var items []string
	for range rows {
		items = append(items, fmt.Sprintf(`{"Put":{"TableName":"messages","Item":{"chat":{"S":%q},"body":{"S":%q}}}}`, chat, strings.Repeat("x", kilobytes<<10-100)))
	}
	items = append(items, fmt.Sprintf(`{"Update":{"TableName":"chats","Key":{"app_token":{"S":"a"},"chat_number":{"N":%q}}}}`, chat))
	if err := json.Unmarshal([]byte(`{"TransactItems":[`+strings.Join(items, ",")+`]}`), &w); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestPartitions(t *testing.T) {
	p := newPartitions()
	for _, tt := range []struct {
		name  string
		write write
		full  bool
	}{
		{"more than a second's units", transaction(t, "1", 99, 17), true},
		{"most of a second's units", transaction(t, "1", 28, 17), false},
		{"more than is left", transaction(t, "1", 10, 17), true},
		{"another chat", transaction(t, "2", 28, 17), false},
	} {
		if got := slices.Contains(p.consume(tt.write), true); got != tt.full {
			t.Errorf("%s: full %t, want %t", tt.name, got, tt.full)
		}
	}
}
