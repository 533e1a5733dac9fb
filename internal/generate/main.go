// Command generate writes the OpenAPI document of the API and what is made
// from it: docs/openapi.yaml, docs/postman.json and pkg/client/client.gen.go.
// Run it in the module's root; "make openapi" does.
package main

import (
	"fmt"
	"os"

	"chatapi/pkg/api"
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
	document, err := api.Document("/", api.Operations(api.Ports{})...).YAML()
	if err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	client, err := clientOf(document)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"docs/openapi.yaml":        document,
		"pkg/client/client.gen.go": client,
	}, nil
}
