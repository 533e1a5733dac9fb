// Package client is a typed client of the HTTP API.
//
//	c := client.New("http://127.0.0.1:8000")
//	app, err := c.CreateApp(ctx, client.CreateAppRequest{Name: "My app"})
//
// It has a method for each operation, which takes the parameters of the path,
// then the body, then the rest of the parameters, which may be left out and
// whose zero values are not sent. An answer that is no success is an error that wraps a *Problem:
//
//	if client.HasCode(err, client.ProblemCodeNotStoredYet) { … }
//
// client.gen.go is generated from docs/openapi.yaml by "make openapi".
package client
