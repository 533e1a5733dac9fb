package api

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
)

// ErrWrongHost is returned for a request that addresses the server by a name
// that it does not have.
var ErrWrongHost = errors.New("the Host header does not name this server")

// CheckHost lets only requests through that address the server by one of some
// names, in lower case and without a port. Others get 421 (RFC 9110, section
// 15.5.20). Without it a page of another site, whose name resolves to this
// machine, could use a server that needs no credential.
func CheckHost(names []string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(names, hostOf(r)) {
			write(w, problemOf(ErrWrongHost))
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// hostOf returns the host that a request addresses, in lower case and without a
// port and brackets.
func hostOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = strings.Trim(r.Host, "[]")
	}
	return strings.ToLower(host)
}
