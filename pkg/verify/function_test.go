package verify_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/verify"
)

// TestFunction invokes the function with too little time, then with enough.
func TestFunction(t *testing.T) {
	s := newService(t)
	s.store(s.message(s.id(1), s.take(s.id(1))))
	var log bytes.Buffer
	f := verify.Function{Ports: s.Ports, Log: slog.New(slog.NewTextHandler(&log, nil))}
	short, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	answer, err := f.Handle(short, verify.Event{Repair: true})
	if err != nil || answer.Cursor == nil || answer.Messages != 0 || answer.Found == nil {
		t.Fatalf("too little time: %+v, error %v", answer, err)
	}
	long, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	answer, err = f.Handle(long, verify.Event{Repair: true, Cursor: answer.Cursor})
	if err != nil || answer.Cursor != nil || answer.Repaired != 1 || len(answer.Found) != 1 || answer.Found[0].Kind != verify.NotIndexed {
		t.Errorf("enough time: %+v, error %v", answer, err)
	}
	if strings.Count(log.String(), "msg=verified") != 2 || strings.Contains(log.String(), s.app.Token) {
		t.Errorf("logged %s", log.String())
	}
}
