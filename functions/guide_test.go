package functions_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chatapi/pkg/api"
	"chatapi/pkg/chat"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// errorRow is a table row such as | 404 | `app_not_found`, `chat_not_found` | why |.
var errorRow = regexp.MustCompile("(?m)^\\| (?:[0-9]{3}|4xx) \\| (`[^|]+`) \\|")

// TestGuideHasEveryErrorCode holds the table of docs/api.md to the codes of the
// OpenAPI document.
func TestGuideHasEveryErrorCode(t *testing.T) {
	data, err := os.ReadFile("../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct {
			Schemas struct {
				Problem struct {
					Properties struct {
						Code struct{ Enum []string }
					}
				} `yaml:"Problem"`
			}
		}
	}
	if err := yaml.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, row := range errorRow.FindAllStringSubmatch(readGuide(t), -1) {
		for code := range strings.SplitSeq(row[1], ", ") {
			listed = append(listed, strings.Trim(code, "`"))
		}
	}
	slices.Sort(listed)
	if diff := cmp.Diff(document.Components.Schemas.Problem.Properties.Code.Enum, listed); diff != "" {
		t.Errorf("codes of docs/openapi.yaml (-) and of docs/api.md (+):\n%s", diff)
	}
}

// TestGuideHasTheLimits holds the table of docs/api.md to the constants.
func TestGuideHasTheLimits(t *testing.T) {
	guide := readGuide(t)
	for _, row := range []string{
		fmt.Sprintf("| name of an app | 1–%d characters |", chat.MaxName),
		fmt.Sprintf("| title of a chat | %d characters |", chat.MaxTitle),
		fmt.Sprintf("| sender of a message | %d characters |", chat.MaxSender),
		fmt.Sprintf("| body of a message | 1–%s bytes of UTF-8, not blank |", grouped(chat.MaxBody)),
		fmt.Sprintf("| metadata of an app, chat or message | %s bytes of keys and values together |", grouped(chat.MaxMetadata)),
		fmt.Sprintf("| query | 1–%d characters, at most %d different words and phrases |", chat.MaxQuery, chat.MaxTerms),
		fmt.Sprintf("| reader of a chat | 1–%d characters, not blank, no slash and no control characters |", chat.MaxReader),
		fmt.Sprintf("| Idempotency-Key | 1–%d visible ASCII characters; of an app at least %d |", chat.MaxKey, chat.MinAppKey),
		fmt.Sprintf("| page of a list or search | %d items, %d at most |", chat.DefaultPage, chat.MaxPage),
		fmt.Sprintf("| request | %d KiB |", api.MaxRequest>>10),
	} {
		if !strings.Contains(guide, "\n"+row+"\n") {
			t.Errorf("docs/api.md has no row %s", row)
		}
	}
}

// grouped returns a number of four to six digits with a comma before the last three.
func grouped(n int) string { return fmt.Sprintf("%d,%03d", n/1000, n%1000) }

func readGuide(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
