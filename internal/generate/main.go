// Command generate writes the OpenAPI document of the API and what is made
// from it: docs/openapi.yaml, docs/postman.json and pkg/client/client.gen.go.
// Run it in the module's root; "make openapi" does.
package main

import (
	"fmt"
	"os"

	"chatapi/pkg/api"
	"chatapi/pkg/chat"
)

func main() {
	files, err := generate()
	for name, text := range files {
		if err == nil {
			err = os.WriteFile(name, text, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// generate returns the texts of all files by their names.
func generate() (map[string][]byte, error) {
	document := api.Document("/", api.Operations(chat.Ports{}, api.Guard{})...)
	text, err := document.YAML()
	if err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	client, err := clientOf(text)
	if err != nil {
		return nil, err
	}
	postman, err := postmanOf(document)
	if err != nil {
		return nil, fmt.Errorf("make the Postman collection: %w", err)
	}
	return map[string][]byte{
		"docs/openapi.yaml":        text,
		"docs/postman.json":        postman,
		"pkg/client/client.gen.go": client,
	}, nil
}
