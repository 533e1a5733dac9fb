// Package functions_test holds what is true of all functions together: what
// each links, and that template, code and docs/api.md name the same routes.
package functions_test

import (
	"maps"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parts are what a function may link, by the prefixes of their packages.
var parts = map[string][]string{
	"api":        {"chatapi/pkg/api", "github.com/danielgtaylor/huma/"},
	"command":    {"chatapi/internal/", "github.com/spf13/"},
	"docs":       {"chatapi/pkg/docs", "github.com/swaggest/"},
	"dynamodb":   {"github.com/aws/aws-sdk-go-v2/service/dynamodb/internal/"}, // the client; the types are for all
	"events":     {"chatapi/pkg/eventsource"},
	"embedded":   {"chatapi/pkg/embedded", "chatapi/pkg/local", "github.com/blevesearch/", "go.etcd.io/bbolt"},
	"indexer":    {"chatapi/pkg/indexer"},
	"repair":     {"chatapi/pkg/redrive", "chatapi/pkg/reindex", "chatapi/pkg/verify"},
	"opensearch": {"chatapi/pkg/opensearch", "github.com/opensearch-project/"},
	"sqs":        {"chatapi/pkg/sqs", "github.com/aws/aws-sdk-go-v2/service/sqs"},
	"writer":     {"chatapi/pkg/writer"},
}

// TestFunctionsLinkOnlyWhatTheyUse keeps cold starts short and the reach of
// each function small.
func TestFunctionsLinkOnlyWhatTheyUse(t *testing.T) {
	want := map[string][]string{
		"create-app":      {"api", "dynamodb"},
		"list-apps":       {"api", "dynamodb"},
		"get-app":         {"api", "dynamodb"},
		"update-app":      {"api", "dynamodb"},
		"create-chat":     {"api", "dynamodb", "sqs"},
		"list-chats":      {"api", "dynamodb"},
		"get-chat":        {"api", "dynamodb"},
		"update-chat":     {"api", "dynamodb"},
		"create-message":  {"api", "dynamodb", "sqs"},
		"list-messages":   {"api", "dynamodb"},
		"get-message":     {"api", "dynamodb"},
		"update-message":  {"api", "dynamodb"},
		"delete-message":  {"api", "dynamodb"},
		"get-reader":      {"api", "dynamodb"},
		"update-reader":   {"api", "dynamodb"},
		"search-messages": {"api", "dynamodb", "opensearch"},
		"search-app":      {"api", "dynamodb", "opensearch"},
		"health":          {"api", "dynamodb", "opensearch", "sqs"},
		"openapi":         {"api"},
		"docs":            {"api", "docs"},
		"writer":          {"dynamodb", "events", "sqs", "writer"}, // sqs for the dead letters
		"indexer":         {"events", "indexer", "opensearch", "sqs"},
		"reindex":         {"dynamodb", "opensearch", "repair"},
		"verify":          {"dynamodb", "opensearch", "repair"},
	}
	linked := map[string][]string{}
	for function, packages := range dependencies(t) {
		linked[function] = partsAmong(packages)
	}
	for _, function := range slices.Sorted(maps.Keys(linked)) {
		t.Run(function, func(t *testing.T) {
			if diff := cmp.Diff(want[function], linked[function]); diff != "" {
				t.Errorf("allowed (-) and linked (+):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(linked))); diff != "" {
		t.Errorf("functions in this table (-) and in folders (+):\n%s", diff)
	}
}

// dependencies returns the packages that each function links.
func dependencies(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-f",
		`{{if eq .Name "main"}}{{.ImportPath}}{{range .Deps}} {{.}}{{end}}{{end}}`, "./...")
	var problem strings.Builder
	list.Stderr = &problem
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, problem.String())
	}
	linked := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		if packages := strings.Fields(line); len(packages) > 0 {
			linked[path.Base(packages[0])] = packages[1:]
		}
	}
	return linked
}

func partsAmong(packages []string) []string {
	var found []string
	for part, prefixes := range parts {
		if slices.ContainsFunc(packages, func(p string) bool { return hasAnyPrefix(p, prefixes) }) {
			found = append(found, part)
		}
	}
	slices.Sort(found)
	return found
}

func hasAnyPrefix(text string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(text, prefix) })
}
