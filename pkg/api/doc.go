// Package api is the HTTP API: one Operation per route, over the ports of
// package chat. It knows no engine, so a Lambda function that serves one
// operation links only what that operation uses, and the local server serves
// all of them on one mux.
//
// Where to look: an operation stands in the file named by its resource
// (apps.go, chats.go, messages.go, readers.go, search.go, health.go);
// creates.go is the way from a number to a 201, and idempotency.go the one from
// a request to its number; problem.go holds the one table from errors to HTTP;
// handler.go is what every request goes through; openapi.go, and the files that
// begin with its name, make the OpenAPI document of the operations.
package api
