//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"chatapi/pkg/api"
	"chatapi/pkg/apigateway"
	"chatapi/pkg/awsbackend"
	"chatapi/pkg/chat"
	"chatapi/pkg/function"
	"chatapi/test/faults/lambda"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	// functionTimeout is that of the functions in template.yaml.
	functionTimeout = 10 * time.Second
	// idleConnection is how long an engine keeps a connection open that is not
	// used: less than many a function is frozen for.
	idleConnection = 300 * time.Millisecond
)

// functionMain is one function, wired as in functions/: it serves the operation
// with its name.
func functionMain(_ context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: faults function NAME")
	}
	status := function.Start(args[0], func(_ context.Context, cfg aws.Config, log *slog.Logger) error {
		names, err := awsbackend.ConfigFromEnv()
		if err != nil {
			return err
		}
		ports, err := awsbackend.New(cfg, names)
		if err != nil {
			return err
		}
		operations := api.Operations(ports, api.Guard{Open: true})
		i := slices.IndexFunc(operations, func(op api.Operation) bool { return op.Name == args[0] })
		if i < 0 {
			return fmt.Errorf("there is no operation %q", args[0])
		}
		apigateway.Start(api.New(log, operations[i]))
		return nil
	})
	return fmt.Errorf("the function ended with status %d", status)
}

// platform is the functions of a row, and their API.
type platform struct {
	*lambda.Platform
	server *http.Server
	addr   string
}

// startFunctions serves every operation as a function of its own, on engines
// that close connections which are not used.
func startFunctions(dir string) (*platform, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	environment := os.Environ()
	for _, v := range engineVariables {
		address, err := closingProxy(os.Getenv(v.from))
		if err != nil {
			return nil, err
		}
		environment = append(environment, v.to+"="+address)
	}
	log, err := os.OpenFile(filepath.Join(dir, "functions.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	var functions []lambda.Function
	for _, op := range api.Operations(chat.Ports{}, api.Guard{}) {
		functions = append(functions, lambda.Function{Name: op.Name, Method: op.Method, Resource: op.Path})
	}
	p := &platform{Platform: lambda.New(functions, functionTimeout, func(name, runtimeAPI string) *exec.Cmd {
		command := exec.Command(self, "function", name)
		command.Env = append(slices.Clone(environment), "AWS_LAMBDA_RUNTIME_API="+runtimeAPI, "AWS_LAMBDA_FUNCTION_NAME="+name)
		command.Stderr = log
		command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		return command
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.addr, p.server = listener.Addr().String(), &http.Server{Handler: p.Platform, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(listener) }()
	return p, nil
}

// closingProxy serves an engine on another address and closes connections that
// are not used.
func closingProxy(endpoint string) (string, error) {
	return proxy(endpoint, http.DefaultTransport, idleConnection)
}

func (p *platform) close() {
	_ = p.server.Close()
	p.Close()
}

// faults says what the functions met.
func (p *platform) faults() []string {
	n := p.Counts()
	return []string{
		fmt.Sprintf("%d functions started", n.Starts), fmt.Sprintf("%d thawed", n.Thaws),
		fmt.Sprintf("%d responses above 6 MB", n.TooLong), fmt.Sprintf("%d invocations above their timeout", n.TooLate),
	}
}
