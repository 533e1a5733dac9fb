package functions_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chatapi/pkg/api"
	"chatapi/pkg/chat"
	"chatapi/pkg/docs"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// routes maps "POST /api/v1/apps" to the name of the function behind it.
type routes map[string]string

func TestRoutesAreTheSameEverywhere(t *testing.T) {
	documented := routesOf(api.Operations(chat.Ports{}, api.Guard{}))
	want := routesOf(slices.Concat(api.Operations(chat.Ports{}, api.Guard{}), api.OpenAPI(), docs.Operations()))
	tests := []struct {
		name   string
		want   routes
		routes func(*testing.T) routes
	}{
		{"template.yaml", want, routesOfTemplate},
		{"docs/api.md", want, routesOfGuide},
		{"docs/openapi.yaml", documented, routesOfDocument},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.routes(t)); diff != "" {
				t.Errorf("routes of the code (-) and of %s (+):\n%s", test.name, diff)
			}
		})
	}
}

func routesOf(operations []api.Operation) routes {
	found := routes{}
	for _, op := range operations {
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

func routesOfDocument(t *testing.T) routes {
	t.Helper()
	text, err := os.ReadFile("../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `yaml:"operationId"`
		} `yaml:"paths"`
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	found := routes{}
	for path, methods := range document.Paths {
		for method, operation := range methods {
			found[strings.ToUpper(method)+" "+path] = operation.OperationID
		}
	}
	return found
}

// routeRow is a table row such as | `POST /api/v1/apps` | create-app |.
var routeRow = regexp.MustCompile("(?m)^\\|\\s*`([A-Z]+ /[^`]*)`\\s*\\|\\s*`?([a-z-]+)`?\\s*\\|")

func routesOfGuide(t *testing.T) routes {
	t.Helper()
	found := routes{}
	for _, row := range routeRow.FindAllStringSubmatch(readGuide(t), -1) {
		found[row[1]] = row[2]
	}
	return found
}
