package chattest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"

	"golang.org/x/sync/errgroup"
)

// Idempotency is the contract of the port chat.Idempotency, beside the store
// whose numbers are recorded. It calls open once and runs its cases side by
// side, each in apps of its own.
func Idempotency(t *testing.T, open func(t *testing.T) (chat.Store, chat.Idempotency)) {
	store, keys := open(t)
	s := keysTest{storeTest{store}, keys}
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s keysTest)
	}{
		{"a key goes its way", keysWay},
		{"a claim is asked for again", claimAgain},
		{"a number is recorded again", recordAgain},
		{"another request under a key is refused", otherRequest},
		{"a claim that is over is taken over", takeOver},
		{"a claim that was taken over records nothing and releases nothing", zombie},
		{"a recorded number outlives the lease", recordedOutlivesLease},
		{"a key is forgotten", forgotten},
		{"a released key is free", released},
		{"a recorded number is not released", releasedTooLate},
		{"concurrent claims have one winner", concurrentClaims},
		{"concurrent takeovers have one winner", concurrentTakeovers},
		{"concurrent creates under a key make one number known", concurrentKeyedCreates},
		{"keys of different parents are apart", keysApart},
		{"an app is created once", appOnce},
		{"concurrent creates of an app make one", appOnceConcurrently},
		{"an app's key is forgotten", appKeyForgotten},
		{"an end of the context ends every method", keysCancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, s)
		})
	}
}

type keysTest struct {
	storeTest
	keys chat.Idempotency
}

// keysClock is when the suite's claims begin. It is near the real time, because
// engines delete rows by that once they are expired.
var keysClock = time.Now().UTC().Truncate(time.Millisecond)

// claimAt returns a claim that is made so long after keysClock.
func claimAt(t *testing.T, parent chat.Parent, text, request string, later time.Duration) chat.Claim {
	t.Helper()
	claim, err := chat.NewClaim(parent, text, request, keysClock.Add(later))
	if err != nil {
		t.Fatalf("new claim: %v", err)
	}
	return claim
}

// mine claims a key and checks that the caller has it.
func (s keysTest) mine(t *testing.T, claim chat.Claim) chat.Claim {
	t.Helper()
	got, err := s.keys.Claim(t.Context(), claim)
	if err != nil {
		t.Fatalf("claim %s: %v", claim.Key, err)
	}
	wantEqual(t, got, claim)
	return got
}

func (s keysTest) refuses(t *testing.T, claim chat.Claim, want error) {
	t.Helper()
	_, err := s.keys.Claim(t.Context(), claim)
	wantError(t, err, want)
}

// knows claims a key and checks that the number and time of first are known.
func (s keysTest) knows(t *testing.T, claim, first chat.Claim) {
	t.Helper()
	got, err := s.keys.Claim(t.Context(), claim)
	if err != nil {
		t.Fatalf("claim %s: %v", claim.Key, err)
	}
	if got.Number != first.Number || !got.CreatedAt.Equal(first.CreatedAt) {
		t.Errorf("number %d of %v is known, want %d of %v", got.Number, got.CreatedAt, first.Number, first.CreatedAt)
	}
}

// record takes a message number for a claim and records it.
func (s keysTest) record(t *testing.T, claim chat.Claim) chat.Claim {
	t.Helper()
	claim = s.numbered(t, claim)
	if err := s.keys.Record(t.Context(), claim); err != nil {
		t.Fatalf("record number: %v", err)
	}
	return claim
}

func (s keysTest) numbered(t *testing.T, claim chat.Claim) chat.Claim {
	t.Helper()
	claim.Number = s.takeMessages(t, claim.Key.Parent.ChatID(), 1)[0].Number
	return claim
}

func (s keysTest) release(t *testing.T, claim chat.Claim) {
	t.Helper()
	if err := s.keys.Release(t.Context(), claim); err != nil {
		t.Fatalf("release: %v", err)
	}
}

func keysWay(t *testing.T, s keysTest) {
	id := s.open(t, s.app(t))
	first := s.mine(t, claimAt(t, id.Parent(), "k", "a", 0))
	s.refuses(t, claimAt(t, id.Parent(), "k", "a", time.Second), chat.ErrKeyInUse)
	first = s.record(t, first)
	for later := range 3 {
		s.knows(t, claimAt(t, id.Parent(), "k", "a", time.Duration(later)*time.Second), first)
	}
	second := s.record(t, s.mine(t, claimAt(t, id.Parent(), "l", "a", 0)))
	if second.Number <= first.Number {
		t.Errorf("number %d comes after %d", second.Number, first.Number)
	}
}

func claimAgain(t *testing.T, s keysTest) {
	id := s.open(t, s.app(t))
	claim := claimAt(t, id.Parent(), "k", "a", 0)
	s.mine(t, claim)
	s.mine(t, claim)
	s.record(t, claim)
}

func recordAgain(t *testing.T, s keysTest) {
	id := s.open(t, s.app(t))
	first := s.record(t, s.mine(t, claimAt(t, id.Parent(), "k", "a", 0)))
	if err := s.keys.Record(t.Context(), first); err != nil {
		t.Errorf("record again: %v", err)
	}
	s.knows(t, claimAt(t, id.Parent(), "k", "a", 0), first)
}

func otherRequest(t *testing.T, s keysTest) {
	id := s.open(t, s.app(t))
	other := func(later time.Duration) chat.Claim { return claimAt(t, id.Parent(), "k", "b", later) }
	first := s.mine(t, claimAt(t, id.Parent(), "k", "a", 0))
	s.refuses(t, other(0), chat.ErrKeyReused)
	s.refuses(t, other(chat.LeaseTime), chat.ErrKeyReused)
	first = s.record(t, first)
	s.refuses(t, other(0), chat.ErrKeyReused)
	s.refuses(t, other(chat.LeaseTime), chat.ErrKeyReused)
	s.knows(t, claimAt(t, id.Parent(), "k", "a", 0), first)
}

func takeOver(t *testing.T, s keysTest) {
	id := s.open(t, s.app(t))
	s.mine(t, claimAt(t, id.Parent(), "k", "a", 0))
	s.refuses(t, claimAt(t, id.Parent(), "k", "a", chat.LeaseTime-time.Millisecond), chat.ErrKeyInUse)
	second := s.mine(t, claimAt(t, id.Parent(), "k", "a", chat.LeaseTime))
	s.refuses(t, claimAt(t, id.Parent(), "k", "a", 2*chat.LeaseTime-time.Millisecond), chat.ErrKeyInUse)
	second = s.record(t, second)
	s.knows(t, claimAt(t, id.Parent(), "k", "a", 3*chat.LeaseTime), second)
}

func zombie(t *testing.T, s keysTest) {
	id := s.open(t, s.app(t))
	first := s.numbered(t, s.mine(t, claimAt(t, id.Parent(), "k", "a", 0)))
	second := s.mine(t, claimAt(t, id.Parent(), "k", "a", chat.LeaseTime))
	wantError(t, s.keys.Record(t.Context(), first), chat.ErrKeyInUse)
	s.release(t, first)
	s.refuses(t, claimAt(t, id.Parent(), "k", "a", chat.LeaseTime), chat.ErrKeyInUse)
	second = s.record(t, second)
	wantError(t, s.keys.Record(t.Context(), first), chat.ErrKeyInUse)
	s.release(t, first)
	s.knows(t, claimAt(t, id.Parent(), "k", "a", chat.LeaseTime), second)
}

func recordedOutlivesLease(t *testing.T, s keysTest) {
	id := s.open(t, s.app(t))
	first := s.record(t, s.mine(t, claimAt(t, id.Parent(), "k", "a", 0)))
	for _, later := range []time.Duration{chat.LeaseTime, time.Hour, chat.KeyRetention - time.Second} {
		s.knows(t, claimAt(t, id.Parent(), "k", "a", later), first)
	}
}

// forgotten looks at keys that are expired and not deleted, which DynamoDB
// keeps for days.
func forgotten(t *testing.T, s keysTest) {
	id := s.open(t, s.app(t))
	for i, request := range []string{"the same", "another"} {
		recorded, claimed := fmt.Sprint("recorded-", i), fmt.Sprint("claimed-", i)
		s.record(t, s.mine(t, claimAt(t, id.Parent(), recorded, "the same", 0)))
		s.mine(t, claimAt(t, id.Parent(), claimed, "the same", 0))
		again := s.record(t, s.mine(t, claimAt(t, id.Parent(), recorded, request, chat.KeyRetention)))
		s.mine(t, claimAt(t, id.Parent(), claimed, request, chat.KeyRetention))
		s.knows(t, claimAt(t, id.Parent(), recorded, request, chat.KeyRetention), again)
	}
}

func released(t *testing.T, s keysTest) {
	id := s.open(t, s.app(t))
	first := s.mine(t, claimAt(t, id.Parent(), "k", "a", 0))
	s.release(t, first)
	s.release(t, first)
	first.Number = 1
	wantError(t, s.keys.Record(t.Context(), first), chat.ErrKeyInUse)
	second := s.mine(t, claimAt(t, id.Parent(), "k", "b", 0)) // nothing was made of the key
	s.release(t, first)
	s.refuses(t, claimAt(t, id.Parent(), "k", "b", 0), chat.ErrKeyInUse)
	s.record(t, second)
}

func releasedTooLate(t *testing.T, s keysTest) {
	id := s.open(t, s.app(t))
	first := s.record(t, s.mine(t, claimAt(t, id.Parent(), "k", "a", 0)))
	s.release(t, first)
	s.knows(t, claimAt(t, id.Parent(), "k", "a", 0), first)
}

// race makes claims side by side and returns those that got the key. Every
// other one must find it in use.
func (s keysTest) race(t *testing.T, claims []chat.Claim) (won []chat.Claim) {
	t.Helper()
	got := make([]chat.Claim, len(claims))
	group, ctx := errgroup.WithContext(t.Context())
	for i, claim := range claims {
		group.Go(func() (err error) {
			got[i], err = s.keys.Claim(ctx, claim)
			if errors.Is(err, chat.ErrKeyInUse) {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, claim := range claims {
		if got[i].Owner == claim.Owner {
			won = append(won, claim)
		}
	}
	return won
}

func claimsAt(t *testing.T, id chat.ChatID, later time.Duration) (claims []chat.Claim) {
	t.Helper()
	for range 20 {
		claims = append(claims, claimAt(t, id.Parent(), "k", "a", later))
	}
	return claims
}

func concurrentClaims(t *testing.T, s keysTest) {
	id := s.open(t, s.app(t))
	if won := s.race(t, claimsAt(t, id, 0)); len(won) != 1 {
		t.Errorf("%d of 20 claims have the key, want 1", len(won))
	}
}

func concurrentTakeovers(t *testing.T, s keysTest) {
	id := s.open(t, s.app(t))
	first := s.mine(t, claimAt(t, id.Parent(), "k", "a", 0))
	won := s.race(t, append(claimsAt(t, id, chat.LeaseTime), first))
	if len(won) == 2 { // first asked again before the others
		won = won[:1]
	}
	if len(won) != 1 || won[0].Owner == first.Owner {
		t.Fatalf("%d of 20 claims have the key, want 1", len(won))
	}
	s.record(t, won[0])
}

// concurrentKeyedCreates lets creates with one key run at once, some of which
// begin when the lease of others is over, so that claims are taken over while
// numbers are recorded. One number alone may be used.
func concurrentKeyedCreates(t *testing.T, s keysTest) {
	id := s.open(t, s.app(t))
	used := make([]int64, 24)
	group, ctx := errgroup.WithContext(t.Context())
	for i := range used {
		claim := claimAt(t, id.Parent(), "k", "a", time.Duration(i%4)*chat.LeaseTime)
		group.Go(func() (err error) {
			used[i], err = s.keyed(ctx, claim)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	last, err := s.keyed(t.Context(), claimAt(t, id.Parent(), "k", "a", 5*chat.LeaseTime))
	if err != nil || last == 0 {
		t.Fatalf("number %d, error %v", last, err)
	}
	for i, number := range used {
		if number != 0 && number != last {
			t.Errorf("create %d uses number %d, want %d as all", i, number, last)
		}
	}
}

// keyed returns the number that a create would be sent with, 0 for none.
func (s keysTest) keyed(ctx context.Context, claim chat.Claim) (int64, error) {
	claim, err := s.keys.Claim(ctx, claim)
	if err == nil && claim.Number == 0 {
		if claim.Number, err = s.AllocateMessageNumber(ctx, claim.Key.Parent.ChatID()); err == nil {
			err = s.keys.Record(ctx, claim)
		}
	}
	if errors.Is(err, chat.ErrKeyInUse) {
		return 0, nil
	}
	return claim.Number, err
}

// keysApart claims keys whose parents and texts look alike when they are
// written one after the other.
func keysApart(t *testing.T, s keysTest) {
	token, other := s.app(t), s.app(t)
	inApp, inChat := chat.AppParent(token), chat.Parent{AppToken: token, ChatNumber: 1}
	longer := chat.Parent{AppToken: token, ChatNumber: 11}
	for _, claim := range []chat.Claim{
		claimAt(t, inApp, "k", "a", 0),
		claimAt(t, inApp, "chats#k", "b", 0),
		claimAt(t, inApp, "1#k", "c", 0),
		claimAt(t, inChat, "k", "d", 0),
		claimAt(t, inChat, "chats#k", "e", 0),
		claimAt(t, inChat, "1#k", "f", 0),
		claimAt(t, longer, "k", "g", 0),
		claimAt(t, inChat, "#k", "h", 0),
		claimAt(t, inApp, "#k", "i", 0),
		claimAt(t, chat.AppParent(other), "k", "j", 0),
		claimAt(t, chat.Parent{AppToken: other, ChatNumber: 1}, "k", "k", 0),
		claimAt(t, inChat, "K", "l", 0),
	} {
		s.mine(t, claim)
	}
	for _, text := range []string{token + "#1#k", token + "#chats#k"} {
		app := newApp(t, "apart")
		got, err := s.keys.CreateAppOnce(t.Context(), claimAt(t, chat.Parent{}, text, "m", 0), app)
		if err != nil || got.Token != app.Token {
			t.Errorf("an app under key %s: token %s, error %v", text, got.Token, err)
		}
	}
}

// appKey is a key for apps that no other case takes.
func appKey(t *testing.T) string {
	t.Helper()
	return "key-" + unknownToken(t)
}

func appOnce(t *testing.T, s keysTest) {
	key := appKey(t)
	claim := claimAt(t, chat.Parent{}, key, "a", 0)
	first := newApp(t, "once")
	first.CreatedAt, first.UpdatedAt = claim.CreatedAt, claim.CreatedAt
	got, err := s.keys.CreateAppOnce(t.Context(), claim, first)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, got, first)
	stored, err := s.App(t.Context(), first.Token)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, stored, first)
	s.take(t, first.Token, 1)

	claim = claimAt(t, chat.Parent{}, key, "a", time.Hour)
	second := newApp(t, "once")
	second.CreatedAt, second.UpdatedAt = claim.CreatedAt, claim.CreatedAt
	got, err = s.keys.CreateAppOnce(t.Context(), claim, second)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, got, first)
	_, err = s.App(t.Context(), second.Token)
	wantError(t, err, chat.ErrAppNotFound)
	_, err = s.AllocateChatNumber(t.Context(), second.Token)
	wantError(t, err, chat.ErrAppNotFound)

	got, err = s.keys.CreateAppOnce(t.Context(), claimAt(t, chat.Parent{}, key, "b", 0), second)
	wantError(t, err, chat.ErrKeyReused)
	if got.Token != "" {
		t.Error("the refusal tells a token")
	}
}

func appOnceConcurrently(t *testing.T, s keysTest) {
	key := appKey(t)
	tokens := make([]string, 10)
	made := make([]chat.App, len(tokens))
	group, ctx := errgroup.WithContext(t.Context())
	for i := range tokens {
		made[i] = newApp(t, "once")
		claim := claimAt(t, chat.Parent{}, key, "a", 0)
		group.Go(func() error {
			got, err := s.keys.CreateAppOnce(ctx, claim, made[i])
			tokens[i] = got.Token
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	stored := 0
	for i, app := range made {
		if tokens[i] != tokens[0] {
			t.Errorf("create %d got %s, want %s as all", i, tokens[i], tokens[0])
		}
		if _, err := s.App(t.Context(), app.Token); err == nil {
			stored++
		}
	}
	if stored != 1 {
		t.Errorf("%d apps are stored, want 1", stored)
	}
}

func appKeyForgotten(t *testing.T, s keysTest) {
	key := appKey(t)
	for i := range 2 {
		app := newApp(t, "again")
		got, err := s.keys.CreateAppOnce(t.Context(), claimAt(t, chat.Parent{}, key, fmt.Sprint(i), time.Duration(i)*chat.KeyRetention), app)
		if err != nil || got.Token != app.Token {
			t.Errorf("create %d got %s, error %v, want %s", i, got.Token, err, app.Token)
		}
	}
}

func keysCancelled(t *testing.T, s keysTest) {
	id := s.open(t, s.app(t))
	claim := s.numbered(t, s.mine(t, claimAt(t, id.Parent(), "k", "a", 0)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, call := range []struct {
		name string
		run  func() error
	}{
		{"Claim", func() error { _, err := s.keys.Claim(ctx, claimAt(t, id.Parent(), "l", "a", 0)); return err }},
		{"Record", func() error { return s.keys.Record(ctx, claim) }},
		{"Release", func() error { return s.keys.Release(ctx, claim) }},
		{"CreateAppOnce", func() error {
			_, err := s.keys.CreateAppOnce(ctx, claimAt(t, chat.Parent{}, strings.Repeat("k", chat.MinAppKey), "a", 0), newApp(t, "late"))
			return err
		}},
	} {
		if err := call.run(); err == nil {
			t.Errorf("%s: no error", call.name)
		}
	}
	s.refuses(t, claimAt(t, id.Parent(), "k", "a", 0), chat.ErrKeyInUse)
}
