package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	amqp "github.com/rabbitmq/amqp091-go"
)

// rows is the table of messages and the counts of their chats.
type rows struct{ db *sql.DB }

var tables = []string{
	"CREATE DATABASE IF NOT EXISTS usual",
	`CREATE TABLE IF NOT EXISTS usual.chats (number VARCHAR(20) PRIMARY KEY, message_count BIGINT NOT NULL) ENGINE=InnoDB`,
	`CREATE TABLE IF NOT EXISTS usual.messages (
		id BIGINT AUTO_INCREMENT PRIMARY KEY, chat_number VARCHAR(20) NOT NULL, number BIGINT NOT NULL,
		body TEXT NOT NULL, sender VARCHAR(128) NOT NULL, created_at DATETIME(3) NOT NULL,
		UNIQUE (chat_number, number)) ENGINE=InnoDB`,
}

func openRows(ctx context.Context, dataSource string) (*rows, error) {
	config, err := mysql.ParseDSN(dataSource)
	if err != nil {
		return nil, err
	}
	config.InterpolateParams = true // one round trip for a statement
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	r := &rows{db: sql.OpenDB(connector)}
	for _, statement := range tables {
		if _, err := r.db.ExecContext(ctx, statement); err != nil {
			return nil, fmt.Errorf("create tables: %w", err)
		}
	}
	return r, nil
}

func (r *rows) createChat(ctx context.Context, number string) error {
	_, err := r.db.ExecContext(ctx, "INSERT IGNORE INTO usual.chats (number, message_count) VALUES (?, 0)", number)
	return err
}

func (r *rows) hasChat(ctx context.Context, number string) (found bool, err error) {
	err = r.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM usual.chats WHERE number = ?)", number).Scan(&found)
	return found, err
}

func (r *rows) count(ctx context.Context) (n int64, err error) {
	err = r.db.QueryRowContext(ctx, "SELECT COALESCE(SUM(message_count), 0) FROM usual.chats").Scan(&n)
	return n, err
}

// maxBatch is how many deliveries are stored in one transaction.
const maxBatch = 100

// work stores what the queue delivers until ctx is done.
func work(ctx context.Context, r *rows, deliveries <-chan amqp.Delivery) error {
	for {
		batch := gather(ctx, deliveries)
		if len(batch) == 0 {
			return nil
		}
		if err := r.store(context.WithoutCancel(ctx), batch); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		if err := batch[len(batch)-1].Ack(true); err != nil {
			return fmt.Errorf("acknowledge: %w", err)
		}
	}
}

// linger is how long a batch waits to be filled. The client hands deliveries
// on one by one, so without a wait nearly each would be stored alone.
const linger = 5 * time.Millisecond

// gather waits for a delivery and takes those that come soon with it.
func gather(ctx context.Context, deliveries <-chan amqp.Delivery) (batch []amqp.Delivery) {
	var full <-chan time.Time
	for len(batch) < maxBatch {
		select {
		case <-ctx.Done():
			return batch
		case <-full:
			return batch
		case d, ok := <-deliveries:
			if !ok {
				return batch
			}
			if batch = append(batch, d); full == nil {
				full = time.After(linger)
			}
		}
	}
	return batch
}

// store writes the messages of a batch and the counts of their chats in one
// transaction.
func (r *rows) store(ctx context.Context, batch []amqp.Delivery) error {
	values, counts := make([]any, 0, 5*len(batch)), map[string]int{}
	for _, d := range batch {
		var m message
		if err := json.Unmarshal(d.Body, &m); err != nil {
			return err
		}
		values = append(values, m.Chat, m.Number, m.Body, m.Sender, m.CreatedAt)
		counts[m.Chat]++
	}
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	insert := "INSERT INTO usual.messages (chat_number, number, body, sender, created_at) VALUES (?, ?, ?, ?, ?)" +
		strings.Repeat(", (?, ?, ?, ?, ?)", len(batch)-1)
	if _, err := tx.ExecContext(ctx, insert, values...); err != nil {
		return err
	}
	for chat, n := range counts {
		if _, err := tx.ExecContext(ctx, "UPDATE usual.chats SET message_count = message_count + ? WHERE number = ?", n, chat); err != nil {
			return err
		}
	}
	return tx.Commit()
}
