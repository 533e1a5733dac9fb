//go:build linux

package main

import (
	"fmt"
	"time"

	"chatapi/test/faults/inject"
)

// row is one line of the matrix: a backend, what goes wrong with it, and how
// much is created meanwhile.
type row struct {
	name    string
	what    string // goes wrong, in words
	engines bool   // DynamoDB, SQS and OpenSearch in place of the embedded backend
	rules   []inject.Rule
	disturb disturbance
	every   time.Duration // between two of them at most
	creates int           // acknowledged, in the whole matrix
	lasting time.Duration // in place of a number of creates
	brief   int           // acknowledged creates in the short run, 0 for none
	clients int
	pause   time.Duration // of a client between two requests
}

// disturbance is what happens to the process and its disk.
type disturbance string

const (
	none        disturbance = ""
	killSteps   disturbance = "kill -9 at a step"
	killRandom  disturbance = "kill -9 at any time"
	powerLoss   disturbance = "loss of power"
	diskFull    disturbance = "disk full"
	enginesStop disturbance = "engine stopped"
	restart     disturbance = "restart"
)

// rules makes rules of one kind for several points.
func rules(kind inject.Kind, perMille int, points ...string) (all []inject.Rule) {
	for _, p := range points {
		all = append(all, inject.Rule{Point: p, Kind: kind, PerMille: perMille})
	}
	return all
}

func join(all ...[]inject.Rule) (joined []inject.Rule) {
	for _, some := range all {
		joined = append(joined, some...)
	}
	return joined
}

// The faults of each engine. A create is delivered five times before it goes to
// the dead letters, so what fails a delivery is rare enough for it never to
// fail five times in a row.
var (
	queueRules = join(
		rules(inject.Refuse, 30, inject.Send), rules(inject.Lose, 30, inject.Send), rules(inject.Twice, 50, inject.Send),
		rules(inject.Refuse, 30, inject.Receive), rules(inject.Lose, 10, inject.Receive),
		rules(inject.Twice, 100, inject.Receive), rules(inject.Late, 100, inject.Receive), rules(inject.Shuffle, 200, inject.Receive),
		rules(inject.Refuse, 30, inject.DeleteDelivery), rules(inject.Lose, 30, inject.DeleteDelivery), rules(inject.Part, 30, inject.DeleteDelivery),
	)
	storeRules = join(
		rules(inject.Refuse, 10, "Store.*"), rules(inject.Lose, 10, "Store.*"), rules(inject.Slow, 2, "Store.*"),
		rules(inject.Part, 10, inject.StoreChats, inject.StoreMessages),
		rules(inject.Refuse, 50, "Idempotency.*"), rules(inject.Lose, 50, "Idempotency.*"),
		rules(inject.Refuse, 30, inject.Send),
	)
	indexRules = join(
		rules(inject.Refuse, 100, inject.Apply), rules(inject.Lose, 100, inject.Apply), rules(inject.Part, 300, inject.Apply),
		rules(inject.Slow, 100, inject.Apply), rules(inject.Gone, 30, inject.Apply),
	)
	streamRules = join(
		rules(inject.Refuse, 30, inject.ReadStream), rules(inject.Lose, 30, inject.ReadStream),
		rules(inject.Repeat, 200, inject.ReadStream), rules(inject.Split, 200, inject.ReadStream), rules(inject.Poison, 200, inject.ReadStream),
		rules(inject.Refuse, 50, inject.Checkpoint), rules(inject.Lose, 50, inject.Checkpoint),
		rules(inject.Refuse, 50, inject.Apply), rules(inject.Refuse, 200, inject.SendDeadLetter), rules(inject.Lose, 200, inject.SendDeadLetter),
	)
	clockRules = join(
		rules(inject.ClockAhead, 100, inject.Send, inject.Receive, inject.ReadStream),
		rules(inject.ClockBack, 100, inject.Send, inject.Receive), rules(inject.ClockBack, 300, inject.ReadStream),
		rules(inject.Refuse, 300, inject.Apply),
	)
	allRules = join(queueRules, rules(inject.Refuse, 50, "Idempotency.*"), rules(inject.Lose, 50, "Idempotency.*"), rules(inject.Refuse, 5, "Store.*"), rules(inject.Lose, 5, "Store.*"), indexRules, streamRules, clockRules)

	httpRules = join(
		rules(inject.Lose, 20, inject.DynamoDB, inject.SQS, inject.OpenSearch),
		rules(inject.Refuse, 20, inject.DynamoDB, inject.SQS, inject.OpenSearch),
		rules(inject.Throttle, 20, inject.DynamoDB, inject.SQS, inject.OpenSearch),
		rules(inject.Fail, 20, inject.DynamoDB, inject.SQS, inject.OpenSearch),
		rules(inject.Slow, 20, inject.DynamoDB, inject.SQS, inject.OpenSearch),
		rules(inject.Misfit, 300, inject.OpenSearchBulk),
	)
)

// paced is the pause of clients in rows whose faults hit batches: without one
// there are few batches, of thousands.
const paced = 10 * time.Millisecond

// matrix is all rows in the order of the table.
var matrix = []row{
	{name: "none", what: "nothing, for comparison", creates: 100_000, brief: 20_000, clients: 32},
	{name: "kill-steps", what: "kill -9 before and after each step of a create", disturb: killSteps, creates: 150_000, brief: 40_000, clients: 32, pause: paced},
	{name: "kill-random", what: "kill -9 at any time", disturb: killRandom, every: 700 * time.Millisecond, creates: 150_000, brief: 30_000, clients: 32},
	{name: "power-loss", what: "the machine goes down: unsynced writes are lost or torn", disturb: powerLoss, creates: 40_000, brief: 12_000, clients: 16},
	{name: "disk-full", what: "the disk is full now and then", disturb: diskFull, creates: 40_000, brief: 12_000, clients: 16},
	{name: "queue", what: "the queue refuses, loses answers, delivers twice, late and out of order", rules: queueRules, creates: 140_000, brief: 40_000, clients: 32},
	{name: "store", what: "the store refuses, loses answers, writes half of a batch", rules: storeRules, creates: 100_000, brief: 40_000, clients: 32},
	{name: "index", what: "the index refuses some or all, loses answers, is slow, is gone for seconds", rules: indexRules, creates: 100_000, brief: 40_000, clients: 32, pause: paced},
	{name: "index-gone", what: "the index is gone all the time; creates must not be slower, nor memory grow", rules: rules(inject.Refuse, 1000, inject.Apply), creates: 60_000, brief: 20_000, clients: 32},
	{name: "stream", what: "the stream repeats, splits, brings poison, forgets checkpoints", rules: streamRules, creates: 100_000, brief: 40_000, clients: 32, pause: paced},
	{name: "clock", what: "clocks jump 13 hours ahead and back, and the index refuses", rules: clockRules, creates: 60_000, brief: 20_000, clients: 32, pause: paced},
	{name: "all", what: "all of these at once, and kill -9 at any time", rules: allRules, disturb: killRandom, every: 700 * time.Millisecond, creates: 100_000, brief: 30_000, clients: 32, pause: paced},
	{name: "restart", what: "ended and started again under load, as an operator does", disturb: restart, every: time.Second, creates: 60_000, brief: 20_000, clients: 32},

	{name: "aws-none", engines: true, what: "nothing, for comparison", creates: 5_000, clients: 16},
	{name: "aws-http", engines: true, what: "answers lost after they were applied, broken connections, throttling, 5xx, slow answers, of each engine; documents that the mapping refuses", rules: httpRules, creates: 5_000, clients: 16},
	{name: "aws-ports", engines: true, what: "the faults of queue, store, index and stream of the rows above; a failed delivery comes again after 30 s, in the template after 181", rules: allRules, creates: 3_000, clients: 16},
	{name: "aws-kill", engines: true, what: "kill -9 of the server before and after each step of a create", disturb: killSteps, creates: 5_000, clients: 16},
	{name: "aws-engines", engines: true, what: "DynamoDB Local, ElasticMQ and OpenSearch stop and start", disturb: enginesStop, creates: 500, clients: 8, pause: 10 * time.Millisecond},

	{name: "soak", what: "all faults at once, and kill -9 now and then", rules: allRules, disturb: killRandom, every: time.Minute, lasting: 10 * time.Minute, brief: 120_000, clients: 16, pause: 8 * time.Millisecond},
}

func rowNamed(name string) (row, error) {
	for _, r := range matrix {
		if r.name == name {
			return r, nil
		}
	}
	return row{}, fmt.Errorf("there is no row %q", name)
}
