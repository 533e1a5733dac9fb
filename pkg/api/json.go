package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
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
			err = unmarshalWhole(data, v)
		}
		if err != nil {
			return err
		}
		if name := repeatedName(data); name != "" {
			return fmt.Errorf("the text has the field %q twice", name)
		}
		return nil
	},
}

// repeatedName returns a name that an object of a JSON text has twice, or "":
// encoding/json would take the last of them and say nothing (RFC 8259, section
// 4, and RFC 7493, section 2.3). The text must be valid.
func repeatedName(data []byte) string {
	var names [][]byte // of the objects that are open
	var begins []int   // where those of each object begin
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{':
			begins = append(begins, len(names))
		case '}':
			begin := begins[len(begins)-1]
			if name := repeated(names[begin:]); name != nil {
				return string(name)
			}
			names, begins = names[:begin], begins[:len(begins)-1]
		case '"':
			end := i + stringLength(data[i:])
			if isName(data[end:]) {
				names = append(names, unquoted(data[i:end]))
			}
			i = end - 1
		}
	}
	return ""
}

// repeated returns an element that is there twice, or nil. It sorts the others.
func repeated(names [][]byte) []byte {
	slices.SortFunc(names, bytes.Compare)
	for i := 1; i < len(names); i++ {
		if bytes.Equal(names[i-1], names[i]) {
			return names[i]
		}
	}
	return nil
}

// stringLength returns the length of the string that a text begins with, with
// its quotes.
func stringLength(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return len(text)
}

// isName reports whether a colon follows.
func isName(rest []byte) bool {
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return len(rest) > 0 && rest[0] == ':'
}

// unquoted returns the text of a string.
func unquoted(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // it is valid
	return []byte(text)
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
