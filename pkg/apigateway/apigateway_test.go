package apigateway_test

import (
	"fmt"
	"net/http"
	"testing"

	"chatapi/pkg/apigateway"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
)

func TestProxy(t *testing.T) {
	const resource = "/api/v1/apps/{app_token}"
	for _, tt := range []struct {
		name  string
		event events.APIGatewayProxyRequest
		want  string // path, prefix and request id that the handler saw
	}{
		{
			"a stage",
			events.APIGatewayProxyRequest{Resource: resource, Path: "/api/v1/apps/x",
				RequestContext: events.APIGatewayProxyRequestContext{Path: "/prod/api/v1/apps/x", RequestID: "id-1"}},
			"/api/v1/apps/x /prod id-1",
		},
		{
			"a custom domain with a mapping",
			events.APIGatewayProxyRequest{Resource: resource, Path: "/chat/api/v1/apps/x",
				RequestContext: events.APIGatewayProxyRequestContext{Path: "/chat/api/v1/apps/x", RequestID: "id-1"}},
			"/api/v1/apps/x /chat id-1",
		},
		{
			"no context",
			events.APIGatewayProxyRequest{Resource: resource, Path: "/api/v1/apps/x"},
			"/api/v1/apps/x  ",
		},
		{
			"a trailing slash stays",
			events.APIGatewayProxyRequest{Resource: "/api/v1/apps", Path: "/api/v1/apps/",
				RequestContext: events.APIGatewayProxyRequestContext{Path: "/prod/api/v1/apps/"}},
			"/api/v1/apps/ /prod ",
		},
		{
			"the client's request id, not its prefix",
			events.APIGatewayProxyRequest{Resource: "/health", Path: "/health",
				Headers:        map[string]string{"x-request-id": "mine", "x-forwarded-prefix": "/evil"},
				RequestContext: events.APIGatewayProxyRequestContext{Path: "/prod/health", RequestID: "id-1"}},
			"/health /prod mine",
		},
		{
			"sam local",
			events.APIGatewayProxyRequest{Resource: resource, Path: "/api/v1/apps/x",
				RequestContext: events.APIGatewayProxyRequestContext{Path: resource, RequestID: "id-1"}},
			"/api/v1/apps/x  id-1",
		},
		{
			"an escaped path",
			events.APIGatewayProxyRequest{Resource: resource, Path: "/api/v1/apps/x%231"},
			"/api/v1/apps/x#1  ",
		},
		{
			"a path that an emulator unescaped",
			events.APIGatewayProxyRequest{Resource: resource, Path: "/api/v1/apps/x#1?y z%"},
			"/api/v1/apps/x#1?y z%  ",
		},
		{
			"a control character that an emulator unescaped",
			events.APIGatewayProxyRequest{Resource: resource, Path: "/api/v1/apps/a\nb\x7f"},
			"/api/v1/apps/a\nb\x7f  ",
		},
		{
			"letters and a percent sign that an emulator unescaped",
			events.APIGatewayProxyRequest{Resource: resource, Path: "/api/v1/apps/Zoë%41"},
			"/api/v1/apps/Zoë%41  ",
		},
		{
			"headers with several values",
			events.APIGatewayProxyRequest{Resource: "/health", Path: "/health",
				MultiValueHeaders: map[string][]string{"x-request-id": {"mine"}}},
			"/health  mine",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.event.HTTPMethod = http.MethodGet
			proxy := apigateway.Proxy(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintf(w, "%s %s %s", r.URL.Path, r.Header.Get("X-Forwarded-Prefix"), r.Header.Get("X-Request-Id"))
			}))
			got, err := proxy(t.Context(), tt.event)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.Body); diff != "" {
				t.Error(diff)
			}
		})
	}
}
