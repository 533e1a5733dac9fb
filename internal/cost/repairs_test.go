package cost_test

import (
	"context"
	"errors"
	"log/slog"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
	"chatapi/pkg/embedded/disk"
	"chatapi/pkg/embedded/search"
	"chatapi/pkg/reindex"
	"chatapi/pkg/verify"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The stand-in of OpenSearch has neither aliases nor versions of documents, so
// reindex and verify run on an embedded index here.

// stored is how many messages of 100 bytes are in chat 1 before a repair.
const stored = 10

// reindex runs the function reindex until the new index is live.
func (s *stack) reindex() {
	s.Helper()
	dir := s.TempDir()
	backend, err := embedded.Open(dir, embedded.Options{})
	if err == nil {
		err = backend.Close()
	}
	if err != nil {
		s.Fatal(err)
	}
	build, err := embedded.OpenRebuild(dir)
	if err != nil {
		s.Fatal(err)
	}
	defer build.Close()
	begin := func(context.Context) (chat.Rebuild, error) { return build, nil }
	result, err := reindex.Function{Scanner: s.store, Begin: begin, Log: slog.New(slog.DiscardHandler)}.Handle(s.Context())
	if err != nil || !result.Done || result.Messages != stored {
		s.Fatalf("reindex: %+v, error %v", result, err)
	}
}

// verify runs the function verify, which must repair so many counters and
// counts; it is told to repair if there are any.
func (s *stack) verify(repaired int64) {
	s.Helper()
	index, err := search.Open(s.TempDir(), disk.New())
	if err != nil {
		s.Fatal(err)
	}
	defer index.Close()
	indexed := index.Apply(s.Context(), many(stored, func(n int64) chat.Message { return messageOf(s.app, 1, n, 100) }))
	if err := errors.Join(indexed...); err != nil {
		s.Fatal(err)
	}
	function := verify.Function{Ports: chat.Ports{Store: s.store, Auditor: s.store, Index: index}, Log: slog.New(slog.DiscardHandler)}
	answer, err := function.Handle(s.Context(), verify.Event{Repair: repaired > 0})
	if err != nil || answer.Messages != stored || answer.Repaired != repaired || answer.Differences != 0 {
		s.Fatalf("verify: %+v, error %v", answer, err)
	}
}

// spoil stores messages and makes the counters and the counts of the app and of
// chat 1 wrong.
func (s *stack) spoil() {
	s.Helper()
	s.messages(stored, 100)
	id := chat.ChatID{AppToken: s.app, Number: 1}
	app, number := &types.AttributeValueMemberS{Value: s.app}, &types.AttributeValueMemberN{Value: "1"}
	messages := &types.AttributeValueMemberS{Value: id.String()}
	s.set(s.tables.Counters, "value", map[string]types.AttributeValue{"counter": app})
	s.set(s.tables.Counters, "value", map[string]types.AttributeValue{"counter": messages})
	s.set(s.tables.Apps, "chat_count", map[string]types.AttributeValue{"app_token": app})
	s.set(s.tables.Chats, "message_count", map[string]types.AttributeValue{"app_token": app, "chat_number": number})
}

// set sets an attribute of a row to 0.
func (s *stack) set(table, attribute string, key map[string]types.AttributeValue) {
	s.Helper()
	_, err := dynamodb.NewFromConfig(s.config).UpdateItem(s.Context(), &dynamodb.UpdateItemInput{
		TableName:                 &table,
		Key:                       key,
		UpdateExpression:          aws.String("SET #attribute = :zero"),
		ExpressionAttributeNames:  map[string]string{"#attribute": attribute},
		ExpressionAttributeValues: map[string]types.AttributeValue{":zero": &types.AttributeValueMemberN{Value: "0"}},
	})
	if err != nil {
		s.Fatal(err)
	}
}
