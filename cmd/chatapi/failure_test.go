package main

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chatapi/pkg/client"
)

// TestServeEndsWithoutItsFolder checks that a server whose data folder is deleted
// refuses creates and reports it in /health for 5 seconds, and that its exit
// status is 1.
func TestServeEndsWithoutItsFolder(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, "127.0.0.1:0", data)
	if _, err := s.api.CreateApp(t.Context(), client.CreateAppRequest{Name: "before"}); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	health := func() int {
		response, err := http.Get("http://" + s.addr + "/health")
		if err != nil {
			return 0
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	within(t, time.Second, "health is 503", func() bool { return health() == http.StatusServiceUnavailable })
	if _, err := s.api.CreateApp(t.Context(), client.CreateAppRequest{Name: "after"}); err == nil {
		t.Error("an app is created without a folder")
	}
	reported := time.Now()
	for health() == http.StatusServiceUnavailable {
		time.Sleep(50 * time.Millisecond)
	}
	if d := time.Since(reported); d < 4*time.Second || d > 6*time.Second {
		t.Errorf("health reports the failure for %v, want about 5s", d)
	}
	_ = s.process.Wait()
	if status := s.process.ProcessState.ExitCode(); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
}
