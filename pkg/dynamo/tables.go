package dynamo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Tables names the tables of a store.
type Tables struct {
	Apps     string // partition key app_token S
	Chats    string // partition key app_token S, sort key chat_number N
	Messages string // partition key chat S, sort key message_number N; stream of new and old images
	Counters string // partition key counter S
	Readers  string // partition key chat S, sort key reader S

	Idempotency string // partition key key S; time to live expires_at
}

// TablesFromEnv returns the names in APPS_TABLE, CHATS_TABLE, MESSAGES_TABLE,
// COUNTERS_TABLE, READERS_TABLE and IDEMPOTENCY_TABLE. The error names every
// variable that is missing.
func TablesFromEnv() (Tables, error) {
	var t Tables
	var missing []string
	for _, v := range []struct {
		name string
		to   *string
	}{
		{"APPS_TABLE", &t.Apps},
		{"CHATS_TABLE", &t.Chats},
		{"MESSAGES_TABLE", &t.Messages},
		{"COUNTERS_TABLE", &t.Counters},
		{"READERS_TABLE", &t.Readers},
		{"IDEMPOTENCY_TABLE", &t.Idempotency},
	} {
		if *v.to = os.Getenv(v.name); *v.to == "" {
			missing = append(missing, v.name)
		}
	}
	if len(missing) > 0 {
		return Tables{}, fmt.Errorf("these environment variables must name the DynamoDB tables: %s",
			strings.Join(missing, ", "))
	}
	return t, nil
}

// createTimeout is how long CreateTables waits for one table.
const createTimeout = time.Minute

// CreateTables creates the tables that do not exist, for emulators and tests, and
// returns when all can be used. On AWS the stack's template creates them, with
// backups.
func (s *Store) CreateTables(ctx context.Context) error {
	for _, t := range []struct {
		name    string
		keys    []key
		changes *types.StreamSpecification
	}{
		{s.tables.Apps, []key{{"app_token", types.ScalarAttributeTypeS}}, nil},
		{
			s.tables.Chats,
			[]key{{"app_token", types.ScalarAttributeTypeS}, {"chat_number", types.ScalarAttributeTypeN}},
			nil,
		},
		{
			s.tables.Messages,
			[]key{{"chat", types.ScalarAttributeTypeS}, {"message_number", types.ScalarAttributeTypeN}},
			&types.StreamSpecification{
				StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages,
			},
		},
		{s.tables.Counters, []key{{"counter", types.ScalarAttributeTypeS}}, nil},
		{s.tables.Readers, []key{{"chat", types.ScalarAttributeTypeS}, {"reader", types.ScalarAttributeTypeS}}, nil},
		{s.tables.Idempotency, []key{{"key", types.ScalarAttributeTypeS}}, nil},
	} {
		if err := s.createTable(ctx, t.name, t.keys, t.changes); err != nil {
			return fmt.Errorf("create table %s: %w", t.name, err)
		}
	}
	if err := s.expireKeys(ctx); err != nil {
		return fmt.Errorf("let rows of table %s expire: %w", s.tables.Idempotency, err)
	}
	return nil
}

// expireKeys lets DynamoDB delete idempotency keys after their retention, unless
// it already does: it refuses to be told twice.
func (s *Store) expireKeys(ctx context.Context) error {
	out, err := s.client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &s.tables.Idempotency})
	if err != nil {
		return err
	}
	switch out.TimeToLiveDescription.TimeToLiveStatus {
	case types.TimeToLiveStatusEnabled, types.TimeToLiveStatusEnabling:
		return nil
	}
	_, err = s.client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName: &s.tables.Idempotency,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{
			AttributeName: aws.String("expires_at"), Enabled: aws.Bool(true),
		},
	})
	return err
}

// key is an attribute of a table's key: the partition key, then the sort key.
type key struct {
	name string
	kind types.ScalarAttributeType
}

func (s *Store) createTable(ctx context.Context, name string, keys []key, changes *types.StreamSpecification) error {
	input := &dynamodb.CreateTableInput{
		TableName:           &name,
		BillingMode:         types.BillingModePayPerRequest,
		StreamSpecification: changes,
	}
	keyTypes := []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}
	for i, k := range keys {
		input.AttributeDefinitions = append(input.AttributeDefinitions,
			types.AttributeDefinition{AttributeName: &k.name, AttributeType: k.kind})
		input.KeySchema = append(input.KeySchema,
			types.KeySchemaElement{AttributeName: &k.name, KeyType: keyTypes[i]})
	}
	_, err := s.client.CreateTable(ctx, input)
	var exists *types.ResourceInUseException
	if err != nil && !errors.As(err, &exists) {
		return err
	}
	waiter := dynamodb.NewTableExistsWaiter(s.client, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 100*time.Millisecond, time.Second
	})
	return waiter.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, createTimeout)
}
