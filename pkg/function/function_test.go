package function_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"chatapi/pkg/function"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func TestStart(t *testing.T) {
	setLambda(t)
	for _, tt := range []struct {
		name string
		err  error
		want int
	}{
		{"served", nil, 0},
		{"the environment lacks something", errors.New("no table"), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := function.Start("test", func(_ context.Context, cfg aws.Config, log *slog.Logger) error {
				if cfg.Region != "eu-north-1" || log == nil {
					t.Errorf("region %q, log %v", cfg.Region, log)
				}
				return tt.err
			})
			if got != tt.want {
				t.Errorf("status %d, want %d", got, tt.want)
			}
		})
	}
}
