package verify

import (
	"context"
	"log/slog"
	"time"

	"chatapi/pkg/chat"
)

const (
	// reserve is what a function keeps of its time for the chat at hand and for
	// the second look, beside the time of grace.
	reserve = time.Minute
	// mostFound is how many differences an answer names.
	mostFound = 100
)

// Function is what Lambda invokes. Each invocation verifies until its time is
// nearly over; the next one goes on from the cursor in its answer.
type Function struct {
	Ports chat.Ports // Store, Auditor and Index
	Log   *slog.Logger
}

// Event is what an invocation is asked for. The zero value verifies everything
// and repairs nothing.
type Event struct {
	AppToken string  `json:"app_token"` // of the only app to verify
	Repair   bool    `json:"repair"`
	Cursor   *Cursor `json:"cursor"` // of the answer before
}

// Answer is what an invocation found.
type Answer struct {
	Result
	Found []Difference `json:"found"` // the first 100 of them, gaps among them
}

// Handle runs one invocation. It logs the sums, and no app's token.
func (f Function) Handle(ctx context.Context, event Event) (Answer, error) {
	answer := Answer{Found: []Difference{}}
	options := Options{App: event.AppToken, Repair: event.Repair, From: event.Cursor, Found: func(d Difference) {
		if len(answer.Found) < mostFound {
			answer.Found = append(answer.Found, d)
		}
	}}
	if deadline, ok := ctx.Deadline(); ok {
		options.StopAt = deadline.Add(-reserve - DefaultGrace)
	}
	var err error
	answer.Result, err = New(f.Ports, options).Run(ctx)
	level := slog.LevelInfo
	switch {
	case answer.Differences > 0:
		level = slog.LevelError
	case answer.Unchecked > 0:
		level = slog.LevelWarn
	}
	f.Log.Log(ctx, level, "verified", "apps", answer.Apps, "chats", answer.Chats, "messages", answer.Messages,
		"differences", answer.Differences, "repaired", answer.Repaired, "gaps", answer.Gaps, "unchecked", answer.Unchecked,
		"complete", answer.Cursor == nil)
	return answer, err
}
