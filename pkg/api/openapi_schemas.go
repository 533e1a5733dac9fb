package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"chatapi/pkg/chat"

	"github.com/danielgtaylor/huma/v2"
)

// field is what the document says of a field or parameter wherever it occurs.
// The doc and example tags of a struct go before it.
type field struct {
	doc     string
	example any
	limit   func(*huma.Schema) // of package chat, in requests; nil for none
	needed  bool               // in requests, though huma does not ask for it
}

// fields are those that mean the same everywhere. The limits are in the
// document alone: a client that breaks one learns it in package chat's words,
// and not in huma's.
var fields = map[string]field{
	"app_token":      {doc: "The app's secret token", example: "ly2wcj2acsq3fx3xmj4nnco3y2tu5tqemekz"},
	"chat_number":    {doc: "The chat's number in its app", example: 1},
	"message_number": {doc: "The message's number in its chat", example: 1},

	"name":     {doc: "The app's name", example: "My app", limit: characters(1, chat.MaxName)},
	"title":    {doc: "The chat's title, empty if it has none", example: "Kitchen", limit: characters(0, chat.MaxTitle)},
	"body":     {doc: "The text", example: "Hello, the café opens at 9", limit: characters(1, chat.MaxBody)}, // bytes, which a schema cannot count
	"sender":   {doc: "Who wrote it, as the client names them", example: "ada", limit: characters(0, chat.MaxSender)},
	"query":    {doc: "What to search for", example: "cafe \"opens at\"", limit: characters(1, chat.MaxQuery), needed: true},
	"metadata": {doc: "Keys and values of the client's own", example: map[string]string{"color": "green"}, limit: noEmptyKey},

	"chat_count":    {doc: "Stored chats", example: 1},
	"message_count": {doc: "Stored messages that are not deleted", example: 1},
	"version":       {doc: "1 when created, one more with each edit", example: 1},
	"created_at":    {doc: "When it was created", example: "2026-11-23T14:33:53.324Z"},
	"updated_at":    {doc: "When it was last changed", example: "2026-11-23T14:33:53.324Z"},

	"apps":        {doc: "The apps of this page"},
	"chats":       {doc: "The chats of this page"},
	"messages":    {doc: "The messages of this page"},
	"data":        {doc: "The app"},
	"highlights":  {doc: "Where the body matches, in order: the first 100 matches"},
	"highlighted": {doc: "The body as HTML, escaped, with <mark> around each highlight. Of a body longer than 2,048 bytes only the fragments around the highlights, joined by \" … \"", example: "Hello, the <mark>café</mark> <mark>opens at</mark> 9"},
	"indexed_through": {
		doc: "The updated_at of the newest create, edit or delete that the search could see. Before it reaches " +
			"the updated_at of your own change, your change cannot be seen; afterwards it usually is, but an earlier " +
			"change can still be missing, for example while its create waits to be delivered again. Absent if there " +
			"is none yet",
		example: "2026-11-23T14:33:53.324Z",
	},
	"start":  {doc: "The first matching character, counted from 0 in Unicode code points", example: 11},
	"end":    {doc: "The character after the last matching one", example: 15},
	"text":   {doc: "The matching text", example: "café"},
	"errors": {doc: "What is wrong, field by field"},

	"after":  {doc: "Only items with a number above this", example: 1},
	"before": {doc: "Only items with a number below this", example: 100},
	"cursor": {example: "ly2wcj2acsq3fx3xmj4nnco3y2tu5tqemekz"},

	"reader":              {doc: "Who reads, as the client names them", example: "ada", limit: readerName},
	"last_read":           {doc: "The highest message number read", example: 1},
	"unread":              {doc: "Message numbers above last_read", example: 0},
	"last_message_number": {doc: "The highest message number allocated in the chat", example: 1},

	"complete_through": {
		doc: "Every number from after + 1 to this one is on this page, as message, tombstone or void. Only in " +
			"ascending order without before",
		example: 1,
	},
	"deleted_at": {doc: "When it was deleted", example: "2026-11-23T14:33:53.324Z"},

	"Idempotency-Key": {example: `"8e03978e-40d5-43e8-bc93-6894a57f9324"`, limit: visibleKey(1)},

	"If-Match": {limit: listOfTags},
	"ETag":     {doc: "The state of the resource, for If-Match and If-None-Match", example: `"1"`},
	"Link":     {doc: "The next page (RFC 8288); absent on the last", example: `</api/v1/apps?cursor=ly2wcj2acsq3fx3xmj4nnco3y2tu5tqemekz&limit=50>; rel="next"`},
	"Location": {doc: "The path of what was created", example: "/api/v1/apps/ly2wcj2acsq3fx3xmj4nnco3y2tu5tqemekz"},
}

// characters is a text of at least and at most so many characters. It is not
// blank unless it may be empty.
func characters(least, limit int) func(*huma.Schema) {
	return func(s *huma.Schema) {
		s.MaxLength = &limit
		if least > 0 {
			s.MinLength = &least
			s.Pattern = `\S`
		}
	}
}

func readerName(s *huma.Schema) {
	characters(1, chat.MaxReader)(s)
	const allowed = `[^/\x00-\x1f\x7f-\x9f]*`
	s.Pattern = `^` + allowed + `[^/\s\x00-\x1f\x7f-\x9f]` + allowed + `$`
}

// visibleKey is a key of visible characters, in double quotes or not.
func visibleKey(least int) func(*huma.Schema) {
	return func(s *huma.Schema) {
		s.Pattern = fmt.Sprintf(`^("([!#-\[\]-~]|\\["\\]){%d,%d}"|[!#-~][!-~]{%d,%d})$`, least, chat.MaxKey, least-1, chat.MaxKey-1)
	}
}

// describeAppKey: whoever repeats the create of an app gets its token.
func describeAppKey(o *huma.Operation) {
	for _, p := range o.Parameters {
		if p.Name == "Idempotency-Key" {
			visibleKey(chat.MinAppKey)(p.Schema)
		}
	}
}

// listOfTags is what If-Match takes (RFC 9110, section 13.1.1). An empty one
// means the same as none.
func listOfTags(s *huma.Schema) {
	s.Pattern = `^(\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*"){0,19})?$`
}

func noEmptyKey(s *huma.Schema) {
	s.Extensions = map[string]any{"propertyNames": map[string]any{"minLength": 1}}
}

// describeSchemas completes the schemas of bodies.
func (d document) describeSchemas() {
	schemas := d.Components.Schemas.Map()
	delete(schemas, "ErrorModel") // huma's own errors, which nobody gets
	delete(schemas, "ErrorDetail")
	for name, schema := range schemas {
		for field, property := range schema.Properties {
			property.Nullable = property.Nullable && property.Type != huma.TypeArray // lists are never null
			describeField(field, property, strings.HasSuffix(name, "Request"))
		}
		if strings.HasSuffix(name, "Request") {
			describeAbsence(schema, strings.HasPrefix(name, "Update"))
		}
	}
}

// describeAbsence says which fields of a request may be left out, or be null,
// which is the same but in an edit: that needs at least one field.
func describeAbsence(request *huma.Schema, edit bool) {
	for field, property := range request.Properties {
		if slices.Contains(request.Required, field) {
			continue
		}
		if fields[field].needed {
			request.Required = append(request.Required, field)
			continue
		}
		property.Nullable = !edit
	}
	if least := 1; edit {
		request.MinProperties = &least
	}
}

func describeField(name string, s *huma.Schema, sent bool) {
	known := fields[name]
	if s.Description == "" && s.Ref == "" {
		s.Description = known.doc
	}
	if len(s.Examples) == 0 && known.example != nil && s.Default == nil {
		s.Examples = []any{known.example}
	}
	if sent && known.limit != nil {
		known.limit(s)
	}
}

func (d document) describeParameter(p *huma.Param) {
	describeField(p.Name, p.Schema, true)
	p.Description, p.Schema.Description = p.Schema.Description, ""
	p.Required = p.Required || fields[p.Name].needed
	p.AllowEmptyValue = p.In == "query" && !p.Required // which means the same as absent
	if p.Required && len(p.Schema.Examples) > 0 {
		p.Example = p.Schema.Examples[0] // what a reader's first try is filled with
	}
}

// addExample gives a body the example that the examples of its fields make.
func (d document) addExample(content map[string]*huma.MediaType) {
	for _, media := range content {
		media.Example = d.example(media.Schema)
	}
}

// example returns an example of a schema, nil if it has none. Fields
// without an example are left out.
func (d document) example(s *huma.Schema) any {
	switch {
	case s.Ref != "":
		return d.example(d.Components.Schemas.SchemaFromRef(s.Ref))
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Type == huma.TypeArray:
		if item := d.example(s.Items); item != nil {
			return []any{item}
		}
	case s.Type == huma.TypeObject:
		fields := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if field := d.example(s.Properties[name]); field != nil {
				fields[name] = field
			}
		}
		if len(fields) > 0 {
			return fields
		}
	}
	return nil
}

// linkCreates says at each create which operations accept the number or token
// of its response.
func (d document) linkCreates() {
	for path, item := range d.Paths {
		if item.Post == nil || item.Post.Responses["201"] == nil {
			continue
		}
		created := d.created(path)
		if created == "" {
			continue
		}
		links := map[string]*huma.Link{}
		for target, other := range d.Paths {
			if !strings.HasPrefix(target, path+"/{") || len(parametersOf(target)) > len(parametersOf(path))+1 {
				continue
			}
			for _, o := range []*huma.Operation{other.Get, other.Post, other.Patch, other.Delete} {
				if o != nil {
					links[o.OperationID] = &huma.Link{OperationID: o.OperationID, Parameters: linkParameters(path, created, item.Post)}
				}
			}
		}
		item.Post.Responses["201"].Links = links
	}
}

// created returns the parameter that identifies an item of a collection,
// such as chat_number.
func (d document) created(collection string) string {
	for path := range d.Paths {
		rest, below := strings.CutPrefix(path, collection+"/{")
		if below && strings.HasSuffix(rest, "}") && strings.Count(rest, "/") == 0 {
			return strings.TrimSuffix(rest, "}")
		}
	}
	return ""
}

// linkParameters are expressions of the OpenAPI specification, section 4.8.20.3.
func linkParameters(path, created string, create *huma.Operation) map[string]any {
	values := map[string]any{created: "$response.body#/" + created}
	if create.OperationID == "create-app" {
		values[created] = "$response.body#/data/" + created
	}
	for _, name := range parametersOf(path) {
		values[name] = "$request.path." + name
	}
	return values
}

func parametersOf(path string) (names []string) {
	for word := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(word, "{") {
			names = append(names, strings.Trim(word, "{}"))
		}
	}
	return names
}
