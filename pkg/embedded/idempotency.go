package embedded

import (
	"bytes"
	"context"
	"sync"
	"time"

	"chatapi/pkg/chat"

	"go.etcd.io/bbolt"
)

// Idempotency implements chat.Idempotency. A claim is only in memory until its
// number is recorded: a restart forgets it together with its create.
type Idempotency struct {
	rows    view
	commit  commit
	numbers *numbers

	mu      sync.Mutex
	claims  map[chat.IdempotencyKey]chat.Claim // without a number
	sweepAt int                                // at this size, expired claims are dropped
}

var _ chat.Idempotency = (*Idempotency)(nil)

func newIdempotency(rows view, commit commit, numbers *numbers) *Idempotency {
	return &Idempotency{
		rows: rows, commit: commit, numbers: numbers,
		claims: map[chat.IdempotencyKey]chat.Claim{}, sweepAt: firstSweep,
	}
}

// keyRow is the row of a key whose create has its number, or of an app that
// was created.
type keyRow struct {
	Fingerprint string    `json:"fingerprint"`
	Owner       string    `json:"owner"`
	CreatedAt   time.Time `json:"created_at"`
	Number      int64     `json:"number,omitzero"`
	AppToken    string    `json:"app_token,omitempty"`
}

func (r keyRow) claim(key chat.IdempotencyKey) chat.Claim {
	return chat.Claim{
		Key: key, Fingerprint: r.Fingerprint, Owner: r.Owner, CreatedAt: r.CreatedAt, Number: r.Number,
	}
}

// keyRowIn returns a key's row, unless it has expired when the claim is created.
func keyRowIn(tx *bbolt.Tx, claim chat.Claim) (row keyRow, exists bool, err error) {
	exists, err = get(tx.Bucket(bucketKeys), []byte(claim.Key.String()), &row)
	return row, exists && row.claim(claim.Key).ExpiresAt().After(claim.CreatedAt), err
}

// Claim implements chat.Idempotency. It claims the key in memory.
func (i *Idempotency) Claim(ctx context.Context, claim chat.Claim) (chat.Claim, error) {
	claim, err := i.claim(ctx, claim)
	return claim, wrap(err, "claim key")
}

func (i *Idempotency) claim(ctx context.Context, claim chat.Claim) (chat.Claim, error) {
	if err := alive(ctx); err != nil {
		return chat.Claim{}, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if existing, exists := i.claims[claim.Key]; exists && !claim.Replaces(existing) {
		return claim.Resolve(existing)
	}
	var row keyRow
	var exists bool
	err := i.rows(func(tx *bbolt.Tx) (err error) {
		row, exists, err = keyRowIn(tx, claim)
		return err
	})
	if err != nil {
		return chat.Claim{}, err
	}
	if exists {
		return claim.Resolve(row.claim(claim.Key))
	}
	i.sweep()
	i.claims[claim.Key] = claim
	return claim, nil
}

// sweep drops expired claims, if there are many. Only a create that was
// interrupted leaves its claim.
func (i *Idempotency) sweep() {
	if len(i.claims) < i.sweepAt {
		return
	}
	now := time.Now()
	for key, claim := range i.claims {
		if !claim.ExpiresAt().After(now) {
			delete(i.claims, key)
		}
	}
	i.sweepAt = max(firstSweep, 2*len(i.claims))
}

// Record implements chat.Idempotency. The number becomes durable with the key and
// in its counter, so that it is not allocated again.
func (i *Idempotency) Record(ctx context.Context, claim chat.Claim) error {
	holds, err := i.holds(claim)
	if err != nil {
		return wrap(err, "record number of key")
	}
	row := keyRow{Fingerprint: claim.Fingerprint, Owner: claim.Owner, CreatedAt: claim.CreatedAt, Number: claim.Number}
	err = i.commit(ctx, func(tx *bbolt.Tx) error {
		existing, exists, err := keyRowIn(tx, claim)
		switch {
		case err != nil:
			return err
		case exists && existing.Owner == claim.Owner:
			return nil
		case exists || !holds: // another create was first
			return chat.ErrKeyInUse
		}
		if err := putKey(tx, claim, row); err != nil {
			return err
		}
		return raise(tx, claim.Key.Parent, claim.Number)
	})
	if err != nil {
		return wrap(err, "record number of key")
	}
	i.numbers.stored(claim.Key.Parent, claim.Number)
	i.forget(claim)
	return nil
}

// holds reports whether the claim is in memory. It returns ErrKeyInUse if
// another one has taken it over.
func (i *Idempotency) holds(claim chat.Claim) (bool, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	existing, exists := i.claims[claim.Key]
	if exists && existing.Owner != claim.Owner {
		return false, chat.ErrKeyInUse
	}
	return exists, nil
}

// Release implements chat.Idempotency. A claim without a number is in memory.
func (i *Idempotency) Release(ctx context.Context, claim chat.Claim) error {
	if err := alive(ctx); err != nil {
		return wrap(err, "release key")
	}
	i.forget(claim)
	return nil
}

func (i *Idempotency) forget(claim chat.Claim) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.claims[claim.Key].Owner == claim.Owner {
		delete(i.claims, claim.Key)
	}
}

// CreateAppOnce implements chat.Idempotency: app, counter and key are one
// transaction.
func (i *Idempotency) CreateAppOnce(ctx context.Context, claim chat.Claim, app chat.App) (chat.App, error) {
	var existing keyRow
	err := i.commit(ctx, func(tx *bbolt.Tx) (err error) {
		var exists bool
		existing, exists, err = keyRowIn(tx, claim)
		if err != nil || exists {
			return err
		}
		existing = keyRow{
			Fingerprint: claim.Fingerprint, Owner: claim.Owner, CreatedAt: claim.CreatedAt, AppToken: app.Token,
		}
		if err := putKey(tx, claim, existing); err != nil {
			return err
		}
		return createApp(tx, app)
	})
	if err != nil { // the write may still run
		return chat.App{}, wrap(err, "create app")
	}
	if existing.Fingerprint != claim.Fingerprint {
		return chat.App{}, wrap(chat.ErrKeyReused, "create app")
	}
	app.Token, app.CreatedAt, app.UpdatedAt = existing.AppToken, existing.CreatedAt, existing.CreatedAt
	return app, nil
}

// sweepKeys is how many expired keys are deleted with each new one: more than one,
// so that their number falls.
const sweepKeys = 4

// putKey stores a key's row and when it expires, and deletes some that have
// expired.
func putKey(tx *bbolt.Tx, claim chat.Claim, row keyRow) error {
	key := []byte(claim.Key.String())
	if err := put(tx.Bucket(bucketKeys), key, row); err != nil {
		return err
	}
	expires := sequenceKey(uint64(claim.ExpiresAt().Unix()))
	if err := tx.Bucket(bucketExpiries).Put(append(expires, key...), nil); err != nil {
		return err
	}
	return deleteExpired(tx, time.Now())
}

// deleteExpired deletes up to sweepKeys keys that have expired, oldest first.
func deleteExpired(tx *bbolt.Tx, now time.Time) error {
	end := sequenceKey(uint64(now.Unix()) + 1)
	var expired [][]byte
	rows := tx.Bucket(bucketExpiries).Cursor()
	for key, _ := rows.First(); key != nil && len(expired) < sweepKeys; key, _ = rows.Next() {
		if bytes.Compare(key, end) >= 0 {
			break
		}
		expired = append(expired, bytes.Clone(key))
	}
	for _, expiry := range expired {
		if err := deleteKey(tx, expiry[8:], now); err != nil {
			return err
		}
		if err := tx.Bucket(bucketExpiries).Delete(expiry); err != nil {
			return err
		}
	}
	return nil
}

// deleteKey deletes a key's row, unless a newer create has the key.
func deleteKey(tx *bbolt.Tx, key []byte, now time.Time) error {
	var row keyRow
	exists, err := get(tx.Bucket(bucketKeys), key, &row)
	if err != nil || !exists || row.claim(chat.IdempotencyKey{}).ExpiresAt().After(now) {
		return err
	}
	return tx.Bucket(bucketKeys).Delete(key)
}
