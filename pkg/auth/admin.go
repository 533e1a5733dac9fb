package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

// Admin checks the admin key. The zero value accepts none.
type Admin struct {
	hashes [][sha256.Size]byte
}

// ParseAdmin reads one or two SHA-256 hashes of admin keys, in hex, separated by
// a comma: during a rotation both keys are valid. "" is no key.
func ParseAdmin(hashes string) (Admin, error) {
	if hashes == "" {
		return Admin{}, nil
	}
	var a Admin
	for text := range strings.SplitSeq(hashes, ",") {
		hash, err := hex.DecodeString(strings.TrimSpace(text))
		if err != nil || len(hash) != sha256.Size {
			return Admin{}, fmt.Errorf("invalid hash of an admin key: want %d hex digits", hex.EncodedLen(sha256.Size))
		}
		a.hashes = append(a.hashes, [sha256.Size]byte(hash))
	}
	if len(a.hashes) > 2 {
		return Admin{}, fmt.Errorf("invalid hashes of admin keys: %d of them, want one or two", len(a.hashes))
	}
	return a, nil
}

// add accepts one more key, unless it is "" or a dynamic reference that was not
// resolved.
func (a *Admin) add(key string) {
	if key != "" && !unresolved(key) {
		a.hashes = append(a.hashes, sha256.Sum256([]byte(key)))
	}
}

// AdminFromEnv returns the admin key that the stack generated, which is in
// CHATAPI_ADMIN_KEY, and the one or two keys whose SHA-256 hashes are in
// CHATAPI_ADMIN_KEY_SHA256. Without any it accepts none.
func AdminFromEnv(getenv func(string) string) (Admin, error) {
	a, err := ParseAdmin(getenv("CHATAPI_ADMIN_KEY_SHA256"))
	if err != nil {
		return Admin{}, fmt.Errorf("the environment variable CHATAPI_ADMIN_KEY_SHA256: %w", err)
	}
	a.add(getenv("CHATAPI_ADMIN_KEY"))
	return a, nil
}

// Configured reports whether there is an admin key.
func (a Admin) Configured() bool { return len(a.hashes) > 0 }

// Check reports whether this is an admin key. Its time does not depend on how
// much of the key is right.
func (a Admin) Check(key string) bool {
	hash := sha256.Sum256([]byte(key))
	found := 0
	for _, h := range a.hashes {
		found |= subtle.ConstantTimeCompare(h[:], hash[:])
	}
	return found == 1
}

// NewAdminKey returns a random admin key and its SHA-256 hash in hex.
func NewAdminKey() (key, hash string) {
	key = "ca1_" + rand.Text() + rand.Text() // 260 random bits
	sum := sha256.Sum256([]byte(key))
	return key, hex.EncodeToString(sum[:])
}

// unresolved reports whether a text has a dynamic reference of CloudFormation
// that was not resolved, as on sam local.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
func unresolved(text string) bool { return strings.Contains(text, "{{resolve:") }
