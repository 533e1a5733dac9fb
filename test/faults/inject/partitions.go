//go:build linux

package inject

import (
	"encoding/json"
	"sync"
	"time"
)

// partitionUnits is how many write units a second DynamoDB accepts for one
// partition key.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
const partitionUnits = 1000

// partitions is a model of DynamoDB's partitions: each accepts partitionUnits a
// second, and those of one second at once. DynamoDB Local knows no such limit.
type partitions struct {
	mu   sync.Mutex
	used map[string]usedUnits
}

type usedUnits struct {
	units float64
	at    time.Time
}

func newPartitions() *partitions { return &partitions{used: map[string]usedUnits{}} }

// write is a request that writes, as far as the model needs it.
type write struct {
	writeItem
	TransactItems []map[string]writeItem // by Put, Update, Delete or ConditionCheck
}

type writeItem struct {
	TableName string
	Item, Key map[string]json.RawMessage
}

// keyNames are the partition keys of the tables; those of a table that has two
// of them come first.
var keyNames = []string{"chat", "counter", "key", "app_token"}

// partition returns the name of an item's partition.
func (i writeItem) partition() string {
	for _, of := range []map[string]json.RawMessage{i.Key, i.Item} {
		for _, name := range keyNames {
			if value, ok := of[name]; ok {
				return i.TableName + string(value)
			}
		}
	}
	return i.TableName
}

// units is how many write units an item consumes: one for each KB of the row, of
// which an update shows too little to tell.
func (i writeItem) units() float64 {
	size := 0
	for name, value := range i.Item {
		size += len(name) + len(value)
	}
	return float64(max(1, (size+1023)/1024))
}

// items returns what a request writes; a transaction consumes twice the units.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-capacity-handling
func (w write) items() (items []writeItem, factor float64) {
	if len(w.TransactItems) == 0 {
		return []writeItem{w.writeItem}, 1
	}
	for _, one := range w.TransactItems {
		for _, item := range one {
			items = append(items, item)
		}
	}
	return items, 2
}

// consume uses up the units of a request, or none if a partition lacks them: then
// it returns which items are throttled.
func (p *partitions) consume(w write) (throttled []bool) {
	items, factor := w.items()
	p.mu.Lock()
	defer p.mu.Unlock()
	now, asked := time.Now(), map[string]float64{}
	for _, item := range items {
		asked[item.partition()] += factor * item.units()
	}
	full := map[string]bool{}
	for name, units := range asked {
		u := p.used[name]
		u.units = max(0, u.units-partitionUnits*now.Sub(u.at).Seconds())
		u.at = now
		p.used[name] = u
		full[name] = u.units+units > partitionUnits
	}
	for _, item := range items {
		throttled = append(throttled, full[item.partition()])
	}
	for _, t := range throttled {
		if t {
			return throttled
		}
	}
	for name, units := range asked {
		u := p.used[name]
		u.units += units
		p.used[name] = u
	}
	return nil
}
