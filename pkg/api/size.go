package api

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// A response of a Lambda function has at most 6 MB, as JSON in which the body
// is a string and so is escaped once more. A page ends before its items take
// maxItems bytes there; the rest of an event has less than the difference to
// maxEvent, because a link to the next page repeats at most a query of
// chat.MaxQuery characters and a sender of chat.MaxSender characters. Both
// shapes of the service end pages alike.
//
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	maxEvent = 5_000_000
	maxItems = maxEvent - 64<<10
)

// pageOf returns views of items: as many as fit into a response event, and at
// least one. All is false if some were left out. A view comes with its bound, a
// cheap upper limit of its size; views are measured only when the sum of their
// bounds exceeds a page. It ends with ctx, because the view of a hit takes time.
func pageOf[Item, View any](
	ctx context.Context, items []Item, view func(Item) (View, int),
) (page []View, all bool, err error) {
	p := sizedPage[View]{views: make([]View, 0, len(items))}
	for _, item := range items {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		v, bound := view(item)
		fits, err := p.fits(v, bound)
		if err != nil {
			return nil, false, err
		}
		if !fits {
			return p.views, false, nil
		}
		p.views = append(p.views, v)
	}
	return p.views, true, nil
}

// sizedPage is the views of a page and their size.
type sizedPage[View any] struct {
	views    []View
	size     int  // in the response event: at most this many bytes
	measured bool // whether size is exact
}

// fits adds the size of a view and reports whether there is room for it.
func (p *sizedPage[View]) fits(v View, bound int) (bool, error) {
	if !p.measured && p.size+bound <= maxItems {
		p.size += bound
		return true, nil
	}
	if err := p.measure(); err != nil {
		return false, err
	}
	size, err := eventSize(v)
	if err != nil {
		return false, err
	}
	p.size += size
	return len(p.views) == 0 || p.size <= maxItems, nil
}

// measure replaces the sum of bounds by the size of the views.
func (p *sizedPage[View]) measure() error {
	if p.measured {
		return nil
	}
	p.size, p.measured = 0, true
	for _, v := range p.views {
		size, err := eventSize(v)
		if err != nil {
			return err
		}
		p.size += size
	}
	return nil
}

// eventSize returns how many bytes a view and the comma after it have in a
// response event.
func eventSize(view any) (int, error) {
	data, err := json.Marshal(view, json.Deterministic(true))
	if err != nil {
		return 0, fmt.Errorf("measure a page: %w", err)
	}
	return escapedSize(data) + len(","), nil
}

// escapedSize returns how many bytes text has in a string of JSON as
// encoding/json writes it. Here that is JSON already, in which control
// characters are escaped.
func escapedSize(text []byte) int {
	size := len(text)
	for i, c := range text {
		switch {
		case c == '"' || c == '\\':
			size++
		case c == 0xE2 && isLineSeparator(text[i:]):
			size += len(`\u2028`) - len("\u2028")
		}
	}
	return size
}

// isLineSeparator reports whether text begins with one of the two characters
// that encoding/json escapes for JavaScript.
func isLineSeparator(text []byte) bool {
	r, _ := utf8.DecodeRune(text)
	return r == '\u2028' || r == '\u2029'
}

const (
	// perByte is the most bytes that a byte of a text can have in a response
	// event: a control character is \u0001 in the body, and \\u0001 there.
	perByte = len(`\\u0001`)
	// perString is the most bytes around a text: its quotes, and a colon or a
	// comma.
	perString = len(`\"\":`)
	// perItem is more than the names, numbers and times of any item have.
	perItem = 1024
	// perHighlight is more than the names and numbers of a highlight have.
	perHighlight = 64
)

// sizeBound returns an upper limit of the size of an item with these texts and
// metadata.
func sizeBound(metadata map[string]string, texts ...string) int {
	bytes := 0
	for _, text := range texts {
		bytes += len(text)
	}
	for key, value := range metadata {
		bytes += len(key) + len(value)
	}
	return perItem + perByte*bytes + 2*perString*len(metadata)
}
