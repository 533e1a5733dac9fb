package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// jsonFormat refuses what encoding/json would mend in silence, because a
// message must be stored as it was sent or not at all.
var jsonFormat = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(v)
	},
	Unmarshal: func(data []byte, v any) error {
		switch {
		case !utf8.Valid(data):
			return errors.New("the text is not UTF-8")
		case halfSurrogate(data):
			return errors.New(`the text has half of a surrogate pair, such as \ud83d alone`)
		}
		err := json.Unmarshal(data, v)
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) && strings.HasPrefix(wrong.Value, "number") {
			return unmarshalWhole(data, v)
		}
		return err
	},
}

// unmarshalWhole reads 5.0 and 5e0 as the whole numbers that they are (JSON
// Schema, section 6.1.1), which encoding/json does not.
func unmarshalWhole(data []byte, v any) error {
	var plain any
	if err := json.Unmarshal(data, &plain); err != nil {
		return err
	}
	data, err := json.Marshal(plain)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// halfSurrogate reports whether JSON text has an escape that is no character by
// itself, in whose place encoding/json would put U+FFFD (RFC 8259, section 8.2).
func halfSurrogate(data []byte) bool {
	for i := bytes.IndexByte(data, '\\'); i >= 0 && i < len(data); {
		switch r := escaped(data[i:]); {
		case utf16.IsSurrogate(r) && utf16.DecodeRune(r, escaped(data[min(i+6, len(data)):])) == unicode.ReplacementChar:
			return true
		case utf16.IsSurrogate(r):
			i += 12 // both halves
		default:
			i += 2 // the backslash and what it escapes
		}
		next := bytes.IndexByte(data[min(i, len(data)):], '\\')
		if next < 0 {
			return false
		}
		i += next
	}
	return false
}

// escaped returns the character of an escape such as \ud83d that a text begins
// with, or 0.
func escaped(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	r, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(r)
}
