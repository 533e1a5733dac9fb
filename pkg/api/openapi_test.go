package api_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"chatapi/pkg/api"
	"chatapi/pkg/chat"

	"github.com/danielgtaylor/huma/v2"
)

func document() *huma.OpenAPI { return api.Document("/", api.Operations(chat.Ports{}, api.Guard{})...) }

// operations returns the document's operations by their ids.
func operations(doc *huma.OpenAPI) map[string]*huma.Operation {
	all := map[string]*huma.Operation{}
	for _, item := range doc.Paths {
		for _, o := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if o != nil {
				all[o.OperationID] = o
			}
		}
	}
	return all
}

// TestDocumentIsComplete holds that a reader finds words and an example for
// everything, so that a new operation or field comes with its own.
func TestDocumentIsComplete(t *testing.T) {
	doc := document()
	tags := map[string]bool{}
	for _, tag := range doc.Tags {
		tags[tag.Name] = tag.Description != ""
	}
	for name, o := range operations(doc) {
		if o.Summary == "" || o.Description == "" {
			t.Errorf("%s: no summary or no description", name)
		}
		if len(o.Tags) != 1 || !tags[o.Tags[0]] {
			t.Errorf("%s: tags %v are not described", name, o.Tags)
		}
		for _, p := range o.Parameters {
			if p.Description == "" || (len(p.Schema.Examples) == 0 && p.Schema.Default == nil) {
				t.Errorf("%s: no description or no example of the parameter %s", name, p.Name)
			}
		}
		for status, answer := range o.Responses {
			if answer.Headers["X-Request-Id"] == nil {
				t.Errorf("%s: no X-Request-Id in answer %s", name, status)
			}
			for header, p := range answer.Headers {
				if p.Ref == "" && (p.Description == "" || len(p.Schema.Examples) == 0) {
					t.Errorf("%s: no description or no example of the header %s", name, header)
				}
			}
			for mediaType, media := range answer.Content {
				if media.Example == nil && len(media.Examples) == 0 {
					t.Errorf("%s: no example of answer %s, %s", name, status, mediaType)
				}
			}
		}
	}
	for name, schema := range doc.Components.Schemas.Map() {
		for field, property := range schema.Properties {
			refers := property.Ref != "" || property.Items != nil && property.Items.Ref != ""
			if property.Description == "" && property.Ref == "" {
				t.Errorf("%s: no description of the field %s", name, field)
			}
			if !refers && len(property.Examples) == 0 && slices.Contains(schema.Required, field) {
				t.Errorf("%s: no example of the field %s", name, field)
			}
		}
	}
}

// TestExamplesHoldTheirSchemas holds that what a reader may copy is right.
func TestExamplesHoldTheirSchemas(t *testing.T) {
	doc := document()
	valid := func(what string, s *huma.Schema, example any) {
		t.Helper()
		text, err := json.Marshal(example)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatal(err)
		}
		var result huma.ValidateResult
		if s.Ref == "" {
			s.PrecomputeMessages()
		}
		huma.Validate(doc.Components.Schemas, s, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, value, &result)
		for _, err := range result.Errors {
			t.Errorf("%s: %v: %s", what, err, text)
		}
	}
	for name, o := range operations(doc) {
		for _, p := range o.Parameters {
			for _, example := range p.Schema.Examples {
				valid(name+" "+p.Name, p.Schema, example)
			}
		}
		if o.RequestBody != nil {
			media := o.RequestBody.Content["application/json"]
			valid(name+" request", media.Schema, media.Example)
		}
		for status, answer := range o.Responses {
			for _, media := range answer.Content {
				if media.Example != nil {
					valid(name+" "+status, media.Schema, media.Example)
				}
			}
		}
	}
	for code, example := range doc.Components.Examples {
		valid("problem "+code, &huma.Schema{Ref: "#/components/schemas/Problem"}, example.Value)
	}
}

// TestDocumentNamesItsErrors holds the answers of one operation whole.
func TestDocumentNamesItsErrors(t *testing.T) {
	o := operations(document())["get-message"]
	want := map[string]string{
		"200": "",
		"404": "app_not_found chat_not_found message_not_found not_stored_yet",
		"422": "invalid_field",
		"429": "too_many_requests",
		"500": "internal_error",
		"503": "unavailable",
	}
	for status, codes := range want {
		answer := o.Responses[status]
		if answer == nil {
			t.Errorf("no answer %s", status)
			continue
		}
		if status == "200" {
			continue
		}
		problem := answer.Content["application/problem+json"]
		if got := strings.Join(slices.Sorted(maps.Keys(problem.Examples)), " "); !strings.Contains(got, codes) {
			t.Errorf("answer %s has the codes %s, want %s", status, got, codes)
		}
		if retries := strings.Contains(codes, "not_stored_yet") || status == "503" || status == "429"; retries != (answer.Headers["Retry-After"] != nil) {
			t.Errorf("answer %s: Retry-After is %v", status, answer.Headers["Retry-After"])
		}
	}
}

func TestDocumentIsServed(t *testing.T) {
	operations := api.Operations(chat.Ports{}, api.Guard{})
	handler := api.New(slog.New(slog.DiscardHandler), append(operations, api.OpenAPI(operations...)...)...)
	for _, tt := range []struct{ path, prefix, mediaType, server string }{
		{"/openapi.json", "", "application/json", `"servers":[{"description":"This service","url":"/"}]`},
		{"/openapi.json", "/live", "application/json", `"url":"/live"`},
		{"/openapi.yaml", "", "application/yaml", "url: /\n"},
		{"/openapi.yaml", "/live", "application/yaml", "url: /live\n"},
	} {
		t.Run(fmt.Sprintf("%s%s", tt.prefix, tt.path), func(t *testing.T) {
			request := httptest.NewRequest("GET", tt.path, nil)
			request.Header.Set("X-Forwarded-Prefix", tt.prefix)
			got := httptest.NewRecorder()
			handler.ServeHTTP(got, request)
			if got.Code != http.StatusOK || got.Header().Get("Content-Type") != tt.mediaType {
				t.Fatalf("status %d, Content-Type %s", got.Code, got.Header().Get("Content-Type"))
			}
			for _, want := range []string{tt.server, "3.1.0", "create-message", "not_stored_yet"} {
				if !strings.Contains(got.Body.String(), want) {
					t.Errorf("no %s in %.200s", want, got.Body)
				}
			}
		})
	}
}
