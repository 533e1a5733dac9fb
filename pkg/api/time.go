package api

import (
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Time is a time in an answer. As text it has always three decimals, so that
// texts sort as the times do; time.Time leaves zeros at the end out.
type Time struct{ time.Time }

const timeFormat = "2006-01-02T15:04:05.000Z07:00" // RFC 3339

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(make([]byte, 0, len(timeFormat)+2), `"`+timeFormat+`"`), nil
}

// Schema implements huma.SchemaProvider.
func (Time) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time"}
}
