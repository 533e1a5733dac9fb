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
		says   []string // in what it prints
	}{
		{"as it is", nil, 0, []string{"a month", "per million creates", "What dominates:", "API Gateway: requests", "HTTP API in place of the REST API"}},
		{"an option that is taken is not offered", []string{"--http-api"}, 0, []string{"a month"}},
		{"a load", []string{"--creates-per-second", "100", "--reads-per-second", "0", "--message-bytes", "300"}, 0, []string{"100 creates, 0 reads"}},
		{"prices", []string{"--prices"}, 0, []string{"us-east-1", "sqs-standard-request: 4e-07", "https://", "Assumed:"}},
		{"a body that is too long", []string{"--message-bytes", "20000"}, 2, []string{"--message-bytes must be from 1 to 16384"}},
		{"a rate that is none", []string{"--creates-per-second", "NaN"}, 2, []string{"--creates-per-second must be"}},
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
					t.Errorf("it does not say %q: %s", text, out.String())
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

// TestCostInGuide holds that docs/deploy.md shows what the command prints.
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
		t.Errorf("docs/deploy.md shows another output than this:\n%s", out.String())
	}
}
