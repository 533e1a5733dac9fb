package chat

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Idempotency is the port to the keys under which clients repeat creates. A
// create under a key goes
//
//	Claim → Store.Take…Number → Record → Queue.Send → 201
//
// and where it ends early, the next one with the key goes on: it gets the
// number that is recorded and sends the same create again, which changes
// nothing where it was sent before; or it takes the claim over, where there is
// no number yet.
//
// Every method may return an error that wraps ErrUnavailable; what it was to
// do may be done all the same.
type Idempotency interface {
	// Claim claims a key for a create. It returns the claim where the key is
	// the caller's now; it returns it with the Number and CreatedAt of the
	// first create where that has recorded its number. ErrKeyReused: the key
	// was used for another request. ErrKeyInUse: another create under it is
	// under way. A claim is over after Leased, and another create with the same
	// request can take it over; a key is forgotten after KeyKept. Asking again
	// for the same claim is no change.
	Claim(ctx context.Context, claim Claim) (Claim, error)
	// Record keeps the claim's number, from now on and whatever becomes of the
	// create. The number is durable with it and not given out again. Again is
	// no change. ErrKeyInUse: another create has taken the claim over; the
	// number must not be used.
	Record(ctx context.Context, claim Claim) error
	// Release ends a claim whose create failed, so that another need not wait
	// until it is over. A claim whose number is recorded, or that is another
	// create's by now, stays as it is.
	Release(ctx context.Context, claim Claim) error

	// CreateAppOnce stores a new app, its counter of chats and the claim's key
	// in one step; both have the same CreatedAt. Where the key stands already it
	// stores nothing, and returns the app with the token and the CreatedAt of
	// the first one; ErrKeyReused where the key was used for another request.
	CreateAppOnce(ctx context.Context, claim Claim, app App) (App, error)
}

const (
	// Leased is how long a claim without a number holds off other creates:
	// longer than any request may take, so that only a create that was killed
	// loses its claim. Clocks of servers may differ, so nothing but time to wait
	// hangs on it: Record decides.
	Leased = 15 * time.Second
	// KeyKept is how long a key is known.
	KeyKept = 24 * time.Hour
)

// IdempotencyKey is a client's key, within what the create is made in.
type IdempotencyKey struct {
	// Parent is what the create gets its number from: a chat; an app, with
	// Number 0; nothing for creates of apps.
	Parent ChatID
	Text   string
}

// newIdempotencyKey returns an *InvalidError where the text breaks its limits.
func newIdempotencyKey(parent ChatID, text string) (IdempotencyKey, error) {
	var bad fields
	invisible := func(r rune) bool { return r < '!' || r > '~' }
	bad.check(len(text) >= 1 && len(text) <= MaxKey && !strings.ContainsFunc(text, invisible),
		keyField, "must have 1 to %d visible ASCII characters", MaxKey)
	bad.check(parent.AppToken != "" || text == "" || len(text) >= MinAppKey,
		keyField, "must have at least %d characters that nobody can guess, because whoever sends it gets the app's token", MinAppKey)
	return IdempotencyKey{Parent: parent, Text: text}, bad.err()
}

// keyField is the name of the header, as it stands in errors.
const keyField = "Idempotency-Key"

// String returns the key in engines that take one string: apps#<text>,
// <app token>#chats#<text> or <app token>#<chat number>#<text>. No token is
// apps and no number is chats, so no two keys share a string whatever their
// texts.
func (k IdempotencyKey) String() string {
	switch {
	case k.Parent.AppToken == "":
		return "apps#" + k.Text
	case k.Parent.Number == 0:
		return k.Parent.AppToken + "#chats#" + k.Text
	default:
		return k.Parent.AppToken + "#" + strconv.FormatInt(k.Parent.Number, 10) + "#" + k.Text
	}
}

// Claim is what one create claims a key for.
type Claim struct {
	Key         IdempotencyKey
	Fingerprint string    // of the request
	Owner       string    // of this claim, and of no other
	CreatedAt   time.Time // of what is created
	Number      int64     // of what is created, 0 while it has none
}

// NewClaim returns the claim of a request: whatever it asks for, as a value
// that has the same JSON where it asks for the same. It returns an
// *InvalidError of Idempotency-Key where the text has not 1 to MaxKey visible
// ASCII characters or, for an app, not at least MinAppKey.
//
// https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header
func NewClaim(parent ChatID, text string, request any, now time.Time) (Claim, error) {
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

// LeasedUntil returns when another create may take the claim over.
func (c Claim) LeasedUntil() time.Time { return c.CreatedAt.Add(Leased) }

// ExpiresAt returns when the key is forgotten, in whole seconds as engines
// keep it.
func (c Claim) ExpiresAt() time.Time { return c.CreatedAt.Add(KeyKept).Truncate(time.Second) }

// TakesOver reports whether the claim gets a key for which another stands.
func (c Claim) TakesOver(stands Claim) bool {
	expired := !stands.ExpiresAt().After(c.CreatedAt)
	given := stands.Number == 0 && stands.Fingerprint == c.Fingerprint && !stands.LeasedUntil().After(c.CreatedAt)
	return expired || given
}

// Meet returns what Claim does for a claim where another stands that it does
// not take over.
func (c Claim) Meet(stands Claim) (Claim, error) {
	switch {
	case stands.Owner == c.Owner: // asked for again, because the answer was lost
		return c, nil
	case stands.Fingerprint != c.Fingerprint:
		return Claim{}, ErrKeyReused
	case stands.Number == 0:
		return Claim{}, ErrKeyInUse
	default:
		return stands, nil
	}
}
