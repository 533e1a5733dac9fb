//go:build engines

package opensearch_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/opensearch"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
)

func endpoint(t *testing.T) string {
	t.Helper()
	const variable = "CHATAPI_TEST_OPENSEARCH"
	url := os.Getenv(variable)
	if url == "" {
		t.Fatal(variable + " is not set: run make test-engines")
	}
	return url
}

// newEngineIndex returns an index of a new name, which is not set up.
func newEngineIndex(t *testing.T) (x *opensearch.Index, name string) {
	t.Helper()
	name = "test-" + strings.ToLower(rand.Text())
	x, err := opensearch.New(aws.Config{}, opensearch.Config{Endpoint: endpoint(t), Index: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		request(t, http.MethodDelete, "/"+name+"-1")
		request(t, http.MethodDelete, "/_index_template/"+name)
	})
	return x, name
}

// request sends a request to the server and returns the status.
func request(t *testing.T, method, path string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, endpoint(t)+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

func setUp(t *testing.T) *opensearch.Index {
	t.Helper()
	x, _ := newEngineIndex(t)
	if err := x.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	return x
}

func TestIndex(t *testing.T) {
	chattest.Index(t, func(t *testing.T) chat.Index { return setUp(t) })
}

func TestSetupSideBySide(t *testing.T) {
	x, _ := newEngineIndex(t)
	var callers errgroup.Group
	for range 4 {
		callers.Go(func() error { return x.Setup(t.Context()) })
	}
	if err := callers.Wait(); err != nil {
		t.Fatal(err)
	}
	m := newMessage(t, "red")
	if errs := x.Apply(t.Context(), []chat.Message{m}); errs != nil {
		t.Fatal(errs)
	}
	if err := x.Setup(t.Context()); err != nil {
		t.Fatalf("again: %v", err)
	}
	waitFor(t, x, m)
}

// TestSetupLeavesOtherIndexesAlone: once another index stands behind the
// alias, Setup must not add the first one again.
func TestSetupLeavesOtherIndexesAlone(t *testing.T) {
	x, name := newEngineIndex(t)
	if status := request(t, http.MethodPut, "/"+name+"-2"); status != http.StatusOK {
		t.Fatalf("create an index: status %d", status)
	}
	t.Cleanup(func() { request(t, http.MethodDelete, "/"+name+"-2") })
	if status := request(t, http.MethodPut, "/"+name+"-2/_alias/"+name); status != http.StatusOK {
		t.Fatalf("create an alias: status %d", status)
	}
	if err := x.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status := request(t, http.MethodHead, "/"+name+"-1"); status != http.StatusNotFound {
		t.Errorf("the first index was created, status %d", status)
	}
}

func TestBeforeSetup(t *testing.T) {
	x, name := newEngineIndex(t)
	m := newMessage(t, "red")
	found, err := x.Search(t.Context(), chat.Search{Within: m.ChatID().Parent(), Query: parse(t, "red"), Limit: 1})
	if diff := cmp.Diff(chat.SearchResult{}, found); err != nil || diff != "" {
		t.Errorf("Search: error %v, found (-want +got):\n%s", err, diff)
	}
	errs := x.Apply(t.Context(), []chat.Message{m})
	if len(errs) != 1 || !errors.Is(errs[0], chat.ErrUnavailable) {
		t.Errorf("Apply: %v, want ErrUnavailable", errs)
	}
	if status := request(t, http.MethodHead, "/"+name); status != http.StatusNotFound {
		t.Errorf("Apply created an index of its own, status %d", status)
	}
}

// TestOneDocumentRefused sends messages that no store would hold, each between
// two good ones.
func TestOneDocumentRefused(t *testing.T) {
	x := setUp(t)
	for _, tt := range []struct {
		name string
		bad  func(*chat.Message)
	}{
		{"with its request, for its version", func(m *chat.Message) { m.Version = -1 }},
		{"alone, for a term of over 32,766 bytes", func(m *chat.Message) { m.Sender = strings.Repeat("x", 1<<15) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, bad, after := newMessage(t, "red"), newMessage(t, "red"), newMessage(t, "red")
			tt.bad(&bad)
			errs := x.Apply(t.Context(), []chat.Message{before, bad, after})
			if len(errs) != 3 || errs[0] != nil || errs[1] == nil || errs[2] != nil {
				t.Fatalf("errors %v, want the second", errs)
			}
			if errors.Is(errs[1], chat.ErrUnavailable) {
				t.Errorf("error %v says it may pass", errs[1])
			}
			waitFor(t, x, before)
			waitFor(t, x, after)
		})
	}
}

// waitFor waits until a message whose body is one word is found.
func waitFor(t *testing.T, x *opensearch.Index, m chat.Message) {
	t.Helper()
	search := chat.Search{Within: m.ChatID().Parent(), Query: parse(t, m.Body), Limit: 1}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		found, err := x.Search(t.Context(), search)
		if err != nil {
			t.Fatal(err)
		}
		if len(found.Hits) == 1 {
			return
		}
	}
	t.Fatalf("message %s is not found", m.Body)
}
