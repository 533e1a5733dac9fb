package dynamo_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"chatapi/pkg/chat"
)

// found is the answer to an update whose condition failed on a message's row
// with this body, version and time of its last edit.
func found(body string, version int, updated string) answer {
	return answer{status: http.StatusBadRequest, body: fmt.Sprintf(`{
		"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
		"Item": {"chat": {"S": %q}, "message_number": {"N": "1"}, "body": {"S": %q}, "version": {"N": "%d"},
			"created_at": {"S": "2026-03-14T15:00:00.000Z"}, "updated_at": {"S": %q}}
	}`, token+"#1", body, version, updated)}
}

// TestEditAnswerLost: an edit whose answer was lost is asked for again by the
// SDK, which finds the version that the edit itself made.
func TestEditAnswerLost(t *testing.T) {
	lost := answer{err: io.ErrUnexpectedEOF}
	for _, tt := range []struct {
		name  string
		again answer
		want  error
	}{
		{"the edit was made", found("edited", 2, "2026-03-14T15:09:26.000Z"), nil},
		{"another edit was made", found("by another", 2, "2026-03-14T15:09:26.000Z"), chat.ErrVersionChanged},
		{"another edit was made before it", found("edited", 3, "2026-03-14T15:09:26.000Z"), chat.ErrVersionChanged},
		{"the same text at another time", found("edited", 2, "2026-03-14T15:09:25.999Z"), chat.ErrVersionChanged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := (&answers{script: []answer{lost, tt.again}}).store()
				body := "edited"
				edit := chat.MessageEdit{Body: &body, At: at}
				m, err := store.UpdateMessage(t.Context(), chat.ChatID{AppToken: token, Number: 1}, 1, edit, chat.Versions{1})
				if !errors.Is(err, tt.want) {
					t.Fatalf("error %v, want %v", err, tt.want)
				}
				if err == nil && (m.Body != body || m.Version != 2) {
					t.Errorf("message %+v", m)
				}
			})
		})
	}
}

// TestEditOfAnyVersionAnswerLost: an edit without If-Match is asked for again
// only where it is sure that it was not made, so that it never undoes an edit
// that another was told of meanwhile.
func TestEditOfAnyVersionAnswerLost(t *testing.T) {
	lost := answer{err: io.ErrUnexpectedEOF}
	made := ok(`{"Attributes": {"chat": {"S": "` + token + `#1"}, "message_number": {"N": "1"}, "body": {"S": "edited"}, "version": {"N": "2"},
		"created_at": {"S": "2026-03-14T15:00:00.000Z"}, "updated_at": {"S": "2026-03-14T15:09:26.000Z"}}}`)
	for _, tt := range []struct {
		name   string
		script []answer
		want   error
		calls  int
	}{
		{"it was made", []answer{lost, found("edited", 2, "2026-03-14T15:09:26.000Z")}, nil, 2},
		{"it was not made", []answer{lost, made}, nil, 2},
		{"both answers are lost", []answer{lost, lost, found("edited", 2, "2026-03-14T15:09:26.000Z")}, nil, 3},
		{"an error within DynamoDB", []answer{refused(http.StatusInternalServerError, "InternalServerError"), made}, nil, 2},
		{"throttled, so it was not made", []answer{refused(http.StatusBadRequest, "ThrottlingException"), made}, nil, 2},
		{"another edit was made", []answer{lost, found("by another", 3, "2026-03-14T15:09:26.001Z")}, chat.ErrUnavailable, 2},
		{"another edit was made in the same moment", []answer{lost, found("by another", 3, "2026-03-14T15:09:26.000Z")}, chat.ErrUnavailable, 2},
		{"it was deleted", []answer{lost, gone}, chat.ErrMessageDeleted, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := &answers{script: tt.script}
				body := "edited"
				m, err := engine.store().UpdateMessage(t.Context(), chat.ChatID{AppToken: token, Number: 1}, 1, chat.MessageEdit{Body: &body, At: at}, nil)
				if !errors.Is(err, tt.want) || len(engine.requests) != tt.calls {
					t.Fatalf("error %v after %d calls, want %v after %d", err, len(engine.requests), tt.want, tt.calls)
				}
				if err == nil && (m.Body != body || m.Version != 2) {
					t.Errorf("message %+v", m)
				}
			})
		})
	}
}

// gone is the answer to an update whose condition failed on a tombstone.
var gone = answer{status: http.StatusBadRequest, body: `{
	"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
	"Item": {"chat": {"S": "` + token + `#1"}, "message_number": {"N": "1"}, "version": {"N": "3"}, "created_at": {"S": "2026-03-14T15:00:00.000Z"},
		"updated_at": {"S": "2026-03-14T15:09:27.000Z"}, "deleted_at": {"S": "2026-03-14T15:09:27.000Z"}}
}`}

// TestEditMeetsTransaction: the writer's transactions hold the rows of busy
// chats, so an edit tries again.
func TestEditMeetsTransaction(t *testing.T) {
	conflict := refused(http.StatusBadRequest, "TransactionConflictException")
	stored := ok(`{"Attributes": {"app_token": {"S": "` + token + `"}, "chat_number": {"N": "1"}, "version": {"N": "2"},
		"created_at": {"S": "2026-03-14T15:00:00.000Z"}, "updated_at": {"S": "2026-03-14T15:09:26.000Z"}}}`)
	synctest.Test(t, func(t *testing.T) {
		store := (&answers{script: []answer{conflict, conflict, stored}}).store()
		c, err := store.UpdateChat(t.Context(), chat.ChatID{AppToken: token, Number: 1}, chat.ChatEdit{At: at}, nil)
		if err != nil || c.Version != 2 {
			t.Errorf("chat %+v, error %v", c, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		busy := &answers{script: []answer{conflict}}
		_, err := busy.store().UpdateChat(t.Context(), chat.ChatID{AppToken: token, Number: 1}, chat.ChatEdit{At: at}, nil)
		if !errors.Is(err, chat.ErrUnavailable) {
			t.Errorf("error %v after %d tries, want %v", err, len(busy.requests), chat.ErrUnavailable)
		}
	})
}
