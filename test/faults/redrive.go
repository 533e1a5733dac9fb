//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
	"chatapi/pkg/redrive"
	"chatapi/test/faults/inject"
)

// redriven counts the dead letters that were redriven.
type redriven struct {
	changes int
	refused int // creates that the writer sent there
	worn    int // creates that were received too often
}

// redrive indexes the messages that OpenSearch refused for good, and stores
// dead creates, as an operator does with "chatapi dlq redrive". On the embedded
// backend no server may run.
func (t *trial) redrive(ctx context.Context) error {
	switch {
	case t.row.engines:
		return t.redriveEngines(ctx)
	case t.row.deadLetters():
		return t.redriveFolder(ctx)
	default:
		return nil
	}
}

func (t *trial) redriveEngines(ctx context.Context) error {
	misfits := t.server.tally.Faults()[inject.Misfit] > 0
	if !misfits && !t.row.deadLetters() {
		return nil
	}
	p, err := enginePorts(ctx)
	if err != nil {
		return err
	}
	if misfits {
		changes := redrive.Changes{Store: p.Store, Index: p.Index}
		result, err := redrive.Run(ctx, p.ChangeDeadLetters, changes, redrive.Options{Limit: math.MaxInt, Report: func(chat.DeadLetter, error) {}})
		t.redriven.changes += result.Redriven
		return err
	}
	return t.redriveCreates(ctx, p.CreateDeadLetters, p.Store)
}

func (t *trial) redriveFolder(ctx context.Context) error {
	b, err := embedded.Open(t.server.data, embedded.Options{Existing: true})
	if err != nil {
		return err
	}
	return errors.Join(t.redriveCreates(ctx, b.CreateDeadLetters, b.Store), b.Close())
}

func (t *trial) redriveCreates(ctx context.Context, letters chat.DeadLetters, store chat.Store) error {
	_, err := redrive.Run(ctx, letters, redrive.Creates{Store: store}, redrive.Options{
		Limit: math.MaxInt,
		Report: func(letter chat.DeadLetter, err error) {
			switch {
			case err != nil:
			case letter.Reason == "" || strings.HasPrefix(letter.Reason, "delivered "): // as SQS and the embedded queue move them
				t.redriven.worn++
			default:
				t.redriven.refused++
			}
		},
	})
	return err
}

// wearOut waits until the creates that are never stored have been received too
// often, and redrives the dead letters.
func (t *trial) wearOut(ctx context.Context) error {
	if !t.row.deadLetters() {
		return nil
	}
	if err := pause(ctx, 5*time.Second+2*embedded.MaxReceives*t.row.visibility); err != nil {
		return err
	}
	if t.row.engines {
		return nil // settled redrives, again and again
	}
	if err := t.server.stop(); err != nil {
		return err
	}
	if err := t.redrive(ctx); err != nil {
		return err
	}
	return t.server.start(ctx, inject.Kill{})
}

// checkLetters returns an error if no create went one of the two ways to the
// dead letters.
func (t *trial) checkLetters() error {
	switch {
	case !t.row.deadLetters():
		return nil
	case t.redriven.worn == 0:
		return fmt.Errorf("no create became a dead letter because it was received too often; the writer sent %d there", t.redriven.refused)
	case t.redriven.refused == 0:
		return fmt.Errorf("the writer sent no create to the dead letters; %d were received too often", t.redriven.worn)
	default:
		return nil
	}
}
