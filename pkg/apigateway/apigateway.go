// Package apigateway serves an http.Handler as a Lambda function behind an
// API Gateway REST API.
package apigateway

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"
)

// Start serves the handler until Lambda ends the process.
func Start(handler http.Handler) { lambda.Start(Proxy(handler)) }

// Proxy returns a Lambda handler for the events of a REST API.
//
// The handler sees the path below the stage or a custom domain's mapping, and
// that part in X-Forwarded-Prefix, so that its links lead back to it. It sees
// API Gateway's request id as X-Request-Id if the client sent none, so
// that the client and the logs of both have the same id.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html
func Proxy(
	handler http.Handler,
) func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	adapter := httpadapter.New(handler)
	return func(ctx context.Context, event events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		headers := headersOf(event)
		prefix, path := splitPath(event)
		headers.Del("X-Forwarded-Prefix") // a client cannot set it
		if prefix != "" {
			headers.Set("X-Forwarded-Prefix", prefix)
		}
		if headers.Get("X-Request-Id") == "" && event.RequestContext.RequestID != "" {
			headers.Set("X-Request-Id", event.RequestContext.RequestID)
		}
		event.Path, event.MultiValueHeaders = escapePath(path), headers
		return adapter.ProxyWithContext(ctx, event)
	}
}

func headersOf(event events.APIGatewayProxyRequest) http.Header {
	headers := http.Header{}
	for name, values := range event.MultiValueHeaders {
		headers[http.CanonicalHeaderKey(name)] = values
	}
	if event.MultiValueHeaders == nil {
		for name, value := range event.Headers {
			headers.Set(name, value)
		}
	}
	return headers
}

// splitPath splits the path that the client asked for into the path of the
// resource, which has as many segments as the resource in the template, and
// what comes before it.
func splitPath(event events.APIGatewayProxyRequest) (prefix, path string) {
	full := event.RequestContext.Path
	if full == "" || full == event.Resource { // sam local gives the resource's path in its place
		full = event.Path
	}
	rest := strings.TrimRight(full, "/")
	for range strings.Count(event.Resource, "/") {
		rest = rest[:max(strings.LastIndexByte(rest, '/'), 0)]
	}
	return rest, full[len(rest):]
}

// escapePath escapes a path that came unescaped, as emulators pass it on: the
// adapter parses it as part of a URL, where # and ? would end it and control
// characters are refused.
func escapePath(path string) string {
	_, err := url.PathUnescape(path)
	if err == nil && !strings.ContainsFunc(path, neverInPath) {
		return path
	}
	return (&url.URL{Path: path}).EscapedPath()
}

// neverInPath reports whether a character is in no path of a URL as it is
// (RFC 3986, section 3.3), so that a path with it has been unescaped.
func neverInPath(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' || r == '?' }
