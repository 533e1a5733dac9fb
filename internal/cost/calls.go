package cost

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

// Row is what one operation takes in one case, as the stand-ins of the engines
// counted it.
type Row struct {
	Operation string         `json:"operation"`
	Case      string         `json:"case"`
	Calls     map[string]int `json:"calls"` // such as "DynamoDB GetItem Chats": how many
	// Actions are what the caller's role must allow, sorted, such as
	// "dynamodb:GetItem Chats". OpenSearch's are not among them.
	Actions []string `json:"actions,omitempty"`

	ReadUnits  float64 `json:"read_units"`
	WriteUnits float64 `json:"write_units"`
}

// Table is what every operation takes.
type Table struct {
	MessageOverhead int   `json:"message_overhead_bytes"` // of a message's row, besides its body
	Rows            []Row `json:"rows"`
}

//go:embed calls.json
var callsJSON []byte

// Calls returns the table that the tests hold to be true.
func Calls() (Table, error) {
	var t Table
	if err := json.Unmarshal(callsJSON, &t); err != nil {
		return Table{}, fmt.Errorf("decode calls.json: %w", err)
	}
	return t, nil
}

// row returns the row of an operation and a case.
func (t Table) row(operation, name string) (Row, error) {
	for _, r := range t.Rows {
		if r.Operation == operation && r.Case == name {
			return r, nil
		}
	}
	return Row{}, fmt.Errorf("calls.json has no row for %s: %s", operation, name)
}
