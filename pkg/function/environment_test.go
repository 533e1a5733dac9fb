package function_test

import (
	"context"
	"strings"
	"testing"

	"chatapi/pkg/function"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
)

// setLambda sets what Lambda sets for every function.
func setLambda(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_REGION":            "eu-north-1",
		"AWS_ACCESS_KEY_ID":     "key",
		"AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_SESSION_TOKEN":     "session",
	} {
		t.Setenv(name, value)
	}
}

// settings are what clients make of a configuration.
type settings struct {
	Region      string
	Credentials aws.Credentials
	Attempts    int
	RetryMode   aws.RetryMode
	DynamoDB    string
	SQS         string
	FIPS        aws.FIPSEndpointState
	DualStack   aws.DualStackEndpointState
}

func settingsOf(t *testing.T, cfg aws.Config) settings {
	t.Helper()
	credentials, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rows, queue := dynamodb.NewFromConfig(cfg).Options(), sqs.NewFromConfig(cfg).Options()
	return settings{
		Region: rows.Region,
		Credentials: aws.Credentials{
			AccessKeyID: credentials.AccessKeyID, SecretAccessKey: credentials.SecretAccessKey, SessionToken: credentials.SessionToken,
		},
		Attempts:  rows.Retryer.MaxAttempts(),
		RetryMode: rows.RetryMode,
		DynamoDB:  aws.ToString(rows.BaseEndpoint),
		SQS:       aws.ToString(queue.BaseEndpoint),
		FIPS:      rows.EndpointOptions.UseFIPSEndpoint,
		DualStack: rows.EndpointOptions.UseDualStackEndpoint,
	}
}

// TestLoadAWSAgreesWithTheSDK holds that clients get from LoadAWS what they
// get from the SDK's own loader.
func TestLoadAWSAgreesWithTheSDK(t *testing.T) {
	for _, tt := range []struct {
		name      string
		variables map[string]string
	}{
		{"as Lambda sets it", nil},
		{"one endpoint for all", map[string]string{"AWS_ENDPOINT_URL": "http://all"}},
		{"an endpoint of one service", map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": "http://rows"}},
		{"both", map[string]string{"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_SQS": "http://queue"}},
		{"endpoints are ignored", map[string]string{
			"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_SQS": "http://queue", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
		}},
		{"FIPS", map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}},
		{"dual stack", map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}},
		{"one attempt", map[string]string{"AWS_MAX_ATTEMPTS": "1"}},
		{"adaptive retries", map[string]string{"AWS_RETRY_MODE": "adaptive"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			setLambda(t)
			for name, value := range tt.variables {
				t.Setenv(name, value)
			}
			got, err := function.LoadAWS()
			if err != nil {
				t.Fatal(err)
			}
			want, err := config.LoadDefaultConfig(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(settingsOf(t, want), settingsOf(t, got)); diff != "" {
				t.Errorf("the SDK's (-) and ours (+):\n%s", diff)
			}
		})
	}
}

func TestLoadAWSNamesWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name, variable, value string
	}{
		{"no region", "AWS_REGION", ""},
		{"no key", "AWS_ACCESS_KEY_ID", ""},
		{"no secret", "AWS_SECRET_ACCESS_KEY", ""},
		{"no attempt", "AWS_MAX_ATTEMPTS", "0"},
		{"unknown retry mode", "AWS_RETRY_MODE", "often"},
		{"no flag", "AWS_USE_FIPS_ENDPOINT", "perhaps"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			setLambda(t)
			t.Setenv(tt.variable, tt.value)
			if _, err := function.LoadAWS(); err == nil || !strings.Contains(err.Error(), tt.variable) {
				t.Errorf("error %v, want one that names %s", err, tt.variable)
			}
		})
	}
}
