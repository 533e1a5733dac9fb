package api

import (
	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// NoNulls is part of the inputs of edits, in which null is refused: elsewhere it
// means the same as absent, but in an edit it could also mean to remove the value
// (RFC 7396).
type NoNulls struct {
	RawBody []byte
}

// Resolve returns an error for each field that is null; huma calls it.
func (in NoNulls) Resolve(huma.Context) []error {
	var fields map[string]jsontext.Value
	if err := json.Unmarshal(in.RawBody, &fields); err != nil {
		return nil // huma says what is wrong with it
	}
	var errs []error
	for field, value := range fields {
		if value.Kind() == jsontext.KindNull {
			errs = append(errs, &huma.ErrorDetail{
				Location: "body." + field, Message: "must not be null; leave it out to keep it",
			})
		}
	}
	return errs
}
