package function

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// LoadAWS returns the AWS configuration that Lambda's environment holds. The
// SDK's own loader links and sets up the clients of five services and looks
// through files for what, on Lambda, is always in these variables:
//
//	AWS_REGION
//	AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//	AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE>, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS
//	AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT
//	AWS_MAX_ATTEMPTS, AWS_RETRY_MODE
//
// It returns an error that names what is missing or wrong.
//
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
// https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
func LoadAWS() (aws.Config, error) {
	var e environment
	cfg := aws.Config{
		Region: e.must("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(
			e.must("AWS_ACCESS_KEY_ID"), e.must("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")),
		RetryMaxAttempts: e.attempts("AWS_MAX_ATTEMPTS"),
		RetryMode:        e.retryMode("AWS_RETRY_MODE"),
	}
	sources := endpoints{
		fips:      e.flag("AWS_USE_FIPS_ENDPOINT"),
		dualStack: e.flag("AWS_USE_DUALSTACK_ENDPOINT"),
		ignored:   e.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
	}
	cfg.ConfigSources = []any{sources}
	if url := os.Getenv("AWS_ENDPOINT_URL"); url != "" && !sources.ignored {
		cfg.BaseEndpoint = &url
	}
	if err := errors.Join(e.wrong...); err != nil {
		return aws.Config{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	return cfg, nil
}

// environment reads variables and gathers what is wrong with them.
type environment struct{ wrong []error }

func (e *environment) must(name string) string {
	value := os.Getenv(name)
	if value == "" {
		e.wrong = append(e.wrong, fmt.Errorf("the environment variable %s is not set", name))
	}
	return value
}

// attempts returns 0, which means the SDK's own number, if the variable
// is not set.
func (e *environment) attempts(name string) int {
	value := os.Getenv(name)
	if value == "" {
		return 0
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		e.wrong = append(e.wrong, fmt.Errorf("the environment variable %s must be a number from 1 on, not %q", name, value))
	}
	return n
}

func (e *environment) retryMode(name string) aws.RetryMode {
	value := os.Getenv(name)
	if value == "" {
		return ""
	}
	mode, err := aws.ParseRetryMode(value)
	if err != nil {
		e.wrong = append(e.wrong, fmt.Errorf("the environment variable %s: %w", name, err))
	}
	return mode
}

func (e *environment) flag(name string) bool {
	value := os.Getenv(name)
	if value == "" {
		return false
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		e.wrong = append(e.wrong, fmt.Errorf("the environment variable %s must be true or false, not %q", name, value))
	}
	return on
}

// endpoints is what the clients of services ask a configuration's sources for.
// Its methods are those that the SDK looks for.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
type endpoints struct{ fips, dualStack, ignored bool }

// GetServiceBaseEndpoint returns the endpoint that the environment gives a
// service, such as AWS_ENDPOINT_URL_DYNAMODB for "DynamoDB".
func (e endpoints) GetServiceBaseEndpoint(_ context.Context, service string) (string, bool, error) {
	if e.ignored {
		return "", false, nil
	}
	url := os.Getenv("AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(service, " ", "_")))
	return url, url != "", nil
}

// GetIgnoreConfiguredEndpoints reports whether endpoints in the environment do
// not count.
func (e endpoints) GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error) {
	return e.ignored, true, nil
}

// GetUseFIPSEndpoint returns whether services are called at their FIPS
// endpoints.
func (e endpoints) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	if !e.fips {
		return aws.FIPSEndpointStateUnset, false, nil
	}
	return aws.FIPSEndpointStateEnabled, true, nil
}

// GetUseDualStackEndpoint returns whether services are called at endpoints that
// have IPv6 as well.
func (e endpoints) GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error) {
	if !e.dualStack {
		return aws.DualStackEndpointStateUnset, false, nil
	}
	return aws.DualStackEndpointStateEnabled, true, nil
}
