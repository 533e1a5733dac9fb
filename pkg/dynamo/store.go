// Package dynamo implements the ports chat.Store, chat.Readers and
// chat.Idempotency on Amazon DynamoDB, and those that check and rebuild:
// chat.Scanner and chat.Auditor.
//
// Where each thing is:
//
//	tables.go     the tables, their names and keys
//	rows.go       the layout of every row
//	counters.go   numbers, and why something is not there
//	apps.go chats.go messages.go    the other methods of chat.Store
//	readers.go    chat.Readers
//	idempotency.go    chat.Idempotency
//	page.go       pages of a query
//	scan.go       all messages
//	tally.go      counts compared with what they count, and mended
//	stream*.go    the stream of changes, for a consumer on one machine
//	transact.go   rows and their count in one transaction
//	errors.go     which errors may pass
package dynamo

import (
	"context"
	"fmt"

	"chatapi/pkg/chat"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Store keeps rows and counters in DynamoDB tables. All reads are strongly
// consistent. It is safe for concurrent use.
//
// Its errors name no app token, because whoever reads a token in a log could
// use it.
type Store struct {
	client *dynamodb.Client
	tables Tables
}

var _ chat.Store = (*Store)(nil)

// New returns a store on the tables of the account and region, or of the
// endpoint, that cfg names. It calls nothing.
func New(cfg aws.Config, tables Tables) *Store {
	return &Store{client: dynamodb.NewFromConfig(cfg), tables: tables}
}

// FromEnv returns a store on the tables that TablesFromEnv reads.
func FromEnv(cfg aws.Config) (*Store, error) {
	tables, err := TablesFromEnv()
	if err != nil {
		return nil, err
	}
	return New(cfg, tables), nil
}

// Ping returns an error where the Counters table cannot be read.
func (s *Store) Ping(ctx context.Context) error {
	const nobody = "ping" // no token has this form
	if _, _, err := s.counter(ctx, nobody); err != nil {
		return fmt.Errorf("ping DynamoDB: %w", err)
	}
	return nil
}
