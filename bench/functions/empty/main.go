// Command empty is what the functions are measured against: the least that a
// Lambda function in Go with the SDK's DynamoDB client is, written as the
// SDK's guide does.
//
// https://docs.aws.amazon.com/sdk-for-go/v2/developer-guide/getting-started.html
package main

import (
	"context"
	"encoding/json"
	"log"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client := dynamodb.NewFromConfig(cfg)
	lambda.Start(func(context.Context, json.RawMessage) error {
		_ = client // a function would call it here
		return nil
	})
}
