// Package function starts Lambda functions: what all of them do before their
// own wiring.
package function

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Wiring makes what one function needs and serves until Lambda ends the
// process. It returns an error if the environment lacks something.
type Wiring func(ctx context.Context, cfg aws.Config, log *slog.Logger) error

// Start loads the AWS configuration with LoadAWS and runs a function's
// wiring. It returns the exit status of the process: it only returns if the
// function could not start, and has then logged why, as a line of JSON.
func Start(name string, wire Wiring) int {
	ctx := context.Background()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	cfg, err := LoadAWS()
	if err == nil {
		err = wire(ctx, cfg, log)
	}
	if err != nil {
		log.ErrorContext(ctx, name+" does not start", "error", err)
		return 1
	}
	return 0
}
