//go:build engines

package dynamo_test

import (
	"testing"

	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/dynamo"
)

func TestStreamOnDynamoDBLocal(t *testing.T) {
	chattest.Stream(t, func(t *testing.T) chattest.StreamUnderTest {
		cfg := engine(t)
		tables := newTables(t)
		store := dynamo.New(cfg, tables)
		if err := store.CreateTables(t.Context()); err != nil {
			t.Fatalf("create tables: %v", err)
		}
		return chattest.StreamUnderTest{Store: store, Stream: dynamo.NewStream(cfg, tables)}
	})
}
