package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// The parts of a Postman collection that this one has.
// https://schema.postman.com/collection/json/v2.1.0/draft-07/docs/index.html
type (
	collection struct {
		Info      info       `json:"info"`
		Variables []variable `json:"variable"`
		Events    []event    `json:"event"`
		Folders   []folder   `json:"item"`
	}
	info struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		Schema      string `json:"schema"`
	}
	variable struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	event struct {
		Listen string `json:"listen"`
		Script script `json:"script"`
	}
	script struct {
		Type string   `json:"type"`
		Exec []string `json:"exec"`
	}
	folder struct {
		Name        string `json:"name"`
		Description string `json:"description,omitempty"`
		Items       []item `json:"item"`
	}
	item struct {
		Name      string     `json:"name"`
		Events    []event    `json:"event"`
		Request   request    `json:"request"`
		Responses []response `json:"response"`
	}
	request struct {
		Method      string      `json:"method"`
		Description string      `json:"description,omitempty"`
		Headers     []parameter `json:"header"`
		Body        *body       `json:"body,omitempty"`
		URL         address     `json:"url"`
	}
	parameter struct {
		Key         string `json:"key"`
		Value       string `json:"value"`
		Description string `json:"description,omitempty"`
		Disabled    bool   `json:"disabled,omitempty"`
	}
	body struct {
		Mode    string         `json:"mode"`
		Raw     string         `json:"raw"`
		Options map[string]any `json:"options"`
	}
	address struct {
		Raw   string      `json:"raw"`
		Host  []string    `json:"host"`
		Path  []string    `json:"path"`
		Query []parameter `json:"query,omitempty"`
	}
	response struct {
		Name     string      `json:"name"`
		Original request     `json:"originalRequest"`
		Status   string      `json:"status"`
		Code     int         `json:"code"`
		Headers  []parameter `json:"header"`
		Body     string      `json:"body,omitempty"`
	}
)

//go:embed postman.js
var postmanTest string

// route is an operation and where it stands.
type route struct {
	method, path string
	*huma.Operation
}

// postmanOf returns a Postman collection of the document: a folder for each
// tag, and one for deletes at the end, in an order in which every request
// succeeds on an empty server. Each is checked by postman.js.
func postmanOf(doc *huma.OpenAPI) ([]byte, error) {
	c := collection{
		Info: info{
			Name: doc.Info.Title, Description: doc.Info.Description,
			Schema: "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
		},
		Variables: []variable{{"base_url", "http://127.0.0.1:8000"}},
		Events:    []event{{"test", scriptOf(postmanTest)}},
	}
	names := map[string]string{}
	folders := map[string]*folder{}
	for _, r := range routesOf(doc) {
		tag := r.Tags[0]
		if r.method == http.MethodDelete {
			tag = "delete"
		}
		if folders[tag] == nil {
			folders[tag] = &folder{Name: tag}
		}
		made, err := itemOf(r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.OperationID, err)
		}
		folders[tag].Items = append(folders[tag].Items, made)
		for _, p := range r.Parameters {
			if p.In == "path" {
				names[p.Name] = fmt.Sprint(p.Example)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		c.Variables = append(c.Variables, variable{name, names[name]})
	}
	for _, tag := range append(slices.Clone(doc.Tags), &huma.Tag{Name: "delete", Description: "What must come last."}) {
		if f := folders[tag.Name]; f != nil {
			f.Description = tag.Description
			c.Folders = append(c.Folders, *f)
		}
	}
	return indented(c)
}

// routesOf returns the operations in the order in which they are asked for
// within their folders: what creates comes before what reads.
func routesOf(doc *huma.OpenAPI) []route {
	var all []route
	for path, at := range doc.Paths {
		for method, o := range map[string]*huma.Operation{
			http.MethodPost: at.Post, http.MethodPut: at.Put, http.MethodGet: at.Get,
			http.MethodPatch: at.Patch, http.MethodDelete: at.Delete,
		} {
			if o != nil {
				all = append(all, route{method, path, o})
			}
		}
	}
	order := []string{http.MethodPost, http.MethodPut, http.MethodGet, http.MethodPatch, http.MethodDelete}
	slices.SortFunc(all, func(a, b route) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order, a.method), slices.Index(order, b.method)),
			cmp.Compare(len(a.path), len(b.path)),
			cmp.Compare(a.path, b.path),
		)
	})
	return all
}

func itemOf(r route) (item, error) {
	asked, err := requestOf(r)
	if err != nil {
		return item{}, err
	}
	status, answer := successOf(r.Operation)
	example := response{
		Name: answer.Description, Original: asked, Status: http.StatusText(status), Code: status,
		Headers: []parameter{},
	}
	mediaType := ""
	for name, media := range answer.Content {
		mediaType = name
		example.Headers = append(example.Headers, parameter{Key: "Content-Type", Value: name})
		text, err := indented(media.Example)
		if err != nil {
			return item{}, err
		}
		example.Body = string(text)
	}
	expect := fmt.Sprintf("pm.variables.set(\"expected\", { status: %d, type: %q });", status, mediaType)
	return item{
		Name:      r.Summary,
		Events:    []event{{"prerequest", scriptOf(expect)}},
		Request:   asked,
		Responses: []response{example},
	}, nil
}

func requestOf(r route) (request, error) {
	words := strings.Split(strings.TrimPrefix(r.path, "/"), "/")
	for i, word := range words {
		if strings.HasPrefix(word, "{") {
			words[i] = "{" + word + "}"
		}
	}
	asked := request{
		Method: r.method, Description: r.Description, Headers: []parameter{},
		URL: address{
			Raw: "{{base_url}}/" + strings.Join(words, "/"), Host: []string{"{{base_url}}"}, Path: words,
		},
	}
	for _, p := range r.Parameters {
		made := parameter{Key: p.Name, Value: exampleOf(p), Description: p.Description, Disabled: !p.Required}
		switch p.In {
		case "query":
			asked.URL.Query = append(asked.URL.Query, made)
		case "header":
			asked.Headers = append(asked.Headers, made)
		}
	}
	if r.RequestBody == nil {
		return asked, nil
	}
	for mediaType, media := range r.RequestBody.Content {
		text, err := indented(media.Example)
		if err != nil {
			return request{}, err
		}
		asked.Headers = append(asked.Headers, parameter{Key: "Content-Type", Value: mediaType})
		asked.Body = &body{
			Mode: "raw", Raw: string(text),
			Options: map[string]any{"raw": map[string]string{"language": "json"}},
		}
	}
	return asked, nil
}

func exampleOf(p *huma.Param) string {
	if len(p.Schema.Examples) > 0 {
		return fmt.Sprint(p.Schema.Examples[0])
	}
	return fmt.Sprint(p.Schema.Default)
}

// successOf returns an operation's answer with the lowest status.
func successOf(o *huma.Operation) (int, *huma.Response) {
	first := slices.Sorted(maps.Keys(o.Responses))[0]
	status, _ := strconv.Atoi(first) // always a number: there is no default answer
	return status, o.Responses[first]
}

func scriptOf(text string) script {
	return script{Type: "text/javascript", Exec: strings.Split(strings.TrimSpace(text), "\n")}
}

func indented(v any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(v)
	return text.Bytes(), err
}
