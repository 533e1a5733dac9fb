//go:build e2e

package e2e_test

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/client"
	"chatapi/test/e2e"
)

// The parts of the suite, each a row of the runner's table. The one that stops
// engines comes last.

func TestRoutes(t *testing.T)  { newSuite(t, "routes").runSideBySide(t, routeCases) }
func TestInput(t *testing.T)   { newSuite(t, "input").runSideBySide(t, inputCases) }
func TestNumbers(t *testing.T) { newSuite(t, "numbers").run(t, numberCases) }
func TestStored(t *testing.T)  { newSuite(t, "stored").run(t, storedCases) }
func TestCounts(t *testing.T)  { newSuite(t, "counts").run(t, countCases) }
func TestEarly(t *testing.T)   { newSuite(t, "early").run(t, earlyCases) }
func TestAgain(t *testing.T)   { newSuite(t, "again").run(t, againCases) }
func TestApart(t *testing.T)   { newSuite(t, "apart").run(t, apartCases) }
func TestSearch(t *testing.T)  { newSuite(t, "search").runSideBySide(t, searchCases) }
func TestPages(t *testing.T)   { newSuite(t, "pages").runSideBySide(t, pageCases) }
func TestEdits(t *testing.T)   { newSuite(t, "edits").run(t, editCases) }
func TestRetries(t *testing.T) { newSuite(t, "retries").run(t, retryCases) }
func TestReaders(t *testing.T) { newSuite(t, "readers").runSideBySide(t, readerCases) }
func TestAccess(t *testing.T)  { newSuite(t, "access").run(t, accessCases) }
func TestEngines(t *testing.T) { newSuite(t, "engines").run(t, engineCases) }

// testCase is one case of a part. It returns an error and does not fail a test
// itself, so that a failure can be an exception.
type testCase struct {
	name string // "<case>", or "<group>: <case>"
	run  func(ctx context.Context) error
}

// cases prepares what the cases of a part share and returns them.
type cases func(ctx context.Context, s *suite) ([]testCase, error)

// errNotOnTarget: the target lacks what a case needs.
var errNotOnTarget = errors.New("not on this target")

const (
	clients   = 32              // side by side, where a load asks for many
	patience  = time.Minute     // until what was acknowledged is stored or found
	caseLimit = 6 * time.Minute // for one case
)

// suite is one part's run against one target.
type suite struct {
	part, target string
	base         string // URL, without a slash at its end
	scale        float64
	stop, start  string // commands for engines, "" where the target has none
	api          *client.Client
	admin        *client.Client // sends the admin key, if the target has one
	adminKey     string
}

func newSuite(t *testing.T, part string) *suite {
	t.Helper()
	base := strings.TrimRight(os.Getenv("CHATAPI_E2E_URL"), "/")
	if base == "" {
		t.Fatal("CHATAPI_E2E_URL is not set; make e2e runs the suite on every target")
	}
	scale, err := strconv.ParseFloat(cmp.Or(os.Getenv("CHATAPI_E2E_SCALE"), "1"), 64)
	if err != nil || scale <= 0 {
		t.Fatalf("CHATAPI_E2E_SCALE must be a number above 0, not %q", os.Getenv("CHATAPI_E2E_SCALE"))
	}
	s := &suite{
		part: part, target: os.Getenv("CHATAPI_E2E_TARGET"), base: base, scale: scale,
		stop: os.Getenv("CHATAPI_E2E_STOP"), start: os.Getenv("CHATAPI_E2E_START"),
		api: client.New(base), adminKey: os.Getenv("CHATAPI_E2E_ADMIN_KEY"),
	}
	s.admin = s.api.WithCredential(s.adminKey)
	return s
}

// run runs the cases of a part one after the other.
func (s *suite) run(t *testing.T, prepare cases) { s.runAll(t, prepare, func(*testing.T) {}) }

// runSideBySide runs the cases of a part that has many small ones.
func (s *suite) runSideBySide(t *testing.T, prepare cases) {
	s.runAll(t, prepare, (*testing.T).Parallel)
}

func (s *suite) runAll(t *testing.T, prepare cases, begin func(*testing.T)) {
	t.Helper()
	all, err := prepare(t.Context(), s)
	if err != nil {
		t.Fatalf("prepare: %v", err)
	}
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			begin(t)
			ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
			defer cancel()
			s.judge(t, c.name, c.run(ctx))
		})
	}
}

// judge fails the test for an error that is no exception. The attributes reach
// the runner through go test -json.
func (s *suite) judge(t *testing.T, name string, err error) {
	t.Helper()
	exception, known := e2e.ExceptionFor(s.target, s.part+"/"+name)
	switch {
	case err == nil:
	case errors.Is(err, errNotOnTarget):
		t.Attr("absent", "true")
	case known:
		t.Attr("excepted", exception.Case)
		t.Log(err)
	default:
		t.Error(err)
	}
}

// size returns the size of a load, at this run's scale.
func (s *suite) size(n int) int { return max(1, int(float64(n)*s.scale)) }
