package api

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// jsonFormat takes a text as it was sent or not at all: one that is not UTF-8,
// has half of a surrogate pair, or a name twice in an object (RFC 8259,
// sections 4 and 8, and RFC 7493, section 2) is an error.
var jsonFormat = huma.Format{Marshal: writeJSON, Unmarshal: readJSON}

// writeJSON writes a value with a line feed after it. The same value has the
// same text.
func writeJSON(w io.Writer, v any) error {
	if err := json.MarshalWrite(w, v, json.Deterministic(true)); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func readJSON(text []byte, v any) error {
	err := json.Unmarshal(text, v, looseTimes)
	if errors.Is(err, strconv.ErrSyntax) {
		err = readWhole(text, v)
	}
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok && wrong.Err != nil {
		return fmt.Errorf("%w within %q", wrong.Err, wrong.JSONPointer) // without Go's name of its type
	}
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "jsontext: "))
	}
	return nil
}

// looseTimes lets a time in a body be written as one in a query may be, such as
// with one digit for the hour.
var looseTimes = jsonv1.ParseTimeWithLooseRFC3339(true)

// readWhole reads 5.0 and 5e0 as the whole numbers that they are (JSON Schema,
// section 6.1.1): they do not have the syntax of Go's.
func readWhole(text []byte, v any) error {
	plain, err := jsontext.AppendFormat(nil, text, jsontext.CanonicalizeRawFloats(true))
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, v, looseTimes)
}
