package redrive

import (
	"encoding/json"
	"errors"
	"fmt"

	"chatapi/pkg/chat"
	"chatapi/pkg/eventsource"

	"github.com/aws/aws-lambda-go/events"
)

// letter is what the dead letter of a change is about: one message, or a batch
// of the stream.
type letter struct {
	message   chat.Message
	batch     batch
	condition string // why Lambda gave up on the batch
}

type batch struct {
	chat.StreamBatch
	LastArrival string
	Size        int
}

// format is every form that the body of a dead letter has. The indexer on AWS
// sends the record of the stream; the indexer on one machine sends the change;
// Lambda sends the record of an invocation, which names a batch.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
type format struct {
	events.DynamoDBEventRecord
	chat.Change
	Context struct {
		Condition string `json:"condition"`
	} `json:"requestContext"`
	Batch struct {
		Shard       string `json:"shardId"`
		First       string `json:"startSequenceNumber"`
		Last        string `json:"endSequenceNumber"`
		LastArrival string `json:"approximateArrivalOfLastRecord"`
		Size        int    `json:"batchSize"`
		Stream      string `json:"streamArn"`
	} `json:"DDBStreamBatchInfo"`
}

// decode reads the body of a dead letter. One that was cut to the size that SQS
// accepts cannot be read.
func decode(body string) (letter, error) {
	var f format
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		return letter{}, fmt.Errorf("not a change: %w", err)
	}
	if b := f.Batch; b.Size > 0 {
		place := chat.StreamBatch{Stream: b.Stream, Shard: b.Shard, First: b.First, Last: b.Last}
		return letter{batch: batch{place, b.LastArrival, b.Size}, condition: f.Context.Condition}, nil
	}
	if f.Change.Old != nil || f.Change.New != nil {
		m, err := f.Change.Message()
		if m.Number == 0 && err != nil {
			return letter{}, err
		}
		return letter{message: m}, nil
	}
	if f.DynamoDBEventRecord.Change.Keys == nil && f.DynamoDBEventRecord.Change.NewImage == nil {
		return letter{}, errors.New("not a change: it names no message")
	}
	m, err := eventsource.RecordMessage(f.DynamoDBEventRecord)
	return letter{message: m}, err
}
