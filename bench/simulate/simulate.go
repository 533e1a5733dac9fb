package main

import (
	"math"
	"math/rand/v2"
)

// load is what clients offer.
type load struct {
	creates float64 // a second
	chats   int
	skew    float64 // exponent of Zipf's law: the k-th busiest chat gets a share of 1/k^skew
	seconds int
	seed    uint64
}

// The places where creates are refused or wait, on their way.
const (
	atAPI       = "API Gateway's rate"
	atLambda    = "Lambda's concurrency"
	atTable     = "the Counters table's capacity"
	atPartition = "partitions of the Counters table that hold several busy chats"
	atItem      = "the counters of the busiest chats"
	atWriters   = "the number of writers"
	atRows      = "the Messages table's capacity"
	atHotRows   = "the partitions of the busiest chats' messages"
	atCounts    = "transactions on the busiest chats' counts"
	atIndex     = "OpenSearch"
)

// result is what became of a load, a second, over the last minute.
type result struct {
	accepted, stored, indexed float64
	refused                   map[string]float64 // by the place that refused
	waiting                   map[string]float64 // what is added to the backlog, by the place that delays it
	busiest                   float64            // creates of the busiest chat that were accepted
}

// tick is the length of a step in seconds.
const tick = 10

// heads is how many of the busiest chats are simulated each; the others share the
// rest evenly.
const heads = 5000

// machine is the state of a run.
type machine struct {
	limits
	load
	noise        *rand.Rand
	shares       []float64 // of the busiest chats
	rest         float64   // share of all others
	home         []uint64  // a number by which a chat finds its partition
	environments float64
	counters     table
	messages     table
	pollers      float64
	hot          float64 // seconds for which a partition has been too hot
}

// table is the capacity of a table on demand.
type table struct {
	units float64
	full  float64 // seconds for which it has been full
}

// consume returns the units that a table provides of those wanted in a second, and
// lets it grow.
func (t *table) consume(l limits, wanted float64) float64 {
	provided := min(wanted, t.units)
	if wanted < t.units {
		t.full = 0
		return provided
	}
	if t.full += tick; t.full >= l.doubleWithin {
		t.units, t.full = min(2*t.units, l.tableQuota), 0
	}
	return provided
}

func newMachine(of load, l limits) *machine {
	m := &machine{limits: l, load: of, noise: rand.New(rand.NewPCG(of.seed, 1))}
	m.environments, m.pollers = l.scaling*tick, min(l.pollers, l.writers)
	m.counters.units = min(l.tableUnits, l.tableQuota)
	m.messages.units = m.counters.units
	var sum float64
	for k := 1; k <= of.chats; k++ {
		share := math.Pow(float64(k), -of.skew)
		sum += share
		if k <= heads {
			m.shares = append(m.shares, share)
			m.home = append(m.home, m.noise.Uint64())
		}
	}
	m.rest = 1
	for k := range m.shares {
		m.shares[k] /= sum
		m.rest -= m.shares[k]
	}
	return m
}

// simulate runs a load against limits. The same seed gives the same result.
func simulate(of load, l limits) result {
	m := newMachine(of, l)
	var last []result
	for at := 0; at < of.seconds; at += tick {
		r := m.second()
		if at >= of.seconds-60 {
			last = append(last, r)
		}
		m.grow()
	}
	return mean(last)
}

// second works out one second, which stands for the whole tick.
func (m *machine) second() result {
	r := result{refused: map[string]float64{}, waiting: map[string]float64{}}
	offered := m.creates * (1 + m.noise.NormFloat64()/math.Sqrt(m.creates))
	through := m.front(&r, offered)
	heads, rest := m.numbers(&r, through)
	r.accepted = rest
	for _, rate := range heads {
		r.accepted += rate
	}
	r.busiest = heads[0]
	m.store(&r, heads, rest)
	return r
}

// front is API Gateway and Lambda, which do not know chats.
func (m *machine) front(r *result, offered float64) float64 {
	through := min(offered, m.apiRate+m.apiBurst/float64(m.seconds))
	r.refused[atAPI] += offered - through
	served := min(through, m.environments*m.perEnvironment)
	r.refused[atLambda] += through - served
	return served
}

// numbers is the Counters table: one write unit each.
func (m *machine) numbers(r *result, rate float64) (heads []float64, rest float64) {
	heads = make([]float64, len(m.shares))
	var asked float64
	for k, share := range m.shares {
		heads[k] = min(rate*share, m.itemUnits)
		r.refused[atItem] += rate*share - heads[k]
		asked += heads[k]
	}
	rest = rate * m.rest
	asked += rest
	if m.hot < m.isolateAfter {
		asked -= m.partitions(r, heads)
	}
	provided := m.counters.consume(m.limits, asked)
	r.refused[atTable] += asked - provided
	for k := range heads {
		heads[k] *= provided / asked
	}
	return heads, rest * provided / asked
}

// partitions reduces the rates of busy chats to what the partitions that they share
// provide, and returns by how much.
func (m *machine) partitions(r *result, heads []float64) (refused float64) {
	sums := make([]float64, max(int(m.counters.units/m.itemUnits), 1))
	for k, rate := range heads {
		sums[m.home[k]%uint64(len(sums))] += rate
	}
	tooHot := false
	for k := range heads {
		sum := sums[m.home[k]%uint64(len(sums))]
		if sum <= m.itemUnits {
			continue
		}
		tooHot = true
		kept := heads[k] * m.itemUnits / sum
		refused += heads[k] - kept
		heads[k] = kept
	}
	if tooHot {
		m.hot += tick
	}
	r.refused[atPartition] += refused
	return refused
}

// store is the queue, the writers and the tables that they write.
func (m *machine) store(r *result, heads []float64, rest float64) {
	batches := min(m.pollers, m.inFlight/m.batch) / m.batchSeconds // a second
	room := batches * m.batch
	// Each chat's rows are in one partition, at its end, which no split helps;
	// and each batch that holds messages of a chat changes its count once.
	storable := rest
	for _, rate := range heads {
		allowed := m.rowsOf(r, rate, min(batches, r.accepted/m.batch))
		storable += allowed
	}
	if storable > room {
		r.waiting[atWriters] += storable - room
		storable = room
	}
	unitsEach := m.rowUnits + m.countUnits/max(m.perCount(heads, rest), 1)
	stored := m.messages.consume(m.limits, storable*unitsEach) / unitsEach
	r.waiting[atRows] += storable - stored
	r.stored = stored
	r.indexed = min(r.stored, m.indexed)
	r.waiting[atIndex] += r.stored - r.indexed
}

// rowsOf returns how many of one chat's messages can be stored, at so many
// batches a second.
func (m *machine) rowsOf(r *result, rate, batches float64) float64 {
	allowed := min(rate, m.itemUnits/m.rowUnits)
	r.waiting[atHotRows] += rate - allowed
	if m.countsInStream {
		return allowed
	}
	// A chat is in each batch at most once.
	transactions := min(batches, rate)
	if transactions > m.countsPerChat {
		kept := min(allowed, rate*m.countsPerChat/transactions)
		r.waiting[atCounts] += allowed - kept
		allowed = kept
	}
	return allowed
}

// perCount returns how many messages share a count in a batch, on average.
func (m *machine) perCount(heads []float64, rest float64) float64 {
	total := rest
	for _, rate := range heads {
		total += rate
	}
	if total == 0 {
		return 1
	}
	different := m.batch * rest / total // nearly each of another chat
	for _, rate := range heads {
		different += 1 - math.Pow(1-rate/total, m.batch)
	}
	return m.batch / different
}

// grow lets Lambda scale for a tick.
func (m *machine) grow() {
	m.environments = min(m.environments+m.scaling*tick, m.concurrency)
	m.pollers = min(m.pollers+m.pollersPerMin*tick/60, m.maxPollers, m.writers)
}

func mean(results []result) result {
	all := result{refused: map[string]float64{}, waiting: map[string]float64{}}
	n := float64(len(results))
	for _, r := range results {
		all.accepted += r.accepted / n
		all.stored += r.stored / n
		all.indexed += r.indexed / n
		all.busiest += r.busiest / n
		for place, rate := range r.refused {
			all.refused[place] += rate / n
		}
		for place, rate := range r.waiting {
			all.waiting[place] += rate / n
		}
	}
	return all
}
