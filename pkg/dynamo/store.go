// Package dynamo implements the ports chat.Store, chat.Readers and
// chat.Idempotency on Amazon DynamoDB, and those that check and rebuild:
// chat.Scanner and chat.Auditor.
//
// Where each thing is:
//
//	tables.go                       the tables, their names and keys
//	rows.go                         the layout of every row
//	counters.go                     numbers, and why something does not exist
//	apps.go chats.go messages.go    rows of apps, chats and messages
//	edits.go deletes.go             and their changes
//	readers.go idempotency.go       chat.Readers and chat.Idempotency
//	page.go                         pages of a query
//	scanner.go auditor.go           chat.Scanner and chat.Auditor
//	stream*.go                      the stream of changes, for a consumer on one machine
//	counted.go units.go             rows and their count, in transactions of limited size
//	transact.go updates.go          transactions and updates, retried while rows are busy
//	errors.go                       which errors are transient
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
// Its errors name no app's token, because whoever reads a token in a log could
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

// Ping returns an error if the Counters table cannot be read.
func (s *Store) Ping(ctx context.Context) error {
	const nobody = "ping" // no token has this form
	if _, _, err := s.counter(ctx, nobody); err != nil {
		return fmt.Errorf("ping DynamoDB: %w", err)
	}
	return nil
}
