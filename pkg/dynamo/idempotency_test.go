package dynamo_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"

	"chatapi/pkg/chat"

	"github.com/google/go-cmp/cmp"
)

// TestLostAnswers holds what becomes of a claim whose answer is lost: the SDK
// asks again, and finds the claim of the first time or what came after it.
func TestLostAnswers(t *testing.T) {
	id := chat.ChatID{AppToken: token, Number: 1}
	mine, err := chat.NewClaim(id.Parent(), "k", "a", at)
	if err != nil {
		t.Fatal(err)
	}
	other, err := chat.NewClaim(id.Parent(), "k", "a", at)
	if err != nil {
		t.Fatal(err)
	}
	stands := func(claim chat.Claim, more string) answer {
		return answer{status: 400, body: fmt.Sprintf(
			`{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no","Item":{
				"fingerprint":{"S":%q},"owner":{"S":%q},"created_at":{"S":"2026-03-14T15:09:26.000Z"}%s}}`,
			claim.Fingerprint, claim.Owner, more)}
	}
	lost := answer{err: io.ErrUnexpectedEOF}
	numbered := other
	numbered.Number = 7
	for _, c := range []struct {
		name   string
		script []answer
		want   chat.Claim
		err    error
	}{
		{"of a claim that was made", []answer{lost, stands(mine, "")}, mine, nil},
		{"of a claim that was not", []answer{lost, ok("{}")}, mine, nil},
		{"while another claim stands", []answer{lost, stands(other, "")}, chat.Claim{}, chat.ErrKeyInUse},
		{"while another has its number", []answer{lost, stands(other, `,"number":{"N":"7"}`)}, numbered, nil},
		{"for good", []answer{lost}, chat.Claim{}, chat.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := (&answers{script: c.script}).store().Claim(t.Context(), mine)
				if !errors.Is(err, c.err) {
					t.Errorf("error %v, want %v", err, c.err)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("claim (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestCancelledAppCreates holds what becomes of an app's create that another
// transaction cancels.
func TestCancelledAppCreates(t *testing.T) {
	const conflict = "TransactionConflict"
	app, err := chat.NewApp("a", nil, at)
	if err != nil {
		t.Fatal(err)
	}
	claim, err := chat.NewClaim(chat.Parent{}, "0123456789abcdef", "a", at)
	if err != nil {
		t.Fatal(err)
	}
	stands := func(fingerprint string) answer {
		return answer{status: 400, body: fmt.Sprintf(
			`{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[{"Code":"None"},{"Code":"None"},
				{"Code":"ConditionalCheckFailed","Item":{"fingerprint":{"S":%q},"app_token":{"S":%q},"created_at":{"S":"2026-03-14T15:09:26.000Z"}}}]}`,
			fingerprint, token)}
	}
	for _, c := range []struct {
		name   string
		script []answer
		want   string
		err    error
		calls  int
	}{
		{"stored", []answer{ok("{}")}, app.Token, nil, 1},
		{"a conflict that passes", []answer{cancelled("None", "None", conflict), ok("{}")}, app.Token, nil, 2},
		{"a conflict with the same create", []answer{cancelled("None", "None", conflict), stands(claim.Fingerprint)}, token, nil, 2},
		{"another request's key", []answer{stands("another")}, "", chat.ErrKeyReused, 1},
		{"conflicts without end", []answer{cancelled("None", "None", conflict)}, "", chat.ErrUnavailable, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := &answers{script: c.script}
				got, err := engine.store().CreateAppOnce(t.Context(), claim, app)
				if !errors.Is(err, c.err) || got.Token != c.want {
					t.Errorf("app %q, error %v, want %q, %v", got.Token, err, c.want, c.err)
				}
				if len(engine.requests) != c.calls {
					t.Errorf("%d calls, want %d", len(engine.requests), c.calls)
				}
			})
		})
	}
}
