package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// TestPageIsUpToDate also holds that the same seed gives the same page.
func TestPageIsUpToDate(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("../..", pageFile))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	writePage(&got, standard)
	if !bytes.Equal(want, got.Bytes()) {
		t.Errorf("%s is not what the simulation gives: make scale-update", pageFile)
	}
}

// TestSimulate holds what can be worked out by hand.
func TestSimulate(t *testing.T) {
	open := func(change func(*limits)) limits { // nothing saturates but what change closes
		l := today()
		l.apiRate, l.concurrency, l.scaling = 1e9, 1e9, 1e9
		l.tableUnits, l.tableQuota, l.itemUnits = 1e6, 1e6, 1e6
		l.inFlight, l.pollers, l.maxPollers, l.writers = 1e12, 1e9, 1e9, 1e9
		l.countsPerChat, l.indexed = 1e12, 1e12
		change(&l)
		return l
	}
	even := load{creates: 10_000, chats: 10_000, seconds: 600, seed: 7}
	one := load{creates: 10_000, chats: 1, seconds: 600, seed: 7}
	for _, tt := range []struct {
		name   string
		of     load
		change func(*limits)
		figure func(result) float64
		want   float64
	}{
		{"nothing saturates", even, func(*limits) {}, func(r result) float64 { return r.indexed }, 10_000},
		{"the API's rate", even, func(l *limits) { l.apiRate = 4000 }, func(r result) float64 { return r.accepted }, 4000},
		{"ten requests a second for each environment", even, func(l *limits) { l.concurrency = 300 }, func(r result) float64 { return r.accepted }, 3000},
		{"one chat takes what one item takes", one, func(l *limits) { l.itemUnits = 1000 }, func(r result) float64 { return r.accepted }, 1000},
		{"and stores half of it in transactions", one, func(l *limits) { l.itemUnits = 1000 }, func(r result) float64 { return r.stored }, 500},
		{"and all of it by plain puts", one, func(l *limits) { l.itemUnits, l.rowUnits = 1000, 1 }, func(r result) float64 { return r.stored }, 1000},
		{"one count takes a transaction for each batch", one, func(l *limits) { l.countsPerChat, l.batch = 10, 100 }, func(r result) float64 { return r.stored }, 1000},
		{"larger batches need fewer", one, func(l *limits) { l.countsPerChat, l.batch = 10, 1000 }, func(r result) float64 { return r.stored }, 10_000},
		{"a table", even, func(l *limits) { l.tableUnits, l.tableQuota = 5000, 5000 }, func(r result) float64 { return r.accepted }, 5000},
		{"writers", even, func(l *limits) { l.writers, l.batch, l.batchSeconds = 5, 100, 0.1 }, func(r result) float64 { return r.stored }, 5000},
		{"messages in flight", even, func(l *limits) { l.inFlight, l.batch, l.batchSeconds = 1000, 100, 1 }, func(r result) float64 { return r.stored }, 1000},
		{"OpenSearch", even, func(l *limits) { l.indexed = 2000 }, func(r result) float64 { return r.indexed }, 2000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.figure(simulate(tt.of, open(tt.change)))
			if math.Abs(got-tt.want) > 0.01*tt.want {
				t.Errorf("%.0f a second, want %.0f", got, tt.want)
			}
		})
	}
}

// TestTablesGrow holds that a table that is full doubles in half an hour.
func TestTablesGrow(t *testing.T) {
	l := limits{tableQuota: 10_000, doubleWithin: 1800}
	grows := table{units: 4000}
	for range 3600 / tick * 2 {
		grows.consume(l, 20_000)
	}
	if grows.units != 10_000 {
		t.Errorf("%.0f units after two hours, want the quota", grows.units)
	}
}

// TestSimulateChat holds that a chat stores what its partition takes and loses no
// create, and that the simulation shows what would lose some.
func TestSimulateChat(t *testing.T) {
	small, long := chatLoad{rate: 495, row: 2, seconds: 600, seed: 1}, chatLoad{rate: 50, row: 34, seconds: 600, seed: 1}
	tooMany := chatLoad{rate: 1000, row: 2, seconds: 600, seed: 1}
	for _, tt := range []struct {
		name          string
		of            chatLoad
		change        func(*chatLimits)
		least, most   float64 // stored a second
		dead, expired bool
	}{
		{"what a partition takes", small, func(*chatLimits) {}, 494, 496, false, false},
		{"more than it takes", tooMany, func(*chatLimits) {}, 220, 500, false, false},
		{"more, if refused transactions consume nothing", tooMany, func(l *chatLimits) { l.wasted = 0 }, 495, 501, false, false},
		{"long messages, more than it takes", long, func(*chatLimits) {}, 15, 30, false, false},
		{"more than it takes, two writers", tooMany, func(l *chatLimits) { l.writers = 2 }, 220, 500, false, false},
		{
			"transactions that are larger than what a partition takes", long,
			func(l *chatLimits) { l.units, l.halve, l.receives = 1e9, false, 5 }, 0, 1, true, false,
		},
		{"a short retention", tooMany, func(l *chatLimits) { l.retention = 60_000 }, 220, 500, false, true},
		{"few receives", long, func(l *chatLimits) { l.receives = 2 }, 15, 30, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := chatToday
			tt.change(&l)
			r := simulateChat(tt.of, l)
			if r.rate < tt.least || r.rate > tt.most {
				t.Errorf("%.1f a second, want %.0f to %.0f", r.rate, tt.least, tt.most)
			}
			if (r.dead > 0) != tt.dead || (r.expired > 0) != tt.expired || r.stored+r.dead+r.expired != r.created {
				t.Errorf("result %+v, want dead letters: %t, expired: %t", r, tt.dead, tt.expired)
			}
		})
	}
}
