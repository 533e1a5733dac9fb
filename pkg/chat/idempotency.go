package chat

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Idempotency is the port to the keys with which clients repeat creates. The
// steps of a create with a key are
//
//	Claim → Store.Allocate…Number → Record → Queue.Send → 201
//
// If it ends early, the next create with the key continues: it gets the
// recorded number and enqueues the same create again, which is safe if it was
// enqueued before; if no number was recorded, it takes over the claim.
//
// Every method may return an error that wraps ErrUnavailable; it may have taken
// effect all the same.
type Idempotency interface {
	// Claim claims a key for a create. It returns the claim if the key is now
	// the caller's, and the claim with the Number and CreatedAt of the first
	// create if that one has recorded its number. It returns ErrKeyReused if
	// the key was used for another request, and ErrKeyInUse while another
	// create with the key is in progress. After LeaseTime another create with
	// the same request can take over the claim; after KeyRetention the key is
	// forgotten. Claiming again with the same claim is safe.
	Claim(ctx context.Context, claim Claim) (Claim, error)
	// Record makes the claim's number durable, whatever happens to the create;
	// the number is not allocated again. Recording again is safe. It returns
	// ErrKeyInUse if another create has taken over the claim; the number must
	// then not be used.
	Record(ctx context.Context, claim Claim) error
	// Release ends a claim whose create failed, so that another create need not
	// wait for LeaseTime. A claim with a recorded number, or one that another
	// create has taken over, stays as it is.
	Release(ctx context.Context, claim Claim) error

	// CreateAppOnce stores a new app, the counter of its chats and the claim's
	// key in one transaction; app and key have the same CreatedAt. If the key
	// exists it stores nothing and returns the app with the token and the
	// CreatedAt of the first one, or ErrKeyReused if the key was used for
	// another request.
	CreateAppOnce(ctx context.Context, claim Claim, app App) (App, error)
}

const (
	// LeaseTime is how long a claim without a number makes other creates wait.
	// It is longer than any request may take, so that only a create that was
	// killed loses its claim. Clocks of servers may differ, so nothing else
	// depends on it: Record decides.
	LeaseTime = 15 * time.Second
	// KeyRetention is how long a key is remembered.
	KeyRetention = 24 * time.Hour
)

// IdempotencyKey is a client's key. Keys of different parents are different.
type IdempotencyKey struct {
	Parent Parent // zero for creates of apps
	Text   string
}

// newIdempotencyKey returns an *InvalidError if the text breaks its limits.
func newIdempotencyKey(parent Parent, text string) (IdempotencyKey, error) {
	var bad fields
	invisible := func(r rune) bool { return r < '!' || r > '~' }
	bad.check(len(text) >= 1 && len(text) <= MaxKey && !strings.ContainsFunc(text, invisible),
		keyField, "must have 1 to %d visible ASCII characters", MaxKey)
	bad.check(parent.AppToken != "" || text == "" || len(text) >= MinAppKey,
		keyField, "must have at least %d characters that nobody can guess, "+
			"because whoever sends it gets the app's token", MinAppKey)
	return IdempotencyKey{Parent: parent, Text: text}, bad.err()
}

// keyField is the name of the header in errors.
const keyField = "Idempotency-Key"

// String returns the key for engines that take one string: apps#<text>,
// <app token>#chats#<text> or <app token>#<chat number>#<text>. No two keys
// have the same string, whatever their texts, because "apps" is not a token and
// "chats" is not a number.
func (k IdempotencyKey) String() string {
	switch {
	case k.Parent.AppToken == "":
		return "apps#" + k.Text
	case k.Parent.IsApp():
		return k.Parent.AppToken + "#chats#" + k.Text
	default:
		return k.Parent.String() + "#" + k.Text
	}
}

// Claim is a create's claim of a key.
type Claim struct {
	Key         IdempotencyKey
	Fingerprint string    // of the request
	Owner       string    // unique to this claim
	CreatedAt   time.Time // of what is created
	Number      int64     // of what is created, 0 while it has none
}

// NewClaim returns the claim of a request. Requests that ask for the same have
// the same JSON. It returns an *InvalidError of Idempotency-Key unless the text
// has 1 to MaxKey visible ASCII characters and, for an app, at least MinAppKey.
//
// https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header
func NewClaim(parent Parent, text string, request any, now time.Time) (Claim, error) {
	key, err := newIdempotencyKey(parent, text)
	if err != nil {
		return Claim{}, err
	}
	canonical, err := json.Marshal(request)
	if err != nil {
		return Claim{}, fmt.Errorf("fingerprint request: %w", err)
	}
	hash := sha256.Sum256(canonical)
	return Claim{
		Key: key, Fingerprint: base64.RawStdEncoding.EncodeToString(hash[:]),
		Owner: rand.Text(), CreatedAt: storedTime(now),
	}, nil
}

// LeasedUntil returns when another create may take over the claim.
func (c Claim) LeasedUntil() time.Time { return c.CreatedAt.Add(LeaseTime) }

// ExpiresAt returns when the key is forgotten, in whole seconds, as engines
// store it.
func (c Claim) ExpiresAt() time.Time { return c.CreatedAt.Add(KeyRetention).Truncate(time.Second) }

// Replaces reports whether the claim gets the key from an existing claim: one
// that has expired, or whose create has ended without a number.
func (c Claim) Replaces(existing Claim) bool {
	expired := !existing.ExpiresAt().After(c.CreatedAt)
	sameRequest := existing.Fingerprint == c.Fingerprint
	ended := existing.Number == 0 && !existing.LeasedUntil().After(c.CreatedAt)
	return expired || sameRequest && ended
}

// Resolve returns what Idempotency.Claim returns for a claim that does not
// replace the existing one.
func (c Claim) Resolve(existing Claim) (Claim, error) {
	switch {
	case existing.Owner == c.Owner: // claimed again, because the response was lost
		return c, nil
	case existing.Fingerprint != c.Fingerprint:
		return Claim{}, ErrKeyReused
	case existing.Number == 0:
		return Claim{}, ErrKeyInUse
	default:
		return existing, nil
	}
}
