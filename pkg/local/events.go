package local

import (
	"fmt"
	"strconv"

	"chatapi/pkg/chat"
	"chatapi/pkg/indexer"

	"github.com/aws/aws-lambda-go/events"
)

// sqsEvent makes the event that Lambda's mapping of an SQS queue makes.
//
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
func sqsEvent(deliveries []chat.Delivery) events.SQSEvent {
	records := make([]events.SQSMessage, len(deliveries))
	for i, d := range deliveries {
		records[i] = events.SQSMessage{
			MessageId:     d.ID,
			ReceiptHandle: d.Receipt,
			Body:          d.Body,
			Attributes: map[string]string{
				"ApproximateReceiveCount": strconv.Itoa(d.Receives),
				"SentTimestamp":           strconv.FormatInt(d.SentAt.UnixMilli(), 10),
			},
			EventSource: "aws:sqs",
		}
	}
	return events.SQSEvent{Records: records}
}

// streamEvent makes the event that Lambda's mapping of a DynamoDB stream makes.
//
// https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
func streamEvent(changes []chat.Change) events.DynamoDBEvent {
	records := make([]events.DynamoDBEventRecord, len(changes))
	for i, c := range changes {
		records[i] = streamRecord(c)
	}
	return events.DynamoDBEvent{Records: records}
}

func streamRecord(c chat.Change) events.DynamoDBEventRecord {
	record := events.DynamoDBEventRecord{
		EventID:      sequenceNumber(c),
		EventName:    string(events.DynamoDBOperationTypeInsert),
		EventSource:  "aws:dynamodb",
		EventVersion: "1.1",
		Change: events.DynamoDBStreamRecord{
			ApproximateCreationDateTime: events.SecondsEpochTime{Time: c.At},
			SequenceNumber:              sequenceNumber(c),
			StreamViewType:              string(events.DynamoDBStreamViewTypeNewAndOldImages),
		},
	}
	if c.Old != nil {
		record.EventName = string(events.DynamoDBOperationTypeModify)
		record.Change.OldImage = indexer.Image(*c.Old)
		record.Change.Keys = keys(record.Change.OldImage)
	}
	if c.New == nil {
		record.EventName = string(events.DynamoDBOperationTypeRemove)
		return record
	}
	record.Change.NewImage = indexer.Image(*c.New)
	record.Change.Keys = keys(record.Change.NewImage)
	return record
}

func keys(image map[string]events.DynamoDBAttributeValue) map[string]events.DynamoDBAttributeValue {
	return map[string]events.DynamoDBAttributeValue{"chat": image["chat"], "message_number": image["message_number"]}
}

// sequenceNumber is a change's, as text that sorts as numbers do.
func sequenceNumber(c chat.Change) string { return fmt.Sprintf("%021d", c.Sequence) }
