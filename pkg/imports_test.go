// Package pkg_test holds the direction of imports between the packages here.
package pkg_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed is what each package may import of this module. Tests may import
// more. A new package needs a line.
var allowed = map[string][]string{
	"chat":                 {},
	"api":                  {"auth", "chat"},
	"auth":                 {},
	"writer":               {"chat"},
	"indexer":              {"chat"},
	"reindex":              {"chat"},
	"verify":               {"chat"},
	"redrive":              {"chat", "eventsource"},
	"dynamo":               {"chat", "dynamo/layout"},
	"dynamo/layout":        {"chat"},
	"sqs":                  {"chat"},
	"opensearch":           {"chat"},
	"awsbackend":           {"chat", "dynamo", "opensearch", "sqs"},
	"apigateway":           {},
	"eventsource":          {"chat", "dynamo/layout"},
	"client":               {},
	"docs":                 {"api"},
	"function":             {},
	"embedded":             {"chat", "embedded/createlog", "embedded/disk", "embedded/groupcommit", "embedded/search"},
	"embedded/createlog":   {"chat", "embedded/disk", "embedded/groupcommit"},
	"embedded/disk":        {},
	"embedded/groupcommit": {"chat"},
	"embedded/search":      {"chat", "embedded/disk"},
	"chat/chattest":        {"chat"},
	"local":                {"api", "chat", "docs", "indexer", "writer"},
}

func TestImportsRunOneWay(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	const module = "chatapi/pkg/"
	for line := range strings.Lines(string(out)) {
		names := strings.Fields(line)
		name := strings.TrimPrefix(names[0], module)
		if name == "chatapi/pkg" { // this test
			continue
		}
		may, known := allowed[name]
		if !known {
			t.Errorf("%s has no line in the table of allowed imports", name)
		}
		for _, imported := range names[1:] {
			if of, ours := strings.CutPrefix(imported, module); ours && !slices.Contains(may, of) {
				t.Errorf("%s imports %s", name, of)
			}
		}
	}
}

// TestLambdaEventsStayAtTheEdge holds that what runs on one machine too knows no
// event of AWS.
func TestLambdaEventsStayAtTheEdge(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "./local", "./embedded", "./writer", "./indexer")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	if strings.Contains(string(out), "aws-lambda-go/events") {
		t.Error("pkg/local, pkg/embedded, pkg/writer or pkg/indexer links aws-lambda-go/events")
	}
}
