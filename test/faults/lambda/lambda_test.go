//go:build linux

package lambda_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatapi/test/faults/lambda"

	"github.com/aws/aws-lambda-go/events"
	awslambda "github.com/aws/aws-lambda-go/lambda"
)

// functionVariable names the function that this program is to be instead of
// the tests.
const functionVariable = "CHATAPI_TEST_FUNCTION"

func TestMain(m *testing.M) {
	handlers := map[string]func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error){
		"echo": func(_ context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
			return events.APIGatewayProxyResponse{StatusCode: http.StatusCreated, Headers: map[string]string{"X-Method": e.HTTPMethod}, Body: e.Path + " " + e.Body}, nil
		},
		"long": func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
			return events.APIGatewayProxyResponse{StatusCode: http.StatusOK, Body: strings.Repeat("x", 6<<20)}, nil
		},
		"slow": func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
			time.Sleep(time.Minute)
			return events.APIGatewayProxyResponse{StatusCode: http.StatusOK}, nil
		},
	}
	if handler := handlers[os.Getenv(functionVariable)]; handler != nil {
		awslambda.Start(handler)
	}
	os.Exit(m.Run())
}

func TestPlatform(t *testing.T) {
	platform := lambda.New([]lambda.Function{
		{Name: "echo", Method: "POST", Resource: "/echo/{name}"},
		{Name: "long", Method: "GET", Resource: "/long"},
		{Name: "slow", Method: "GET", Resource: "/slow"},
	}, 3*time.Second, func(name, runtimeAPI string) *exec.Cmd {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), functionVariable+"="+name, "AWS_LAMBDA_RUNTIME_API="+runtimeAPI)
		command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		return command
	})
	defer platform.Close()
	server := httptest.NewServer(platform)
	defer server.Close()
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"a request", "POST", "/echo/a%20b", "one", http.StatusCreated, "/echo/a%20b one"},
		{"a response above Lambda's limit", "GET", "/long", "", http.StatusBadGateway, `{"message":"Internal server error"}`},
		{"an invocation above its timeout", "GET", "/slow", "", http.StatusBadGateway, `{"message":"Internal server error"}`},
		{"no route", "GET", "/other", "", http.StatusNotFound, "404 page not found\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), tt.method, server.URL+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != tt.status || string(text) != tt.want {
				t.Errorf("status %d %.100q, %v; want %d %q", response.StatusCode, text, err, tt.status, tt.want)
			}
		})
	}
	for range 100 { // a process is frozen moments after its response
		response, err := http.Post(server.URL+"/echo/a", "text/plain", strings.NewReader("again"))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusCreated {
			t.Fatalf("status %d", response.StatusCode)
		}
		if platform.Counts().Thaws > 0 {
			break
		}
	}
	if n := platform.Counts(); n.Thaws == 0 || n.TooLong != 1 || n.TooLate != 1 {
		t.Errorf("counts %+v", n)
	}
}
