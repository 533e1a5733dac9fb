package docs_test

import (
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"chatapi/pkg/api"
	"chatapi/pkg/docs"
)

func get(path string) *httptest.ResponseRecorder {
	handler := api.New(slog.New(slog.DiscardHandler), docs.Operations()...)
	answer := httptest.NewRecorder()
	request := httptest.NewRequest("GET", path, nil)
	request.Header.Set("Accept-Encoding", "gzip")
	handler.ServeHTTP(answer, request)
	return answer
}

// reference is a link of the page to a file.
var reference = regexp.MustCompile(`(?:src|href)="([^"]+)"`)

// TestPage holds that the page has all that it loads, from its own service and
// below whatever path that stands.
func TestPage(t *testing.T) {
	page := get("/docs")
	if page.Code != 200 || page.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("status %d, %s", page.Code, page.Header())
	}
	policy := page.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("no %s in the policy %q", want, policy)
		}
	}
	files := 0
	for _, match := range reference.FindAllStringSubmatch(page.Body.String(), -1) {
		link := match[1]
		if strings.HasPrefix(link, "data:") || link == "openapi.yaml" {
			continue
		}
		if strings.HasPrefix(link, "/") || strings.Contains(link, "//") {
			t.Errorf("%s is not relative to the page", link)
		}
		file := get("/" + link)
		if file.Code != 200 || file.Body.Len() < 100 || !strings.HasPrefix(file.Header().Get("Content-Type"), "text/") {
			t.Errorf("%s: status %d, %d bytes, %s", link, file.Code, file.Body.Len(), file.Header())
		}
		if file.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s is compressed", link)
		}
		files++
	}
	if files != 3 {
		t.Errorf("%d files, want 3", files)
	}
}

func TestNoSuchFile(t *testing.T) {
	for _, path := range []string{"/docs/", "/docs/page.html", "/docs/embed.go", "/docs/swagger-ui.css.gz", "/docs/..%2fpage.html"} {
		got := get(path)
		if got.Code != 404 || !strings.Contains(got.Body.String(), `"code":"route_not_found"`) {
			t.Errorf("%s: status %d: %.200s", path, got.Code, got.Body)
		}
	}
}
