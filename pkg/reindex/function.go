package reindex

import (
	"context"
	"log/slog"
	"time"

	"chatapi/pkg/chat"
)

// reserve is the part of its time that a function keeps for the last page, the
// last catch-up and the switch.
const reserve = 90 * time.Second

// Function is what Lambda invokes: each invocation resumes the build until its
// time is nearly over. The progress is saved with the build, so that the event is
// empty, and the function is invoked again until Result.Done.
type Function struct {
	Scanner chat.Scanner
	Begin   func(ctx context.Context) (chat.Rebuild, error) // begins or resumes a build
	Log     *slog.Logger
}

// Handle runs one invocation.
func (f Function) Handle(ctx context.Context) (Result, error) {
	build, err := f.Begin(ctx)
	if err != nil {
		return Result{}, err
	}
	options := Options{Report: func(p chat.Progress) { f.Log.InfoContext(ctx, "reindexing", "messages", p.Messages) }}
	if deadline, ok := ctx.Deadline(); ok {
		options.StopAt = deadline.Add(-reserve)
	}
	return New(f.Scanner, build, options).Run(ctx)
}
