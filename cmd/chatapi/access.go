package main

import (
	"net"
	"slices"
	"strings"

	"chatapi/internal/cli"
	"chatapi/pkg/api"
	"chatapi/pkg/auth"
	"chatapi/pkg/local"
)

// accessFlags configure who may use a server.
type accessFlags struct {
	admin auth.Admin
	open  bool     // anyone may create and list apps
	hosts []string // names of the server besides localhost
}

// options returns the options of a server that listens on an address. It returns an
// error if other machines can reach the server and nothing protects the list of
// apps, which contains their tokens.
func (a accessFlags) options(addr string) (local.Options, error) {
	guard := api.Guard{Admin: a.admin, Open: !a.admin.Configured()}
	switch {
	case a.admin.Configured() && a.open:
		return local.Options{}, cli.Usagef("invalid --open with an admin key: want only one of them")
	case a.admin.Configured() || a.open:
		return local.Options{Guard: guard, Hosts: a.hosts}, nil
	case isExposed(addr):
		return local.Options{}, cli.Usagef("invalid --addr %q without an admin key: "+
			"anyone could list the tokens of all apps; "+
			"want CHATAPI_ADMIN_KEY_SHA256 (see chatapi keys admin), or --open", addr)
	default:
		return local.Options{Guard: guard, Hosts: slices.Concat(loopbackHosts, a.hosts)}, nil
	}
}

// loopbackHosts are the names that programs on the same machine use for a server.
var loopbackHosts = []string{"localhost", "127.0.0.1", "::1"}

// isExposed reports whether other machines may reach an address. It returns false
// for an invalid address, on which the server fails to listen.
func isExposed(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && !strings.EqualFold(host, "localhost") && !net.ParseIP(host).IsLoopback()
}

// describe returns the line printed at the start about who may create and list apps.
func (a accessFlags) describe(addr string) string {
	switch {
	case a.admin.Configured():
		return "apps are created and listed with the admin key"
	case !isExposed(addr):
		return "apps are created and listed without a key, because only this machine reaches the server"
	default:
		return "ANYONE who reaches the server can create apps and list their tokens (--open)"
	}
}
