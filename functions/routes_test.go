package functions_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"chatapi/pkg/api"

	"github.com/google/go-cmp/cmp"
)

// routes maps "POST /api/v1/apps" to the name of the function behind it.
type routes map[string]string

func TestRoutesAreTheSameEverywhere(t *testing.T) {
	want := routesOfCode()
	tests := []struct {
		name   string
		routes func(*testing.T) routes
	}{
		{"template.yaml", routesOfTemplate},
		{"README.md", routesOfReadme},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(want, test.routes(t)); diff != "" {
				t.Errorf("routes of the code (-) and of %s (+):\n%s", test.name, diff)
			}
		})
	}
}

func routesOfCode() routes {
	found := routes{}
	for _, op := range api.Operations(api.Ports{}) {
		found[op.Method+" "+op.Path] = op.Name
	}
	return found
}

func routesOfTemplate(t *testing.T) routes {
	t.Helper()
	found := routes{}
	for _, f := range readTemplate(t).functions(t) {
		for _, event := range f.Events {
			if event.Type == "Api" {
				found[strings.ToUpper(event.Properties.Method)+" "+event.Properties.Path] = f.name()
			}
		}
	}
	return found
}

// readmeRow is a table row such as | `POST /api/v1/apps` | create-app |.
var readmeRow = regexp.MustCompile("(?m)^\\|\\s*`([A-Z]+ /[^`]*)`\\s*\\|\\s*`?([a-z-]+)`?\\s*\\|")

func routesOfReadme(t *testing.T) routes {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := routes{}
	for _, row := range readmeRow.FindAllStringSubmatch(string(readme), -1) {
		found[row[1]] = row[2]
	}
	return found
}
