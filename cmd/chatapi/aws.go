package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/logging"
)

const (
	// maxIdleConnections is how many connections to each engine are kept open.
	// The SDK's default is 10, which concurrent requests would close and reopen.
	maxIdleConnections = 256
	// responseTimeout limits the time until an engine begins its response. It is
	// longer than a long poll of SQS.
	responseTimeout = 10 * time.Second
	// credentialsTimeout limits the search for credentials. If there are none,
	// the SDK asks EC2's metadata service, which other machines do not have.
	credentialsTimeout = 5 * time.Second
)

// loadAWS returns the SDK's configuration from the environment. It returns an error
// if there is no region or there are no credentials.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
func loadAWS(ctx context.Context) (aws.Config, error) {
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, maxIdleConnections
		t.ResponseHeaderTimeout = responseTimeout
	})
	// The SDK's warnings repeat what its errors say.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client), config.WithLogger(logging.Nop{}))
	if err != nil {
		return aws.Config{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return aws.Config{}, errors.New("missing AWS region: want AWS_REGION")
	}
	ctx, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return aws.Config{}, errors.New("missing AWS credentials: " +
			"want AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, with any values for emulators")
	}
	return cfg, nil
}

// service is an AWS service that the program uses.
type service struct {
	name     string
	variable string // environment variable of the service's endpoint
	endpoint string // "" for AWS's own
}

// services returns the services with their effective endpoints. The variable of a
// service takes precedence over AWS_ENDPOINT_URL, which is for all services.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
func services(cfg aws.Config) []service {
	tables := dynamodb.NewFromConfig(cfg).Options().BaseEndpoint
	streams := dynamodbstreams.NewFromConfig(cfg).Options().BaseEndpoint
	queues := sqs.NewFromConfig(cfg).Options().BaseEndpoint
	return []service{
		{"DynamoDB", "AWS_ENDPOINT_URL_DYNAMODB", aws.ToString(tables)},
		{"DynamoDB Streams", "AWS_ENDPOINT_URL_DYNAMODB_STREAMS", aws.ToString(streams)},
		{"SQS", "AWS_ENDPOINT_URL_SQS", aws.ToString(queues)},
	}
}

// onAWS reports whether the endpoint of the service is on AWS.
func (s service) onAWS() bool { return s.endpoint == "" || isAWS(s.endpoint) }

// checkEndpoints returns an error if some services are on AWS and others are not,
// which happens when a variable was forgotten.
func checkEndpoints(all []service) error {
	own := slices.IndexFunc(all, service.onAWS)
	other := slices.IndexFunc(all, func(s service) bool { return !s.onAWS() })
	if own < 0 || other < 0 {
		return nil
	}
	return fmt.Errorf("invalid endpoints: %s is at %s, but %s is on AWS; want %s too, or AWS_ENDPOINT_URL for all",
		all[other].name, all[other].endpoint, all[own].name, all[own].variable)
}

// isAWS reports whether the host of a URL is on AWS. It returns true for an invalid
// URL, so that nothing is created there.
func isAWS(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return true
	}
	host := strings.ToLower(u.Hostname())
	domains := []string{".amazonaws.com", ".amazonaws.com.cn", ".on.aws", ".api.aws"}
	return slices.ContainsFunc(domains, func(domain string) bool { return strings.HasSuffix(host, domain) })
}
