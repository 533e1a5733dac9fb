//go:build engines

package dynamo_test

import (
	"crypto/rand"
	"testing"

	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/dynamo"
)

func TestStreamOnDynamoDBLocal(t *testing.T) {
	chattest.Stream(t, func(t *testing.T) chattest.StreamUnderTest {
		cfg, run := engine(t), rand.Text()
		tables := dynamo.Tables{Apps: run + "-apps", Chats: run + "-chats", Messages: run + "-messages", Counters: run + "-counters"}
		store := dynamo.New(cfg, tables)
		if err := store.CreateTables(t.Context()); err != nil {
			t.Fatalf("create tables: %v", err)
		}
		return chattest.StreamUnderTest{Store: store, Stream: dynamo.NewStream(cfg, tables)}
	})
}
