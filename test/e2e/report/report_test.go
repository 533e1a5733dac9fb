package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// what go test -json prints, shortened
const (
	passed = `{"Time":"2026-01-01T00:00:00Z","Action":"run","Test":"TestRoutes"}
{"Time":"2026-01-01T00:00:00Z","Action":"run","Test":"TestRoutes/get-app"}
{"Time":"2026-01-01T00:00:01Z","Action":"pass","Test":"TestRoutes/get-app","Elapsed":0.1}
{"Time":"2026-01-01T00:00:01.5Z","Action":"pass","Test":"TestRoutes","Elapsed":0.1}
{"Action":"run","Test":"TestEngines/sqs:_recovers"}
{"Action":"attr","Test":"TestEngines/sqs:_recovers","Key":"absent","Value":"true"}
{"Action":"pass","Test":"TestEngines/sqs:_recovers"}
{"Action":"pass","Test":"TestEngines"}
{"Action":"pass","Elapsed":12.4}
`
	failing = `{"Action":"run","Test":"TestRoutes/get-app"}
{"Action":"output","Test":"TestRoutes/get-app","Output":"=== RUN   TestRoutes/get-app\n"}
{"Action":"output","Test":"TestRoutes/get-app","Output":"    suite_test.go:1: status 500\n"}
{"Action":"output","Test":"TestRoutes/get-app","Output":"--- FAIL: TestRoutes/get-app\n"}
{"Action":"fail","Test":"TestRoutes/get-app"}
{"Action":"fail","Test":"TestRoutes"}
{"Action":"output","Test":"TestEngines","Output":"    suite_test.go:2: prepare: no answer\n"}
{"Action":"fail","Test":"TestEngines"}
{"Action":"fail","Elapsed":3}
`
	cutOff = `{"Action":"run","Test":"TestRoutes/get-app"}
{"Action":"pass","Test":"TestRoutes/get-app"}
{"Action":"run","Test":"TestRoutes/get-chat"}
`
	excepted = `{"Action":"run","Test":"TestInput/wrong_method:_apps"}
{"Action":"attr","Test":"TestInput/wrong_method:_apps","Key":"excepted","Value":"input/wrong method"}
{"Action":"pass","Test":"TestInput/wrong_method:_apps"}
{"Action":"pass","Test":"TestInput"}
{"Action":"pass","Elapsed":1}
`
)

func TestTable(t *testing.T) {
	const legend = "passed/failed/excepted; – where a target cannot run any case of a part\n"
	for _, tt := range []struct {
		name, json, status, said string
		failed                   bool
		want                     string
	}{
		{"passed", passed, "0", "", false, `
part      x
routes    1/0/0
engines   –
all       1/0/0
seconds   12

` + legend + "x: not on this target: 1 × engines\n"},
		{"failed", failing, "1", "", true, `
part      x
routes    0/1/0
engines   0/1/0
all       0/2/0
seconds   3

` + legend + `x: FAILED: routes/get-app: suite_test.go:1: status 500
x: FAILED: engines/preparation: suite_test.go:2: prepare: no answer
`},
		{"cut off", cutOff, "0", "", true, `
part      x
routes    1/0/0
all       1/0/0
seconds   0

` + legend + "x: FAILED: routes: get-chat did not end\n"},
		{"a status that no case explains", passed, "3", "one\ntwo\n", true, `
part      x
routes    1/0/0
engines   –
all       1/0/0
seconds   12

` + legend + "x: FAILED: exit status 3 after 2 parts: one\n    two\nx: not on this target: 1 × engines\n"},
		{"nothing at all", "", "0", "", true, `
part      x
all       –
seconds   0

` + legend + "x: FAILED: exit status 0 after 0 parts:\n"},
		{"not run", "", "69", "some words\nnot run: Docker is missing\n", false, `
part      x
all       not run
seconds   not run

` + legend + "x: not run: Docker is missing\n"},
		{"excepted", excepted, "0", "", false, `
part      x
input     0/0/1
all       0/0/1
seconds   1

` + legend + "x: excepted: 1 × input/wrong method:\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			for ending, text := range map[string]string{".json": tt.json, ".status": tt.status, ".err": tt.said} {
				if err := os.WriteFile(filepath.Join(folder, "x"+ending), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var out strings.Builder
			failed, err := run([]string{"table", folder, "x"}, nil, &out)
			if err != nil {
				t.Fatal(err)
			}
			if failed != tt.failed {
				t.Errorf("failed is %t", failed)
			}
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), withoutTrailingSpaces(out.String())); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
		})
	}
}

func withoutTrailingSpaces(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func TestFollow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.json")
	var out strings.Builder
	if _, err := run([]string{"follow", file}, strings.NewReader("deploying\n"+passed), &out); err != nil {
		t.Fatal(err)
	}
	want := "deploying\n  routes     1 passed, 1.5 s\n  engines    0 passed, 1 not on this target, 0.0 s\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("deploying\n"+passed, string(kept)); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}
