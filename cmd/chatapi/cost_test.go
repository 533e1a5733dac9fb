package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"chatapi/internal/cost"
)

func TestCost(t *testing.T) {
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		says   []string // in the output
	}{
		{"default load", nil, 0,
			[]string{
				"a month", "per million creates", "What dominates:", "API Gateway: requests",
				"How to reduce it, each option by itself:", "HTTP API in place of the REST API",
			}},
		{"plurals",
			[]string{"--creates-per-second", "1", "--reads-per-second", "0.5", "--chats", "1", "--message-bytes", "1"}, 0,
			[]string{"1 create, 0.5 reads and 1 search a second; messages of 1 byte in 1 chat;"}},
		{"an option that is already used", []string{"--http-api"}, 0, []string{"a month"}},
		{"a load", []string{"--creates-per-second", "100", "--reads-per-second", "0", "--message-bytes", "300"}, 0,
			[]string{"100 creates, 0 reads"}},
		{"prices", []string{"--prices"}, 0, []string{"us-east-1", "sqs-standard-request: 4e-07", "https://", "Assumptions:"}},
		{"a body above the limit", []string{"--message-bytes", "20000"}, 2,
			[]string{"invalid --message-bytes 20000: want 1 to 16384"}},
		{"not a number", []string{"--creates-per-second", "NaN"}, 2,
			[]string{"invalid --creates-per-second NaN: want 0 to 1000000"}},
		{"an instance without a price", []string{"--search-instance", "x1.search"}, 1, []string{"no price for x1.search"}},
		{"an argument", []string{"all"}, 2, []string{`unexpected argument "all": want none`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			status := run(t.Context(), append([]string{"cost"}, tt.args...), noEnvironment, nil, &out, &out)
			if status != tt.status {
				t.Errorf("status %d, want %d: %s", status, tt.status, out.String())
			}
			for _, text := range tt.says {
				if !strings.Contains(out.String(), text) {
					t.Errorf("does not print %q: %s", text, out.String())
				}
			}
		})
	}
}

func TestCostJSON(t *testing.T) {
	var out, problems bytes.Buffer
	if status := run(t.Context(), []string{"cost", "--json"}, noEnvironment, nil, &out, &problems); status != 0 {
		t.Fatalf("status %d: %s", status, problems.String())
	}
	var report cost.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	if report.Dollars <= 0 || len(report.Lines) == 0 || len(report.Options) == 0 || report.PerMillion[cost.Create] <= 0 {
		t.Errorf("report %+v", report)
	}
}

func noEnvironment(string) string { return "" }

// TestCostInGuide checks that docs/deploy.md shows the output of the command.
func TestCostInGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if status := run(t.Context(), []string{"cost"}, noEnvironment, nil, &out, &out); status != 0 {
		t.Fatal(out.String())
	}
	if !strings.Contains(string(guide), "$ bin/chatapi cost\n"+out.String()+"```\n") {
		t.Errorf("docs/deploy.md must show this output:\n%s", out.String())
	}
}
