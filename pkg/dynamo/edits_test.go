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

// messageRow is a message's row as JSON.
func messageRow(body string, version int, updated string) string {
	return fmt.Sprintf(`{"chat": {"S": %q}, "message_number": {"N": "1"}, "body": {"S": %q}, "version": {"N": "%d"},
		"created_at": {"S": "2026-03-14T15:00:00.000Z"}, "updated_at": {"S": %q}}`, token+"#1", body, version, updated)
}

// read is the response to a GetItem of a message.
func read(body string, version int, updated string) answer {
	return ok(`{"Item": ` + messageRow(body, version, updated) + `}`)
}

const editedAt, later = "2026-03-14T15:09:26.000Z", "2026-03-14T15:09:26.001Z"

// TestEdit holds that an edit changes the version that it has read, and what it
// does if that version has changed or a response is lost.
func TestEdit(t *testing.T) {
	var (
		first  = read("first", 1, "2026-03-14T15:00:00.000Z")
		second = read("by another", 2, editedAt)
		mine   = read("edited", 2, editedAt)
		over   = read("by another", 3, later)
		edited = func(version int) answer {
			return ok(`{"Attributes": ` + messageRow("edited", version, editedAt) + `}`)
		}
		tombstone = ok(`{"Item": {"chat": {"S": "` + token + `#1"}, "message_number": {"N": "1"}, "version": {"N": "3"},
			"created_at": {"S": "2026-03-14T15:00:00.000Z"}, "updated_at": {"S": "` + later + `"},
			"deleted_at": {"S": "` + later + `"}}}`)
		changed   = refused(http.StatusBadRequest, "ConditionalCheckFailedException")
		conflict  = refused(http.StatusBadRequest, "TransactionConflictException")
		throttled = refused(http.StatusBadRequest, "ThrottlingException")
		internal  = refused(http.StatusInternalServerError, "InternalServerError")
		forbidden = refused(http.StatusBadRequest, "AccessDeniedException")
		lost      = answer{err: io.ErrUnexpectedEOF}
		away      = chat.ErrUnavailable
	)
	for _, tt := range []struct {
		name    string
		allowed chat.Versions
		script  []answer
		want    error
		version int64
		calls   int
	}{
		{"of any version", nil, []answer{first, edited(2)}, nil, 2, 2},
		{"of a named version", chat.Versions{1}, []answer{first, edited(2)}, nil, 2, 2},
		{"of a version that is no more", chat.Versions{1}, []answer{second}, chat.ErrVersionChanged, 0, 1},
		{"of a deleted message", nil, []answer{tombstone}, chat.ErrMessageDeleted, 0, 1},
		{"another edit came first", nil, []answer{first, changed, second, edited(3)}, nil, 3, 4},
		{"the same, and a version is named", chat.Versions{1}, []answer{first, changed, second}, chat.ErrVersionChanged, 0, 3},
		{"a transaction holds the row", nil, []answer{first, conflict, first, conflict, first, edited(2)}, nil, 2, 6},
		{"throttled, so it was not made", nil, []answer{first, throttled, edited(2)}, nil, 2, 3},
		{"the response is lost of an edit that was made", nil, []answer{first, lost, mine}, nil, 2, 3},
		{"the response is lost, and a version is named", chat.Versions{1}, []answer{first, lost, mine}, nil, 2, 3},
		{"the edit is lost", nil, []answer{first, lost, first, edited(2)}, nil, 2, 4},
		{"the edit is late: it and not its retry is applied", nil, []answer{first, lost, first, changed, mine}, nil, 2, 5},
		{"both responses are lost", nil, []answer{first, lost, first, lost, mine}, nil, 2, 5},
		{"an error within DynamoDB", nil, []answer{first, internal, first, edited(2)}, nil, 2, 4},
		{"the response is lost, and another edit was made", nil, []answer{first, lost, over}, away, 0, 3},
		{"the response is lost, and another edit was made at that moment", nil, []answer{first, lost, second}, away, 0, 3},
		{"the response is lost, and it was deleted", nil, []answer{first, lost, tombstone}, chat.ErrMessageDeleted, 0, 3},
		{"no permission", nil, []answer{first, forbidden}, errAny, 0, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := &answers{script: tt.script}
				body := "edited"
				m, err := engine.store().UpdateMessage(t.Context(), chat.ChatID{AppToken: token, Number: 1}, 1,
					chat.MessageEdit{Body: &body, At: at}, tt.allowed)
				if tt.want == errAny && err != nil && !errors.Is(err, chat.ErrUnavailable) {
					err = errAny
				}
				if !errors.Is(err, tt.want) || len(engine.requests) != tt.calls {
					t.Fatalf("error %v after %d calls, want %v after %d", err, len(engine.requests), tt.want, tt.calls)
				}
				if err == nil && (m.Body != body || m.Version != tt.version) {
					t.Errorf("message %+v, want version %d", m, tt.version)
				}
			})
		})
	}
}

// errAny stands for any error that is not chat.ErrUnavailable.
var errAny = errors.New("any error")

// TestEditGivesUp holds that an edit ends if the row is busy forever.
func TestEditGivesUp(t *testing.T) {
	row := read("first", 1, "2026-03-14T15:00:00.000Z")
	for _, code := range []string{"TransactionConflictException", "ConditionalCheckFailedException"} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var script []answer
				for range 100 {
					script = append(script, row, refused(http.StatusBadRequest, code))
				}
				engine := &answers{script: script}
				body := "edited"
				_, err := engine.store().UpdateMessage(t.Context(), chat.ChatID{AppToken: token, Number: 1}, 1,
					chat.MessageEdit{Body: &body, At: at}, nil)
				if !errors.Is(err, chat.ErrUnavailable) || len(engine.requests) != 24 {
					t.Errorf("error %v after %d calls, want %v after 24", err, len(engine.requests), chat.ErrUnavailable)
				}
			})
		})
	}
}
