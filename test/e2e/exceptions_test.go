//go:build !e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"chatapi/test/e2e"

	"github.com/google/go-cmp/cmp"
)

// listedRow is a row of the page such as | ministack | `input/wrong method` | why |.
var listedRow = regexp.MustCompile("(?m)^\\| ([a-z0-9-]+) \\| `([^`]+)` \\| (.+) \\|$")

func TestGuideHasTheExceptions(t *testing.T) {
	text, err := os.ReadFile("../../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n### Cases that a target fails\n")
	section, _, _ = strings.Cut(section, "\n#")
	listed := []e2e.Exception{}
	for _, row := range listedRow.FindAllStringSubmatch(section, -1) {
		listed = append(listed, e2e.Exception{Target: row[1], Case: row[2], Reason: row[3]})
	}
	if diff := cmp.Diff(e2e.Exceptions(), listed); diff != "" {
		t.Errorf("exceptions.go (-) and docs/testing.md (+):\n%s", diff)
	}
}

// TestExceptionsAreOfTargets: a name with a mistake in it would excuse nothing
// and never be missed.
func TestExceptionsAreOfTargets(t *testing.T) {
	for _, x := range e2e.Exceptions() {
		if _, err := os.Stat(filepath.Join("targets", x.Target+".sh")); err != nil {
			t.Errorf("exception for %s: %v", x.Case, err)
		}
	}
}

func TestExceptionFor(t *testing.T) {
	for _, tt := range []struct {
		name, target, asked string
		known               bool
	}{
		{"a case of a group", "ministack", "input/wrong method: PUT /health", true},
		{"the case itself", "ministack", "apart/a token that is part of a key", true},
		{"another target", "embedded", "input/wrong method: PUT /health", false},
		{"another case that begins the same", "ministack", "input/wrong methods", false},
		{"a part", "ministack", "input", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, known := e2e.ExceptionFor(tt.target, tt.asked); known != tt.known {
				t.Errorf("known is %t", known)
			}
		})
	}
}
