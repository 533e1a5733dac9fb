package main

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCheckSizes(t *testing.T) {
	allowed := functionBudget{Binary: 1000, Zip: 100, InitAllocations: 100, InitAllocated: 1000}
	for _, tt := range []struct {
		name string
		is   measured
		says string
	}{
		{"as it was", measured{name: "get-app", binary: 1000, zip: 100, initAllocations: 100, initAllocated: 1000}, ""},
		{"a tenth more", measured{name: "get-app", binary: 1100, zip: 110, initAllocations: 110, initAllocated: 1100}, ""},
		{"a larger binary", measured{name: "get-app", binary: 1101}, "1101 bytes of binary, budget 1000"},
		{"a larger zip", measured{name: "get-app", zip: 111}, "111 bytes of zip, budget 100"},
		{"more allocations", measured{name: "get-app", initAllocations: 111}, "111 allocations of its init, budget 100"},
		{"more allocated", measured{name: "get-app", initAllocated: 1101}, "1101 bytes allocated by its init, budget 1000"},
		{"new", measured{name: "get-all"}, "get-all has no budget"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := budget{Functions: map[string]functionBudget{"get-app": allowed}}
			checkSays(t, b.checkSizes([]*measured{&tt.is}), tt.says)
		})
	}
}

func TestSlow(t *testing.T) {
	starts := func(some ...time.Duration) []time.Duration { return some }
	empty := &measured{starts: starts(100, 100, 100, 100)}
	for _, tt := range []struct {
		name   string
		budget float64
		starts []time.Duration
		says   string
	}{
		{"as fast as the empty one", 1, starts(100, 100, 100, 100), ""},
		{"slower within the noise", 1, starts(129, 129, 129, 129), ""},
		{"slow", 1, starts(140, 140, 140, 140), "get-app: starts in 1.40 times the empty function's time, allowed 1.30"},
		{"slow at times", 1, starts(100, 100, 900, 900), ""},
		{"within its budget but not the promise", 2, starts(160, 160, 160, 160), "allowed 1.50"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := budget{Functions: map[string]functionBudget{"get-app": {InitRatio: tt.budget}}}
			errs, _ := b.slow(empty, []*measured{{name: "get-app", starts: tt.starts}})
			checkSays(t, errs, tt.says)
		})
	}
}

func checkSays(t *testing.T, errs []error, want string) {
	t.Helper()
	got := errors.Join(errs...)
	if (got != nil) != (want != "") || got != nil && !strings.Contains(got.Error(), want) {
		t.Errorf("says %v, want %q", got, want)
	}
}

func TestEveryFunctionHasABudget(t *testing.T) {
	t.Chdir("../..")
	b, err := readBudget()
	if err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob("functions/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var functions []string
	for _, f := range folders {
		functions = append(functions, filepath.Base(filepath.Dir(f)))
	}
	if diff := cmp.Diff(functions, slices.Sorted(maps.Keys(b.Functions))); diff != "" {
		t.Errorf("functions (-) and budgets (+), make budget-update:\n%s", diff)
	}
}
