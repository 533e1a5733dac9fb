package main

// limits are the documented quotas of AWS that a create of a message meets on
// its way, and what the template and the code make of them. Rates are a second.
type limits struct {
	// API Gateway.
	apiRate, apiBurst float64

	// create-message and the account's Lambda functions.
	concurrency    float64 // environments at the same time, of the account
	perEnvironment float64 // requests that one environment handles
	scaling        float64 // environments that a function gains

	// DynamoDB.
	tableUnits   float64 // write units of a new table
	tableQuota   float64 // write units of one table, at most
	doubleWithin float64 // seconds after which the units of a full table double
	itemUnits    float64 // write units of one item, and of one partition
	isolateAfter float64 // seconds after which hot items have partitions of their own

	// SQS and the writer.
	inFlight       float64 // messages received and not deleted, of a queue
	pollers        float64 // concurrent batches that a mapping begins with
	pollersPerMin  float64 // that it gains a minute
	maxPollers     float64 // of a mapping
	writers        float64 // the template's WriterConcurrency
	batch          float64 // the mapping's BatchSize
	batchSeconds   float64 // a writer's time for one batch
	rowUnits       float64 // write units for one message's row of up to 1 KB
	countUnits     float64 // write units for the count in one transaction
	countsPerChat  float64 // transactions on one chat's count, in order
	countsInStream bool    // counts are kept from the stream, and not with the rows

	// The indexer and OpenSearch.
	indexed float64 // documents
}

// source says where a limit is documented, or that it is assumed.
type source struct {
	what, value, url string
}

// today are the default quotas of an account and the template's defaults.
func today() limits {
	return limits{
		apiRate: 1000, apiBurst: 2000,
		concurrency: 1000, perEnvironment: 10, scaling: 100,
		tableUnits: 4000, tableQuota: 40000, doubleWithin: 1800, itemUnits: 1000, isolateAfter: 300,
		inFlight: 120000, pollers: 5, pollersPerMin: 300, maxPollers: 1250, writers: 10, batch: 99, batchSeconds: 0.05,
		rowUnits: 2, countUnits: 2, countsPerChat: 100,
		indexed: 1500,
	}
}

var sources = []source{
	{"API Gateway: requests of an account and region", "10,000 a second, 5,000 at once", "https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"},
	{"API Gateway: the template's ThrottlingRate and ThrottlingBurst", "1,000 a second, 2,000 at once", "template.yaml"},
	{"Lambda: environments of an account and region", "1,000", "https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"},
	{"Lambda: requests", "10 a second for each environment", "https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"},
	{"Lambda: scaling of a function", "1,000 environments every 10 seconds", "https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html"},
	{"DynamoDB: a new table on demand", "4,000 write units a second", "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput-scenarios.html"},
	{"DynamoDB: growth on demand", "twice the previous peak within 30 minutes", "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html"},
	{"DynamoDB: a table", "40,000 write units a second", "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"},
	{"DynamoDB: a partition, and so an item", "1,000 write units a second", "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"},
	{"DynamoDB: hot items get partitions of their own", "after 5 minutes (assumed; AWS gives no time)", "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html"},
	{"DynamoDB: a write in a transaction", "twice the units", "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"},
	{"DynamoDB: transactions on one item", "100 a second (assumed: 10 ms each, in order)", "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"},
	{"SQS: sends to a standard queue", "nearly unlimited", "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"},
	{"SQS: messages in flight of a standard queue", "120,000", "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"},
	{"Lambda: batches of a queue's mapping at the same time", "5, and 300 more a minute up to 1,250", "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"},
	{"Lambda: messages of a batch of a standard queue", "10,000, with a window; the template has 99", "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"},
	{"writer: a batch", "50 ms (assumed)", "functions/writer"},
	{"OpenSearch: documents", "1,500 a second on one t3.small.search, 5,000 on an r7g.large.search (assumed; measure yours)", "template.yaml"},
}

// step is a change of the limits, on top of those before it.
type step struct {
	name   string
	change func(*limits)
}

// steps raise what saturates, in order.
var steps = []step{
	{"as the template's defaults are", func(*limits) {}},
	{"ThrottlingRate at the account's 10,000, WriterConcurrency 1,000", func(l *limits) {
		l.apiRate, l.apiBurst, l.writers = 10000, 5000, 1000
	}},
	{"quota of API Gateway raised to 120,000 a second", func(l *limits) { l.apiRate, l.apiBurst = 120000, 5000 }},
	{"quota of Lambda raised to 15,000 environments", func(l *limits) { l.concurrency = 15000 }},
	{"quota of a table raised to 600,000 write units", func(l *limits) { l.tableQuota = 600000 }},
	{"tables warmed for 600,000 write units before", func(l *limits) { l.tableUnits = 600000 }},
	{"BatchSize 10,000 for the writer, with its window of 1 s", func(l *limits) { l.batch, l.batchSeconds = 10000, 1 }},
	{"OpenSearch on 24 r7g.large.search", func(l *limits) { l.indexed = 24 * 5000 }},
	{"rows by plain puts, counts from the stream", func(l *limits) {
		l.rowUnits, l.countUnits, l.countsInStream = 1, 0, true
	}},
}
