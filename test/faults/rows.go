//go:build linux

package main

import (
	"fmt"
	"slices"
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

	command    bool          // serves with the command itself, without faults of the ports
	servers    int           // on the same engines, 0 for one
	skew       time.Duration // of the clock of each server but the first
	visibility time.Duration // of deliveries, 0 for the usual one
	chats      int           // at most, 0 for chatLimit
	long       int           // one of so many texts is as long as the API accepts, 0 for longOf
	lambda     bool          // the operations are Lambda functions, beside the server's writer and indexer
}

// deadLetters reports whether creates of the row go to the dead letters.
func (r row) deadLetters() bool {
	return slices.ContainsFunc(r.rules, func(r inject.Rule) bool { return r.Kind == inject.Unstorable || r.Kind == inject.Unstored })
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
	syncFails   disturbance = "failed fsync"
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

	// deadRules choose creates, not calls: these are never stored while the
	// faults last. A server that could store nothing of a batch keeps the batch
	// and receives no more, so a chat that it can store is in each.
	deadRules = join(
		rules(inject.Unstorable, 4, inject.StoreMessages), rules(inject.Unstored, 4, inject.StoreMessages), rules(inject.WithChat, 1000, inject.Receive),
		rules(inject.Refuse, 200, inject.SendDeadLetter), rules(inject.Lose, 200, inject.SendDeadLetter),
	)

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
	{name: "index", what: "the index refuses some or all, loses answers, is slow, is gone for seconds", rules: indexRules, creates: 100_000, brief: 25_000, clients: 32, pause: paced},
	{name: "index-gone", what: "the index is gone all the time; creates must not be slower, nor memory grow", rules: rules(inject.Refuse, 1000, inject.Apply), creates: 60_000, brief: 20_000, clients: 32},
	{name: "stream", what: "the stream repeats, splits, brings poison, forgets checkpoints", rules: streamRules, creates: 100_000, brief: 25_000, clients: 32, pause: paced},
	{name: "clock", what: "clocks jump 13 hours ahead and back, and the index refuses", rules: clockRules, creates: 60_000, brief: 20_000, clients: 32, pause: paced},
	{name: "all", what: "all of these at once, and kill -9 at any time", rules: allRules, disturb: killRandom, every: 700 * time.Millisecond, creates: 100_000, brief: 30_000, clients: 32, pause: paced},
	{name: "restart", what: "ended and started again under load, as an operator does", disturb: restart, every: time.Second, creates: 60_000, brief: 20_000, clients: 32},
	{name: "fsync", command: true, what: "one fsync fails: the command must refuse writes, say so in /health, and end with status 1; then the machine goes down", disturb: syncFails, creates: 20_000, brief: 4_000, clients: 16},
	{name: "dead-letters", what: "some creates can never be stored, some fail until they have been received too often; all are redriven", rules: deadRules, visibility: 200 * time.Millisecond, creates: 20_000, brief: 3_000, clients: 16, pause: paced},

	{name: "aws-none", engines: true, what: "nothing, for comparison", creates: 5_000, clients: 16},
	{name: "aws-http", engines: true, what: "answers lost after they were applied, broken connections, throttling, 5xx, slow answers, of each engine; documents that the mapping refuses", rules: httpRules, creates: 5_000, clients: 16},
	{name: "aws-ports", engines: true, what: "the faults of queue, store, index and stream of the rows above; a failed delivery comes again after 30 s, in the template after 181", rules: allRules, creates: 3_000, clients: 16},
	{name: "aws-kill", engines: true, what: "kill -9 of the server before and after each step of a create", disturb: killSteps, creates: 5_000, clients: 16},
	{name: "aws-two", engines: true, what: "two servers, with a writer each, whose clocks are 4 minutes apart", servers: 2, skew: 4 * time.Minute, creates: 3_000, clients: 16},
	{name: "aws-held", engines: true, what: "writes that are held when their connection breaks, and done after their retry", rules: join(rules(inject.Held, 50, inject.DynamoDBWrite), rules(inject.Held, 400, inject.DynamoDBEdit)), creates: 1_500, clients: 16},
	{name: "aws-throttled", engines: true, what: "throttled and conflicting transactions and updates", rules: join(rules(inject.Conflict, 100, inject.DynamoDBWrite, inject.DynamoDBEdit), rules(inject.Busy, 100, inject.DynamoDBWrite, inject.DynamoDBEdit)), creates: 2_000, clients: 16},
	{name: "aws-partition", engines: true, what: "a chat with long messages on a partition with 1,000 write units a second", rules: rules(inject.Partition, 0, inject.DynamoDBWrite), visibility: 10 * time.Second, chats: 1, long: 1, creates: 400, clients: 16},
	{name: "aws-dead-letters", engines: true, what: "some creates can never be stored, some fail until they have been received too often; all are redriven", rules: deadRules, visibility: 2 * time.Second, creates: 1_000, clients: 16},
	{name: "aws-lambda", engines: true, lambda: true, what: "each operation is a Lambda function that is frozen between requests, with Lambda's limits of time and size, and connections that end meanwhile", long: 1, chats: 1, creates: 400, clients: 8},
	{name: "aws-engines", engines: true, what: "DynamoDB Local, ElasticMQ and OpenSearch stop and start", disturb: enginesStop, creates: 500, clients: 8, pause: 10 * time.Millisecond},

	{name: "soak", what: "all faults at once, and kill -9 now and then", rules: allRules, disturb: killRandom, every: time.Minute, lasting: 10 * time.Minute, brief: 75_000, clients: 16, pause: 8 * time.Millisecond},
}

func rowNamed(name string) (row, error) {
	for _, r := range matrix {
		if r.name == name {
			return r, nil
		}
	}
	return row{}, fmt.Errorf("there is no row %q", name)
}
