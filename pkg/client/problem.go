package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Error returns the status, the code if there is one, and what is wrong.
func (p *Problem) Error() string {
	if p.Code == "" {
		return fmt.Sprintf("status %d: %s", p.Status, p.Detail)
	}
	return fmt.Sprintf("status %d (%s): %s", p.Status, p.Code, p.Detail)
}

// HasCode reports whether an error is a *Problem with this code.
func HasCode(err error, code ProblemCode) bool {
	var p *Problem
	return errors.As(err, &p) && p.Code == code
}

// problemOf returns the problem of an answer that is no success. What did not
// come from the API, but from a proxy before it, has no code.
func problemOf(a Answer) *Problem {
	var p Problem
	if err := json.Unmarshal(a.Text, &p); err != nil || p.Code == "" {
		const limit = 300 // bytes
		p = Problem{Title: http.StatusText(a.Status), Detail: string(a.Text[:min(len(a.Text), limit)])}
	}
	p.Status = int64(a.Status)
	return &p
}
