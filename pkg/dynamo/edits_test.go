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
