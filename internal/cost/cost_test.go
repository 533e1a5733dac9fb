package cost_test

import (
	"math"
	"strings"
	"testing"

	"chatapi/internal/cost"
)

func estimate(t *testing.T, load cost.Load, stack cost.Stack) cost.Report {
	t.Helper()
	estimator, err := cost.New()
	if err != nil {
		t.Fatal(err)
	}
	report, err := estimator.Estimate(load, stack)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func near(got, want float64) bool { return math.Abs(got-want) <= 0.005*max(math.Abs(want), 0.01) }

// TestQuantities holds what is paid for against sums made by hand. A month has
// 2,628,000 seconds.
func TestQuantities(t *testing.T) {
	const million = 1e6
	month := 2.628 * million
	for _, tt := range []struct {
		name     string
		load     cost.Load
		change   func(*cost.Stack)
		what     string
		quantity float64
	}{
		{"each create is a request", cost.Load{CreatesPerSecond: 1, MessageBytes: 100, Chats: 1}, nil, "create API Gateway: requests", month},
		{"each create takes a number", cost.Load{CreatesPerSecond: 1, MessageBytes: 100, Chats: 1}, nil, "create DynamoDB: numbers", month},
		{"alone in its batch, a row and a count in a transaction", cost.Load{CreatesPerSecond: 1, MessageBytes: 100, Chats: 1}, nil, "create DynamoDB: rows and counts", 4 * month},
		{"99 of one chat in a batch share the count", cost.Load{CreatesPerSecond: 1000, MessageBytes: 100, Chats: 1}, nil, "create DynamoDB: rows and counts", (2 + 2.0/99) * 1000 * month},
		{"99 of a million chats in a batch share nothing", cost.Load{CreatesPerSecond: 1000, MessageBytes: 100, Chats: million}, nil, "create DynamoDB: rows and counts", 4 * 1000 * month},
		{"a row of two KB takes twice the units", cost.Load{CreatesPerSecond: 1000, MessageBytes: 1500, Chats: million}, nil, "create DynamoDB: rows and counts", 6 * 1000 * month},
		{"plain puts take half", cost.Load{CreatesPerSecond: 1, MessageBytes: 100, Chats: 1}, func(s *cost.Stack) { s.PlainPuts = true }, "create DynamoDB: rows and counts", 2 * month},
		{"one receive and one delete each", cost.Load{CreatesPerSecond: 1, MessageBytes: 100, Chats: 1}, nil, "create SQS: receives and deletes", 2 * month},
		{"ten messages to a receive and a delete", cost.Load{CreatesPerSecond: 1000, MessageBytes: 100, Chats: 1}, nil, "create SQS: receives and deletes", 2 * 100 * month},
		{"a read of a short message", cost.Load{ReadsPerSecond: 1, MessageBytes: 100, Chats: 1}, nil, "read DynamoDB: reads", month},
		{"a read of a long message", cost.Load{ReadsPerSecond: 1, MessageBytes: 16384, Chats: 1}, nil, "read DynamoDB: reads", 5 * month},
		{"a stale read", cost.Load{ReadsPerSecond: 1, MessageBytes: 100, Chats: 1}, func(s *cost.Stack) { s.StaleReads = true }, "read DynamoDB: reads", month / 2},
		{"provisioned reads are hours of capacity", cost.Load{ReadsPerSecond: 70, MessageBytes: 100, Chats: 1}, func(s *cost.Stack) { s.Provisioned = true }, "read DynamoDB: reads", 100 * 730},
		{"three nodes", cost.Load{}, func(s *cost.Stack) { s.SearchNodes = 3 }, "idle OpenSearch: nodes", 3 * 730},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stack := cost.TemplateStack()
			if tt.change != nil {
				tt.change(&stack)
			}
			for _, l := range estimate(t, tt.load, stack).Lines {
				if l.Activity+" "+l.What == tt.what {
					if !near(l.Quantity, tt.quantity) {
						t.Errorf("%s: %g, want %g", tt.what, l.Quantity, tt.quantity)
					}
					return
				}
			}
			t.Errorf("there is no line %s", tt.what)
		})
	}
}

func TestDollars(t *testing.T) {
	for _, tt := range []struct {
		name string
		load cost.Load
		of   func(cost.Report) float64
		want float64
	}{
		// A node, 10 GiB, four alarms, 657,000 polls.
		{"without a request", cost.Load{}, func(r cost.Report) float64 { return r.Dollars }, 26.28 + 1.22 + 0.40 + 0.2628},
		// A request of API Gateway, one of Lambda, 3.5 GB-ms, 700 bytes of log, a read unit, 700 bytes to the internet of which 100 GB are free.
		{"a million reads", cost.Load{ReadsPerSecond: 1, MessageBytes: 100, Chats: 1}, func(r cost.Report) float64 { return r.PerMillion[cost.Read] }, 3.50 + 0.20 + 0.0467 + 0.35 + 0.125},
		{"beyond a price's first tier", cost.Load{ReadsPerSecond: 333e6 * 2 / 2.628e6, MessageBytes: 1, Chats: 1}, func(r cost.Report) float64 {
			for _, l := range r.Lines {
				if l.What == "API Gateway: requests" {
					return l.Dollars
				}
			}
			return 0
		}, 333*3.50 + 333*2.80},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.of(estimate(t, tt.load, cost.TemplateStack())); !near(got, tt.want) {
				t.Errorf("$%.4f, want $%.4f", got, tt.want)
			}
		})
	}
}

// TestOptions holds that each option saves what it says, and is not offered
// where it is taken.
func TestOptions(t *testing.T) {
	load := cost.Load{CreatesPerSecond: 100, ReadsPerSecond: 500, SearchesPerSecond: 5, MessageBytes: 300, Chats: 1000}
	before := estimate(t, load, cost.TemplateStack())
	for _, tt := range []struct {
		name   string
		change func(*cost.Stack)
	}{
		{"HTTP API", func(s *cost.Stack) { s.HTTPAPI = true }},
		{"batch window", func(s *cost.Stack) { s.BatchWindow = 10 }},
		{"plain puts", func(s *cost.Stack) { s.PlainPuts = true }},
		{"OpenSearch Serverless", func(s *cost.Stack) { s.Serverless = true }},
		{"provisioned", func(s *cost.Stack) { s.Provisioned = true }},
		{"eventually consistent", func(s *cost.Stack) { s.StaleReads = true }},
		{"without message groups", func(s *cost.Stack) { s.NoFairQueue = true }},
		{"SystemLogLevel", func(s *cost.Stack) { s.NoSystemLogs = true }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stack := cost.TemplateStack()
			tt.change(&stack)
			after := estimate(t, load, stack)
			offered := optionOf(before, tt.name)
			if offered == nil || !near(offered.Saving, before.Dollars-after.Dollars) {
				t.Errorf("offered %+v, saves $%.2f", offered, before.Dollars-after.Dollars)
			}
			if optionOf(after, tt.name) != nil {
				t.Error("offered again")
			}
		})
	}
}

func optionOf(r cost.Report, name string) *cost.Option {
	for _, o := range r.Options {
		if strings.Contains(o.Name, name) {
			return &o
		}
	}
	return nil
}

// TestPricesHaveSources holds that each price says where and when it was read.
func TestPricesHaveSources(t *testing.T) {
	prices, err := cost.ListPrices()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range prices.Prices {
		if !strings.HasPrefix(p.Source, "https://") || p.Date == "" || p.Per == "" || len(p.Tiers) == 0 || p.Tiers[len(p.Tiers)-1].UpTo != 0 {
			t.Errorf("%s is not complete: %+v", name, p)
		}
	}
}
