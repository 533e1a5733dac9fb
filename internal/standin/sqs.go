package standin

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"path"
)

// serveSQS takes every message and keeps none: what a call costs does not
// depend on what is in the queue.
func serveSQS(operation string, body []byte) (status int, answer any, call Call) {
	call = Call{Service: SQS, Operation: operation}
	var in struct {
		QueueURL    string `json:"QueueUrl"`
		MessageBody string
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return http.StatusBadRequest, invalid("%s: %v", operation, err), call
	}
	call.Actions = []string{"sqs:" + operation + " " + path.Base(in.QueueURL)}
	switch operation {
	case "SendMessage":
		sum := md5.Sum([]byte(in.MessageBody)) // which the SDK compares
		return http.StatusOK, map[string]string{
			"MessageId":        "5fea7756-0ea4-451a-a703-a558b933e274",
			"MD5OfMessageBody": hex.EncodeToString(sum[:]),
		}, call
	case "GetQueueAttributes":
		attributes := map[string]string{"QueueArn": "arn:aws:sqs:us-east-1:123456789012:creates"}
		return http.StatusOK, map[string]any{"Attributes": attributes}, call
	default:
		return http.StatusBadRequest, invalid("SQS's %s is not known here", operation), call
	}
}
