package main

import (
	"context"
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

const queueName = "messages"

// queue is a durable queue. Channels are not for concurrent use, so each
// publish takes one out of a pool.
type queue struct {
	publishing, consuming *amqp.Connection
	channels              chan *amqp.Channel
}

func openQueue(url string, channels int) (*queue, error) {
	q := &queue{channels: make(chan *amqp.Channel, channels)}
	var err error
	if q.publishing, err = amqp.Dial(url); err != nil {
		return nil, fmt.Errorf("connect to RabbitMQ: %w", err)
	}
	if q.consuming, err = amqp.Dial(url); err != nil {
		return nil, fmt.Errorf("connect to RabbitMQ: %w", err)
	}
	for range channels {
		ch, err := q.publishing.Channel()
		if err == nil {
			err = ch.Confirm(false)
		}
		if err != nil {
			return nil, fmt.Errorf("open channel: %w", err)
		}
		q.channels <- ch
	}
	return q, nil
}

func (q *queue) close() { _, _ = q.publishing.Close(), q.consuming.Close() }

var errNotConfirmed = errors.New("the broker did not take the message")

// publish returns once the broker has confirmed the message.
func (q *queue) publish(ctx context.Context, text []byte) error {
	ch := <-q.channels
	defer func() { q.channels <- ch }()
	confirmation, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", queueName, false, false,
		amqp.Publishing{ContentType: "application/json", DeliveryMode: amqp.Persistent, Body: text})
	if err != nil {
		return err
	}
	ok, err := confirmation.WaitContext(ctx)
	if err == nil && !ok {
		err = errNotConfirmed
	}
	return err
}

// prefetch is how many deliveries the worker holds at most.
const prefetch = 1000

func (q *queue) consume() (<-chan amqp.Delivery, error) {
	ch, err := q.consuming.Channel()
	if err != nil {
		return nil, err
	}
	if _, err := ch.QueueDeclare(queueName, true, false, false, false, nil); err != nil {
		return nil, fmt.Errorf("declare queue: %w", err)
	}
	if err := ch.Qos(prefetch, 0, false); err != nil {
		return nil, err
	}
	return ch.Consume(queueName, "", false, false, false, false, nil)
}
