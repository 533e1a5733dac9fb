package e2e

import "strings"

// Exception names a case that a target is known to fail through no fault of
// this project. The case still runs. Its failure is counted as excepted, and if
// everything that it names passes, the runner says that it can go.
type Exception struct {
	Target string // a script in targets, by its name
	Case   string // <part>/<case>, or <part>/<group> for every case "<group>: …"
	Reason string // the emulator's fault, in the words of docs/testing.md
}

// Exceptions returns every exception. docs/testing.md lists the same, in the
// same order.
func Exceptions() []Exception {
	const (
		links   = "Its URLs have segments before the stage that events leave out, so links lack them"
		refuses = "It refuses a path without a route with its own 403, without the template's gateway responses"
		utf8    = "It replaces bytes that are not UTF-8 with U+FFFD before the function sees them"
		slashes = "It joins double slashes before it looks for a route"
		crashes = "It responds with 502 to bytes that are not UTF-8, before the function sees them"
		routes  = "It decodes the path before it looks for a route, so an escaped slash becomes a slash"
		methods = "It does not tell a wrong method from a path without a route: both are a 404"
		oneID   = "It has one request id for all requests"
	)
	return []Exception{
		{"localstack", "routes/Location leads back", links},
		{"localstack", "pages/next leads back", links},
		{"localstack", "input/no such route", refuses},
		{"localstack", "input/wrong method", refuses},
		{"localstack", "input/dots", refuses},
		{"localstack", "input/double slash", slashes},
		{"ministack", "routes/Location leads back", links},
		{"ministack", "pages/next leads back", links},
		{"ministack", "input/no such route", refuses},
		{"ministack", "input/wrong method", refuses},
		{"ministack", "input/dots", refuses},
		{"ministack", "input/double slash", slashes},
		{"ministack", "input/not UTF-8", utf8},
		{"ministack", "apart/a token that is part of a key", routes},
		{"sam-local", "routes/X-Request-Id: every answer has its own", oneID},
		{"sam-local", "input/no such route", refuses},
		{"sam-local", "input/wrong method", refuses},
		{"sam-local", "input/dots", refuses},
		{"sam-local", "input/double slash", slashes},
		{"sam-local", "input/not UTF-8", crashes},
		{"sam-local", "apart/a token that is part of a key", routes},
		{"deployed", "input/wrong method", methods},
	}
}

// ExceptionFor returns the exception for a case of a target, and whether there
// is one.
func ExceptionFor(target, name string) (Exception, bool) {
	for _, x := range Exceptions() {
		if x.Target == target && x.covers(name) {
			return x, true
		}
	}
	return Exception{}, false
}

func (x Exception) covers(name string) bool {
	return name == x.Case || strings.HasPrefix(name, x.Case+": ")
}
