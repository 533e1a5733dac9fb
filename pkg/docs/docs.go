// Package docs shows the OpenAPI document in the browser, with a Swagger UI
// whose files are in the binary. Only what serves it should import it.
package docs

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"net/http"
	"strings"

	"chatapi/pkg/api"

	"github.com/swaggest/swgui/v5/static"
)

// policy lets the page load its own files and call its own API, and nothing
// else. Swagger UI sets styles of elements, and has its icons in data URLs.
// https://www.w3.org/TR/CSP3/
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed page.html
var page []byte

//go:embed start.js
var start []byte

// Operations returns the operations that serve the page and its files. They
// need no engine. The page reads the document from the operations of
// api.OpenAPI, which are served with it.
//
// Files are served as plain text and not compressed, because an API Gateway
// passes on anything else only if it is told which types are binary. The
// largest has 1.4 MB; a response of a Lambda function may have 6 MB.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
func Operations() []api.Operation {
	return []api.Operation{
		api.Static("docs", "/docs", func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Content-Security-Policy", policy)
			return write(w, "text/html; charset=utf-8", bytes.NewReader(page))
		}),
		api.Static("docs", "/docs/{file}", serveFile),
	}
}

func serveFile(w http.ResponseWriter, r *http.Request) error {
	switch name := r.PathValue("file"); name {
	case "start.js":
		return write(w, "text/javascript; charset=utf-8", bytes.NewReader(start))
	case "swagger-ui-bundle.js":
		return writeUI(w, "text/javascript; charset=utf-8", name)
	case "swagger-ui.css":
		return writeUI(w, "text/css; charset=utf-8", name)
	}
	return api.ErrNoRoute
}

// writeUI writes a file of Swagger UI, which is compressed in the binary.
func writeUI(w http.ResponseWriter, mediaType, name string) error {
	file, err := static.FS.Open(name + ".gz")
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	return write(w, mediaType, text)
}

func write(w http.ResponseWriter, mediaType string, text io.Reader) error {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if strings.HasPrefix(mediaType, "text/html") {
		w.Header().Set("Cache-Control", "no-cache")
	} else {
		w.Header().Set("Cache-Control", "public, max-age=3600")
	}
	_, _ = io.Copy(w, text) // the client is gone: nobody to tell
	return nil
}
