package verify

import (
	"context"
	"log/slog"
	"time"

	"chatapi/pkg/chat"
)

const (
	// reserve is the time that a function keeps for the current chat and for the
	// second check, besides the grace period.
	reserve = time.Minute
	// maxFound is how many differences an answer lists.
	maxFound = 100
)

// Function is what Lambda invokes. Each invocation verifies until its time is
// nearly over; the next one continues from the cursor in its answer.
type Function struct {
	Ports chat.Ports // Store, Auditor and Index
	Log   *slog.Logger
}

// Event is the input of an invocation. The zero value verifies everything
// and repairs nothing.
type Event struct {
	AppToken string  `json:"app_token"` // of the only app to verify
	Repair   bool    `json:"repair"`
	Cursor   *Cursor `json:"cursor"` // of the previous answer
}

// Answer is the output of an invocation.
type Answer struct {
	Result
	Found []Difference `json:"found"` // the first 100 of them, including gaps
}

// Handle runs one invocation. It logs the sums, and no app's token.
func (f Function) Handle(ctx context.Context, event Event) (Answer, error) {
	answer := Answer{Found: []Difference{}}
	options := Options{App: event.AppToken, Repair: event.Repair, From: event.Cursor, Found: func(d Difference) {
		if len(answer.Found) < maxFound {
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
