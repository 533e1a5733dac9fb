package dynamo

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// unitsOf returns the write units that a put or an update consumes in a
// transaction: two for each started KB of its row. An update counts as large as
// what it writes.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-capacity-handling
func unitsOf(write types.TransactWriteItem) int {
	size := 0
	switch {
	case write.Put != nil:
		size = sizeOf(write.Put.Item)
	case write.Update != nil:
		size = sizeOf(write.Update.Key) + sizeOf(write.Update.ExpressionAttributeValues)
		for _, name := range write.Update.ExpressionAttributeNames {
			size += len(name)
		}
	}
	return 2 * (size/1024 + 1)
}

// sizeOf returns the size of a row in bytes, never less than DynamoDB counts.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
func sizeOf(row item) (size int) {
	for name, value := range row {
		size += len(name) + sizeOfValue(value)
	}
	return size
}

func sizeOfValue(value types.AttributeValue) int {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return 21 // at most
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + sizeOf(v.Value)
	default:
		return 1
	}
}
