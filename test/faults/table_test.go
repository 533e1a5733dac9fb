//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatapi/test/faults/history"
)

func TestTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "faults.md")
	run := func(name string, acknowledged, lost int) result {
		r, err := rowNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		return result{row: r, seed: 7, begun: time.Date(2026, time.March, 14, 15, 9, 26, 0, time.UTC), took: time.Minute, faults: []string{"3 slow", "4 lost"},
			report: &history.Report{Acknowledged: acknowledged, Lost: lost}}
	}
	for _, results := range [][]result{
		{run("none", 100, 0), run("queue", 200, 1)},
		{run("queue", 300, 2), {row: matrix[len(matrix)-1], err: errNoEngines}}, // none is kept, queue is run again
	} {
		if err := writeTable(path, results); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| none | nothing, for comparison | 100 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |",
		"| 300 | 0 | 0 | 0 | 2 | 0 | 0 | 0 |",
		"| **all** |  | **400** | **0** | **0** | **0** | **2** | **0** | **0** | **0** |",
		"| queue | 3 slow, 4 lost | 0 MiB | 0 | 0 | 0 MiB | 1m0s | 2026-03-14 15:09 | `go run ./test/faults -rows queue -seed 7` |",
		"not run: there are no engines",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if n := strings.Count(string(page), "| queue |"); n != 2 {
		t.Errorf("queue has %d rows", n)
	}
}
