// Package api is the HTTP API: one Operation per route, over the ports of
// package chat. It knows no engine, so a Lambda function that serves one
// operation links only what that operation uses, and the local server serves
// all of them on one mux.
//
// Where to look: an operation is in the file named after its resource
// (apps.go, chats.go, messages.go, readers.go, search.go, health.go);
// creates.go leads from a number to a 201, and idempotency.go from a request to
// its number; size.go ends pages before they are too large; problem.go holds the
// one table from errors to HTTP; handler.go is what every request passes through;
// openapi.go, and the files that begin with its name, build the OpenAPI document.
package api
