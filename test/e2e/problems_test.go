//go:build e2e

package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
)

// problem is the error answer that a request must get (RFC 9457).
type problem struct {
	status int
	code   string
	field  string // that has a row in errors, "" for any or none
}

var (
	notStoredYet = problem{status: http.StatusNotFound, code: "not_stored_yet"}
	keyInUse     = problem{status: http.StatusConflict, code: "idempotency_key_in_use"}
	keyReused    = problem{status: http.StatusUnprocessableEntity, code: "idempotency_key_reused"}
)

// check returns every way in which an answer is another one.
func (p problem) check(a answer) error {
	if a.Status != p.status || a.text("code") != p.code {
		return fmt.Errorf("status %d, want %d %s: %.400s", a.Status, p.status, p.code, a.Text)
	}
	var wrong []error
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if status, _ := a.fields["status"].(float64); int(status) != p.status {
		bad("the body's status is %v", a.fields["status"])
	}
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		bad("Content-Type %q", got)
	}
	if a.Header.Get("X-Request-Id") == "" {
		bad("no X-Request-Id")
	}
	for _, name := range []string{"type", "title", "detail"} {
		if a.text(name) == "" {
			bad("no %s", name)
		}
	}
	if a.text("message") != a.text("detail") {
		bad("message %q differs from detail", a.text("message"))
	}
	if p.status == http.StatusMethodNotAllowed && a.Header.Get("Allow") == "" {
		bad("no Allow")
	}
	if wait := a.Header.Get("Retry-After"); wait == "" && (p.status == http.StatusServiceUnavailable || p == notStoredYet || p == keyInUse) {
		bad("no Retry-After")
	}
	if p.field != "" && !namesField(a, p.field) {
		bad("no row for field %q", p.field)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %.400s", errors.Join(wrong...), a.Text)
	}
	return nil
}

func namesField(a answer, field string) bool {
	rows, _ := a.fields["errors"].([]any)
	for _, row := range rows {
		if f, _ := row.(map[string]any); f["field"] == field && f["message"] != "" {
			return true
		}
	}
	return false
}
