package api_test

import (
	"encoding/json"
	"testing"
	"time"

	"chatapi/pkg/api"
)

// TestTime holds that times have one length as text, so that they sort.
func TestTime(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   time.Time
		want string
	}{
		{"no fraction", time.Date(2026, 11, 24, 16, 8, 31, 0, time.UTC), `{"at":"2026-11-24T16:08:31.000Z"}`},
		{"zeros at the end", time.Date(2026, 11, 24, 16, 8, 31, 330e6, time.UTC), `{"at":"2026-11-24T16:08:31.330Z"}`},
		{"milliseconds", time.Date(2026, 11, 24, 16, 8, 31, 331e6, time.UTC), `{"at":"2026-11-24T16:08:31.331Z"}`},
		{"another time zone", time.Date(2026, 11, 24, 16, 8, 31, 0, time.FixedZone("", 3600)), `{"at":"2026-11-24T15:08:31.000Z"}`},
		{"none", time.Time{}, `{}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			type row struct {
				At api.Time `json:"at,omitzero"`
			}
			got, err := json.Marshal(row{api.Time(tt.at)})
			if err != nil || string(got) != tt.want {
				t.Errorf("%s, error %v, want %s", got, err, tt.want)
			}
			var read struct{ At time.Time }
			if err := json.Unmarshal(got, &read); err != nil || !read.At.Equal(tt.at) {
				t.Errorf("read as %v, error %v, want %v", read.At, err, tt.at)
			}
		})
	}
}
