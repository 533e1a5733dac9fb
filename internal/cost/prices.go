package cost

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

// Prices are list prices of one region, without free tiers, and what is
// assumed if nothing can be counted.
type Prices struct {
	Region      string                `json:"region"`
	Currency    string                `json:"currency"`
	Prices      map[string]Price      `json:"prices"`
	Assumptions map[string]Assumption `json:"assumptions"`
}

// Price is the price of one thing, and where it was read.
type Price struct {
	Per    string `json:"per"`
	Tiers  []Tier `json:"tiers"` // in their order; the last has no end
	Source string `json:"source"`
	Date   string `json:"date"`
}

// Tier is the price up to a quantity a month.
type Tier struct {
	UpTo  float64 `json:"up_to,omitempty"`
	Price float64 `json:"price"`
}

// Assumption is a figure that depends on the load, or that AWS does not say.
type Assumption struct {
	Value float64 `json:"value"`
	Why   string  `json:"why"`
}

//go:embed prices.json
var pricesJSON []byte

// ListPrices returns the prices of prices.json.
func ListPrices() (Prices, error) {
	var p Prices
	if err := json.Unmarshal(pricesJSON, &p); err != nil {
		return Prices{}, fmt.Errorf("decode prices.json: %w", err)
	}
	return p, nil
}

// dollars returns what a quantity costs in a month.
func (p Price) dollars(quantity float64) float64 {
	var total, from float64
	for _, t := range p.Tiers {
		if t.UpTo == 0 || quantity <= t.UpTo {
			return total + (quantity-from)*t.Price
		}
		total += (t.UpTo - from) * t.Price
		from = t.UpTo
	}
	return total
}
