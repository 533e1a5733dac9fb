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
	// idleConnections are kept to each engine. The SDK keeps 10 and closes
	// what more requests at a time had to open.
	idleConnections = 256
	// answerWithin is how long an engine may take to begin an answer: longer
	// than a long poll of SQS, and not for ever.
	answerWithin = 10 * time.Second
	// credentialsWithin is how long looking for credentials may take; where
	// there are none the SDK asks EC2's metadata service, which no other
	// machine has.
	credentialsWithin = 5 * time.Second
)

// loadAWS returns the configuration of the SDK's environment. It returns an
// error where that has no region or no credentials.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
func loadAWS(ctx context.Context) (aws.Config, error) {
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, idleConnections
		t.ResponseHeaderTimeout = answerWithin
	})
	// The SDK's own log only warns of what its errors tell as well.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client), config.WithLogger(logging.Nop{}))
	if err != nil {
		return aws.Config{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return aws.Config{}, errors.New("there is no AWS region: set AWS_REGION")
	}
	ctx, cancel := context.WithTimeout(ctx, credentialsWithin)
	defer cancel()
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return aws.Config{}, errors.New("there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, to any value for emulators")
	}
	return cfg, nil
}

// service is an AWS service behind the program, and the endpoint that the
// environment gives it in place of AWS's own, "" for none.
type service struct {
	name     string
	variable string
	endpoint string
}

// services returns the services with the endpoints that are in effect. A
// variable of one service goes before AWS_ENDPOINT_URL, which is for all.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
func services(cfg aws.Config) []service {
	return []service{
		{"DynamoDB", "AWS_ENDPOINT_URL_DYNAMODB", aws.ToString(dynamodb.NewFromConfig(cfg).Options().BaseEndpoint)},
		{"DynamoDB Streams", "AWS_ENDPOINT_URL_DYNAMODB_STREAMS", aws.ToString(dynamodbstreams.NewFromConfig(cfg).Options().BaseEndpoint)},
		{"SQS", "AWS_ENDPOINT_URL_SQS", aws.ToString(sqs.NewFromConfig(cfg).Options().BaseEndpoint)},
	}
}

// onAWS reports whether the service is AWS's own.
func (s service) onAWS() bool { return s.endpoint == "" || awsHost(s.endpoint) }

// mixed returns an error where some of the services are AWS's own and some are
// not: someone forgot a variable.
func mixed(all []service) error {
	own := slices.IndexFunc(all, service.onAWS)
	other := slices.IndexFunc(all, func(s service) bool { return !s.onAWS() })
	if own < 0 || other < 0 {
		return nil
	}
	return fmt.Errorf("%s is at %s but %s is AWS's own: set %s as well, or AWS_ENDPOINT_URL for all",
		all[other].name, all[other].endpoint, all[own].name, all[own].variable)
}

// awsHost reports whether a URL leads to AWS.
func awsHost(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return true // nothing that is known to be an emulator
	}
	host := strings.ToLower(u.Hostname())
	return slices.ContainsFunc([]string{".amazonaws.com", ".amazonaws.com.cn", ".on.aws", ".api.aws"}, func(suffix string) bool {
		return strings.HasSuffix(host, suffix)
	})
}
