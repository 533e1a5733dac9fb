package standin

import (
	"strings"
	"testing"
)

// rowOf returns a row that counts as a number of bytes.
func rowOf(bytes int) item { return item{"body": value{"S": strings.Repeat("x", bytes-len("body"))}} }

// TestUnits holds the rules by the examples on DynamoDB's pages.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
func TestUnits(t *testing.T) {
	const kb = 1024
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		{"a read of nothing", readUnits(0, true), 1},
		{"a read of 4 KB", readUnits(4*kb, true), 1},
		{"a read of 8 KB", readUnits(8*kb, true), 2},
		{"a stale read of 8 KB", readUnits(8*kb, false), 1},
		{"a write of nothing", writeUnits(nil, nil), 1},
		{"a write of 1 KB", writeUnits(nil, rowOf(kb)), 1},
		{"a write of 3 KB", writeUnits(nil, rowOf(3*kb)), 3},
		{"a large row that becomes small", writeUnits(rowOf(3*kb), rowOf(10)), 3},
		{"a row that goes", writeUnits(rowOf(2*kb+1), nil), 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("%g units, want %g", tt.got, tt.want)
			}
		})
	}
}

func TestSize(t *testing.T) {
	for _, tt := range []struct {
		name string
		row  item
		want int
	}{
		{"text", item{"ab": {"S": "é"}}, 4},
		{"number", item{"n": {"N": "1234"}}, 1 + 3},
		{"number with zeros at its end", item{"n": {"N": "1200"}}, 1 + 2},
		{"negative number", item{"n": {"N": "-12"}}, 1 + 3},
		{"flag", item{"b": {"BOOL": true}}, 1 + 1},
		{"map", item{"m": {"M": map[string]any{"k": map[string]any{"S": "vv"}}}}, 1 + 3 + 1 + 1 + 2},
		{"list", item{"l": {"L": []any{map[string]any{"S": "vv"}}}}, 1 + 3 + 1 + 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := size(tt.row); got != tt.want {
				t.Errorf("%d bytes, want %d", got, tt.want)
			}
		})
	}
}

// TestConditions holds that conditions, as the SDK's expression builder writes
// them, are understood.
func TestConditions(t *testing.T) {
	row := item{"version": {"N": "3"}, "owner": {"S": "ada"}}
	in := &request{
		ExpressionAttributeNames:  map[string]string{"#0": "version", "#1": "owner", "#2": "deleted_at"},
		ExpressionAttributeValues: map[string]value{":0": {"N": "3"}, ":1": {"N": "10"}, ":2": {"S": "ada"}},
	}
	for _, tt := range []struct {
		condition string
		want      bool
	}{
		{"", true},
		{"attribute_exists (#0)", true},
		{"attribute_not_exists (#0)", false},
		{"(attribute_exists (#0)) AND (attribute_not_exists (#2))", true},
		{"(attribute_not_exists (#0)) OR (#0 < :1)", true},
		{"#0 BETWEEN :0 AND :1", true},
		{"#0 IN (:1, :0)", true},
		{"#0 IN (:1)", false},
		{"NOT (#1 = :2)", false},
		{"#2 <= :1", false},
		{"#0 <> :2", true},
		{"(#1 = :2) AND (#0 > :1)", false},
	} {
		t.Run(tt.condition, func(t *testing.T) {
			if got := newExpression(tt.condition, in).holds(row); got != tt.want {
				t.Errorf("holds: %v, want %v", got, tt.want)
			}
		})
	}
}
