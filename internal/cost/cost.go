// Package cost works out what the stack of template.yaml costs a month on AWS:
// from the calls that the operations make, which tests count, from list prices
// and from a load.
package cost

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

const (
	secondsPerMonth = 730 * 3600
	hoursPerMonth   = 730
	gb              = 1e9

	// The template's settings.
	memory         = 0.5 // GB of each function
	batchSize      = 99  // of the writer's mapping
	indexerBatch   = 500 // of the indexer's mapping
	alarms         = 4
	leastPollers   = 5 // that Lambda begins to read a queue with
	longPoll       = 20.0
	receivesAtOnce = 10 // messages that SQS gives and deletes in one call
)

// Load is what clients do, on average over the month.
type Load struct {
	CreatesPerSecond  float64 `json:"creates_per_second"` // of messages
	ReadsPerSecond    float64 `json:"reads_per_second"`   // of one message or chat
	SearchesPerSecond float64 `json:"searches_per_second"`
	MessageBytes      int     `json:"message_bytes"`
	Chats             int     `json:"chats"` // that the messages go to, evenly
}

// Stack is how the stack is set up. The zero value of a switch is the
// template's.
type Stack struct {
	HTTPAPI        bool    `json:"http_api"`    // not a REST API
	Serverless     bool    `json:"serverless"`  // search in a collection, not a domain
	Provisioned    bool    `json:"provisioned"` // capacity of the tables, not on demand
	PlainPuts      bool    `json:"plain_puts"`  // rows and counts apart, not in transactions
	StaleReads     bool    `json:"stale_reads"` // eventually consistent
	NoFairQueue    bool    `json:"no_fair_queue"`
	NoSystemLogs   bool    `json:"no_system_logs"`
	BatchWindow    float64 `json:"batch_window_seconds"` // of the writer's mapping
	Writers        int     `json:"writers"`              // at the same time, at most
	SearchInstance string  `json:"search_instance"`
	SearchNodes    int     `json:"search_nodes"`
	SearchGiB      int     `json:"search_gib"` // of each node
}

// TemplateStack returns the stack as the template's defaults make it.
func TemplateStack() Stack {
	return Stack{BatchWindow: 1, Writers: 10, SearchInstance: "t3.small.search", SearchNodes: 1, SearchGiB: 10}
}

// The activities that lines are of.
const (
	Create = "create"
	Read   = "read"
	Search = "search"
	Idle   = "idle" // what is paid without a request
)

// Line is one thing that is paid for.
type Line struct {
	Activity string  `json:"activity"`
	What     string  `json:"what"`
	Price    string  `json:"price"` // its name in prices.json
	Quantity float64 `json:"quantity"`
	Dollars  float64 `json:"dollars"`
}

// Report is what a load costs a month.
type Report struct {
	Load       Load               `json:"load"`
	Stack      Stack              `json:"stack"`
	Region     string             `json:"region"`
	Lines      []Line             `json:"lines"` // the most expensive first
	Dollars    float64            `json:"dollars_per_month"`
	PerMillion map[string]float64 `json:"dollars_per_million"` // by activity, without what is paid idle
	Options    []Option           `json:"options"`             // the greatest saving first
}

// Option is another way to set the stack up.
type Option struct {
	Name   string  `json:"name"`
	Price  string  `json:"instead"` // what is given up for it
	Saving float64 `json:"saving_dollars_per_month"`
}

// Estimator knows what operations take and what that costs.
type Estimator struct {
	calls  Table
	prices Prices
}

// New returns an estimator over the tables in this package.
func New() (*Estimator, error) {
	calls, err := Calls()
	if err != nil {
		return nil, err
	}
	prices, err := ListPrices()
	if err != nil {
		return nil, err
	}
	return &Estimator{calls: calls, prices: prices}, nil
}

// Estimate returns what a load costs on a stack, and what else could be done.
func (e *Estimator) Estimate(load Load, stack Stack) (Report, error) {
	r, err := e.report(load, stack)
	if err != nil {
		return Report{}, err
	}
	for _, o := range options(stack) {
		other, err := e.report(load, o.stack)
		if err != nil {
			return Report{}, err
		}
		r.Options = append(r.Options, Option{Name: o.name, Price: o.price, Saving: r.Dollars - other.Dollars})
	}
	slices.SortStableFunc(r.Options, func(a, b Option) int { return cmp.Compare(b.Saving, a.Saving) })
	return r, nil
}

func (e *Estimator) report(load Load, stack Stack) (Report, error) {
	u, err := e.units(load, stack)
	if err != nil {
		return Report{}, err
	}
	b := bill{prices: e.prices, totals: map[string]float64{}}
	b.creates(load, stack, u)
	b.reads(load, stack, u)
	b.searches(load, stack)
	b.idle(load, stack)
	r := Report{Load: load, Stack: stack, Region: e.prices.Region, PerMillion: map[string]float64{}}
	if r.Lines, err = b.priced(); err != nil {
		return Report{}, err
	}
	for _, l := range r.Lines {
		r.Dollars += l.Dollars
		if n := load.perMonth(l.Activity); n > 0 {
			r.PerMillion[l.Activity] += l.Dollars / n * 1e6
		}
	}
	return r, nil
}

func (l Load) perMonth(activity string) float64 {
	perSecond := map[string]float64{Create: l.CreatesPerSecond, Read: l.ReadsPerSecond, Search: l.SearchesPerSecond}
	return perSecond[activity] * secondsPerMonth
}

// units are the DynamoDB units of one create and one read, and the shape of a
// batch.
type units struct {
	create, read float64 // of the operation itself
	store        float64 // of the writer, for each message
	batch        float64 // messages of a writer's batch
	perReceive   float64 // messages that a call of SQS brings
	rowBytes     float64
	indexed      float64 // messages of an indexer's batch
}

// units reads the table of calls: what a row and what a group of rows takes is
// the difference between its batches.
func (e *Estimator) units(load Load, stack Stack) (units, error) {
	rows := map[string]Row{}
	for _, at := range []struct{ name, operation, of string }{
		{"create", "create-message", "created"},
		{"read", "get-message", "found"},
		{"few", "writer", "10 messages of one chat"},
		{"many", "writer", "99 messages of one chat"}, // the most that one transaction takes
	} {
		row, err := e.calls.row(at.operation, at.of)
		if err != nil {
			return units{}, err
		}
		rows[at.name] = row
	}
	u := units{rowBytes: float64(load.MessageBytes + e.calls.MessageOverhead)}
	perRow := (rows["many"].WriteUnits - rows["few"].WriteUnits) / (99 - 10)
	perGroup := rows["few"].WriteUnits - 10*perRow

	pollers := max(math.Ceil(load.CreatesPerSecond*stack.BatchWindow/batchSize), leastPollers)
	pollers = min(pollers, float64(max(stack.Writers, 1)))
	u.batch = clamp(load.CreatesPerSecond*stack.BatchWindow/pollers, 1, batchSize)
	u.perReceive = clamp(u.batch, 1, receivesAtOnce)
	u.indexed = clamp(u.batch, 1, indexerBatch)
	chats := float64(max(load.Chats, 1))
	groups := chats * (1 - math.Pow(1-1/chats, u.batch)) // different chats among the messages of a batch
	u.create = rows["create"].WriteUnits
	u.read = rows["read"].ReadUnits * math.Ceil(u.rowBytes/4096)
	if stack.StaleReads {
		u.read /= 2
	}
	u.store = perRow*math.Ceil(u.rowBytes/1024) + perGroup*max(groups, 1)/u.batch
	if stack.PlainPuts {
		u.store /= 2 // a transaction prepares each write and then commits it
	}
	return u, nil
}

func clamp(v, low, high float64) float64 { return min(max(v, low), high) }

// bill gathers quantities.
type bill struct {
	prices Prices
	lines  []Line
	totals map[string]float64 // by the name of the price: tiers count all of it
}

func (b *bill) add(activity, what, price string, quantity float64) {
	if quantity <= 0 {
		return
	}
	b.lines = append(b.lines, Line{Activity: activity, What: what, Price: price, Quantity: quantity})
	b.totals[price] += quantity
}

func (b *bill) assume(name string) float64 { return b.prices.Assumptions[name].Value }

func (b *bill) request(activity string, stack Stack, requests, ms, answerBytes float64) {
	api := "rest-api-request"
	if stack.HTTPAPI {
		api = "http-api-request"
	}
	b.add(activity, "API Gateway: requests", api, requests)
	b.function(activity, activity+" function", stack, requests, ms)
	b.add(activity, "transfer: answers", "transfer-out-gb", requests*answerBytes/gb)
}

func (b *bill) function(activity, name string, stack Stack, invocations, ms float64) {
	b.add(activity, "Lambda: invocations of the "+name, "lambda-request", invocations)
	b.add(activity, "Lambda: time of the "+name, "lambda-arm64-gb-second", invocations*ms/1000*memory)
	if !stack.NoSystemLogs {
		b.add(activity, "logs of the "+name, "logs-gb", invocations*b.assume("log_bytes_per_invocation")/gb)
	}
}

func (b *bill) written(activity, what string, stack Stack, units float64) {
	if stack.Provisioned {
		b.add(activity, what, "dynamodb-provisioned-write-unit-hour",
			units/secondsPerMonth/b.assume("provisioned_utilization")*hoursPerMonth)
		return
	}
	b.add(activity, what, "dynamodb-write-unit", units)
}

func (b *bill) creates(load Load, stack Stack, u units) {
	n := load.perMonth(Create)
	b.request(Create, stack, n, b.assume("create_ms"), b.assume("answer_bytes")+float64(load.MessageBytes))
	b.written(Create, "DynamoDB: numbers", stack, n*u.create)
	b.add(Create, "SQS: sends", "sqs-standard-request", n)
	if !stack.NoFairQueue {
		b.add(Create, "SQS: fair queue", "sqs-fair-queue-request", n)
	}
	b.add(Create, "SQS: receives and deletes", "sqs-standard-request", 2*n/u.perReceive)
	b.function(Create, "writer", stack, n/u.batch,
		b.assume("writer_ms_per_batch")+u.batch*b.assume("writer_ms_per_message"))
	b.written(Create, "DynamoDB: rows and counts", stack, n*u.store)
	b.function(Create, "indexer", stack, n/u.indexed,
		b.assume("indexer_ms_per_batch")+u.indexed*b.assume("indexer_ms_per_message"))
	const indexBytes = 100 // of a row
	b.add(Create, "DynamoDB: storage of a month's messages", "dynamodb-storage-gb-month", n*(u.rowBytes+indexBytes)/gb)
	b.add(Create, "DynamoDB: backup of a month's messages", "dynamodb-backup-gb-month", n*u.rowBytes/gb)
}

func (b *bill) reads(load Load, stack Stack, u units) {
	n := load.perMonth(Read)
	b.request(Read, stack, n, b.assume("read_ms"), b.assume("answer_bytes")+float64(load.MessageBytes))
	if stack.Provisioned {
		b.add(Read, "DynamoDB: reads", "dynamodb-provisioned-read-unit-hour",
			n*u.read/secondsPerMonth/b.assume("provisioned_utilization")*hoursPerMonth)
		return
	}
	b.add(Read, "DynamoDB: reads", "dynamodb-read-unit", n*u.read)
}

func (b *bill) searches(load Load, stack Stack) {
	hits := b.assume("search_hits")
	b.request(Search, stack, load.perMonth(Search), b.assume("search_ms"),
		hits*(b.assume("answer_bytes")+float64(load.MessageBytes)))
}

// idle adds what does not depend on requests, or hardly.
func (b *bill) idle(load Load, stack Stack) {
	if stack.Serverless {
		ocus := max(b.assume("serverless_ocus"),
			math.Ceil(load.CreatesPerSecond/b.assume("serverless_creates_per_ocu_second")))
		b.add(Idle, "OpenSearch Serverless: compute", "opensearch-serverless-ocu-hour", ocus*hoursPerMonth)
		b.add(Idle, "OpenSearch Serverless: storage", "opensearch-serverless-gb-month",
			float64(stack.SearchNodes*stack.SearchGiB))
	} else {
		b.add(Idle, "OpenSearch: nodes", stack.SearchInstance, float64(stack.SearchNodes)*hoursPerMonth)
		b.add(Idle, "OpenSearch: disks", "opensearch-gp3-gib-month", float64(stack.SearchNodes*stack.SearchGiB))
	}
	b.add(Idle, "SQS: polls of an empty queue", "sqs-standard-request", leastPollers*secondsPerMonth/longPoll)
	b.add(Idle, "CloudWatch: alarms", "alarm-month", alarms)
}

// priced returns the lines with their share of what all of the same price
// costs, the most expensive first.
func (b *bill) priced() ([]Line, error) {
	for i, l := range b.lines {
		price, ok := b.prices.Prices[l.Price]
		if !ok {
			return nil, fmt.Errorf("prices.json has no price for %s", l.Price)
		}
		b.lines[i].Dollars = price.dollars(b.totals[l.Price]) * l.Quantity / b.totals[l.Price]
	}
	slices.SortStableFunc(b.lines, func(a, b Line) int { return cmp.Compare(b.Dollars, a.Dollars) })
	return b.lines, nil
}

// option is a stack that differs in one thing.
type option struct {
	name, price string
	stack       Stack
}

// options returns what is not done yet.
func options(s Stack) (all []option) {
	consider := func(done bool, name, price string, change func(*Stack)) {
		if !done {
			other := s
			change(&other)
			all = append(all, option{name, price, other})
		}
	}
	const window = 10
	consider(s.HTTPAPI, "HTTP API in place of the REST API",
		"no usage plans, no WAF, no gateway responses; not in every emulator",
		func(s *Stack) { s.HTTPAPI = true })
	consider(s.BatchWindow >= window, fmt.Sprintf("batch window of %d s", window),
		"a row can be read and found that much later",
		func(s *Stack) { s.BatchWindow = window })
	consider(s.PlainPuts, "plain puts in place of transactions",
		"counts are not exact, and a row and its count can part",
		func(s *Stack) { s.PlainPuts = true })
	consider(s.Serverless, "OpenSearch Serverless in place of the domain",
		"only a collection for searches takes ids of one's own; it cannot be made smaller than its least",
		func(s *Stack) { s.Serverless = true })
	consider(s.Provisioned, "provisioned capacity with auto scaling",
		"throttling where the load jumps; the load must be even",
		func(s *Stack) { s.Provisioned = true })
	consider(s.StaleReads, "eventually consistent reads", "a read may miss what was just written",
		func(s *Stack) { s.StaleReads = true })
	consider(s.NoFairQueue, "a queue without message groups", "an app that sends much holds up the others",
		func(s *Stack) { s.NoFairQueue = true })
	consider(s.NoSystemLogs, "SystemLogLevel WARN on the functions", "no line for each invocation; metrics stay",
		func(s *Stack) { s.NoSystemLogs = true })
	return all
}
