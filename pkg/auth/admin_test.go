package auth_test

import (
	"os"
	"testing"

	"chatapi/pkg/auth"
)

func TestAdmin(t *testing.T) {
	key, hash := auth.NewAdminKey()
	other, otherHash := auth.NewAdminKey()
	for _, tt := range []struct {
		name, hashes, key string
		configured        bool
		accepted, refused []string
	}{
		{"none", "", "", false, nil, []string{"", key}},
		{"one", hash, "", true, []string{key}, []string{"", other, hash, key + "x"}},
		{"two in a rotation", hash + ", " + otherHash, "", true, []string{key, other}, []string{""}},
		{"the key itself", "", key, true, []string{key}, []string{other}},
		{"a reference that is not resolved", "", "{{resolve:secretsmanager:arn}}", false, nil, []string{"{{resolve:secretsmanager:arn}}"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("CHATAPI_ADMIN_KEY_SHA256", tt.hashes)
			t.Setenv("CHATAPI_ADMIN_KEY", tt.key)
			a, err := auth.AdminFromEnv(os.Getenv)
			if err != nil {
				t.Fatal(err)
			}
			if a.Configured() != tt.configured {
				t.Errorf("configured: %t", a.Configured())
			}
			for _, k := range tt.accepted {
				if !a.Check(k) {
					t.Errorf("refuses %q", k)
				}
			}
			for _, k := range tt.refused {
				if a.Check(k) {
					t.Errorf("accepts %q", k)
				}
			}
		})
	}
	for _, bad := range []string{"x", hash[:10], hash + "," + hash + "," + hash} {
		t.Setenv("CHATAPI_ADMIN_KEY_SHA256", bad)
		if _, err := auth.AdminFromEnv(os.Getenv); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
