package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Pinger is an engine that can be asked whether it responds.
type Pinger interface {
	Ping(ctx context.Context) error
}

// engine is a Pinger with the name of its port.
type engine struct {
	name string
	Pinger
}

// EngineState is whether an engine responds.
type EngineState struct {
	Name         string  `json:"name" doc:"What the engine does" example:"store"`
	Status       string  `json:"status" enum:"ok,unavailable" doc:"Whether it responds" example:"ok"`
	Milliseconds float64 `json:"milliseconds" doc:"How long it took to respond" example:"0.21"`
}

type healthOutput struct {
	Status int
	Body   struct {
		Status  string        `json:"status" enum:"ok,unavailable" doc:"ok if every engine responds" example:"ok"`
		Engines []EngineState `json:"engines" doc:"Each engine's own state"`
	}
}

// Health returns the operation that pings every engine concurrently: 200 if all
// respond, else 503, with the state of each.
func Health(store, queue, index Pinger) Operation {
	engines := []engine{{"store", store}, {"queue", queue}, {"index", index}}
	op := Operation{
		Name: "health", Method: http.MethodGet, Path: "/health",
		Summary:     "State of the engines behind the API",
		Description: "Asks every engine whether it responds: 200 if all do, else 503.",
		describe:    describeUnhealthy,
	}
	return operation(op, http.StatusOK, func(ctx context.Context, _ *struct{}) (*healthOutput, error) {
		var out healthOutput
		out.Status, out.Body.Status = http.StatusOK, "ok"
		out.Body.Engines = pingAll(ctx, engines)
		for _, e := range out.Body.Engines {
			if e.Status != "ok" {
				out.Status, out.Body.Status = http.StatusServiceUnavailable, "unavailable"
			}
		}
		return &out, nil
	})
}

// describeUnhealthy: the 503 has the same body as the 200, and not a problem.
func describeUnhealthy(o *huma.Operation) {
	body := map[string]any{
		"status":  "unavailable",
		"engines": []any{map[string]any{"name": "store", "status": "unavailable", "milliseconds": 2000}},
	}
	o.Responses["503"] = &huma.Response{
		Description: "At least one engine does not respond",
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: o.Responses["200"].Content["application/json"].Schema, Example: body},
		},
	}
}

// pingTimeout is short: whoever asks for health wants to know now.
const pingTimeout = 2 * time.Second

func pingAll(ctx context.Context, engines []engine) []EngineState {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	views := make([]EngineState, len(engines))
	var all sync.WaitGroup
	for i, e := range engines {
		all.Go(func() { views[i] = ping(ctx, e) })
	}
	all.Wait()
	return views
}

func ping(ctx context.Context, e engine) EngineState {
	start := time.Now()
	view := EngineState{Name: e.name, Status: "ok"}
	if err := e.Ping(ctx); err != nil {
		view.Status = "unavailable"
		logger(ctx).WarnContext(ctx, "engine does not respond", "engine", e.name, "error", err)
	}
	view.Milliseconds = float64(time.Since(start).Microseconds()) / 1000
	return view
}
