package standin

import (
	"encoding/base64"
	"math"
	"strings"
)

// What AWS counts.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/capacity-mode.html
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
const (
	readUnit  = 4 << 10 // bytes that one strongly consistent read unit reads
	writeUnit = 1 << 10 // bytes that one write unit writes

	eventually     = 0.5 // of the units, if a read may be stale
	transactional  = 2   // times the units, in a transaction
	leastRead      = 1   // units, even if nothing is found
	leastWrite     = 1   // units, even if nothing is written
	collectionSize = 3   // bytes of a list or map, besides 1 for each element
)

// readUnits returns the read units of a number of bytes read in one go.
func readUnits(bytes int, consistent bool) float64 {
	units := max(math.Ceil(float64(bytes)/readUnit), leastRead)
	if !consistent {
		units *= eventually
	}
	return units
}

// writeUnits returns the write units of a row that was there and is there then,
// either nil for none: the larger counts, even if a condition refuses it.
func writeUnits(was, is item) float64 {
	return max(math.Ceil(float64(max(size(was), size(is)))/writeUnit), leastWrite)
}

// size returns the bytes of a row: its names and its values.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
func size(row item) int {
	bytes := 0
	for name, v := range row {
		bytes += len(name) + v.size()
	}
	return bytes
}

func (v value) size() int {
	for kind, held := range v {
		switch kind {
		case "S":
			return len(held.(string))
		case "N":
			return numberSize(held.(string))
		case "B":
			return base64.StdEncoding.DecodedLen(len(held.(string)))
		case "BOOL", "NULL":
			return 1
		case "M":
			bytes := collectionSize
			for name, nested := range held.(map[string]any) {
				bytes += 1 + len(name) + value(nested.(map[string]any)).size()
			}
			return bytes
		case "L":
			bytes := collectionSize
			for _, nested := range held.([]any) {
				bytes += 1 + value(nested.(map[string]any)).size()
			}
			return bytes
		default:
			panic(invalid("values of type %s are not known here", kind))
		}
	}
	return 0
}

// numberSize returns about a byte for every two significant digits, one more,
// and one for a sign.
func numberSize(number string) int {
	digits := strings.Trim(strings.ReplaceAll(strings.TrimPrefix(number, "-"), ".", ""), "0")
	bytes := (len(digits)+1)/2 + 1
	if strings.HasPrefix(number, "-") {
		bytes++
	}
	return bytes
}
