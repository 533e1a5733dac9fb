package api

import (
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Time is a time in an answer. As text it has always three decimals, so that
// texts sort as the times do; time.Time leaves zeros at the end out.
type Time time.Time

const timeFormat = "2006-01-02T15:04:05.000Z07:00" // RFC 3339

// MarshalText implements encoding.TextMarshaler, after which encoding/json has
// less to check than after a json.Marshaler.
func (t Time) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(make([]byte, 0, len(timeFormat)), timeFormat), nil
}

// IsZero reports whether it is no time, which omitzero leaves out.
func (t Time) IsZero() bool { return time.Time(t).IsZero() }

// Schema implements huma.SchemaProvider.
func (Time) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time"}
}
