package reindex

import (
	"context"
	"log/slog"
	"time"

	"chatapi/pkg/chat"
)

// reserve is what a function keeps of its time for the last page, the last
// catch-up and the switch.
const reserve = 90 * time.Second

// Function is what Lambda invokes: each invocation goes on with the build until
// its time is nearly over. The build itself holds how far it is, so an event
// holds nothing, and the function is invoked again until Result.Done.
type Function struct {
	Scanner chat.Scanner
	Begin   func(ctx context.Context) (chat.Rebuild, error) // begins a build or goes on with it
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
