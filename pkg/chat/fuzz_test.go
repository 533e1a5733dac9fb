package chat_test

import (
	"testing"
	"unicode/utf8"

	"chatapi/pkg/chat"

	"github.com/google/go-cmp/cmp"
)

// FuzzDecodeCreate feeds bodies of the queue. What is taken is the same when it
// is sent again.
func FuzzDecodeCreate(f *testing.F) {
	for _, body := range []string{
		``, `{}`, `null`, `[]`, `{"chat":null,"message":null}`,
		`{"chat":{"app_token":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","chat_number":1,"title":"t","version":1,"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z"}}`,
		`{"message":{"app_token":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","chat_number":1,"message_number":2,"body":"b","sender":"s","metadata":{"k":"v"},"version":1,"created_at":"2026-01-02T03:04:05.678Z","updated_at":"2026-01-02T03:04:05.678Z"}}`,
		`{"message":{"app_token":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","chat_number":-1,"message_number":1e300,"body":"\ud800"}}`,
		`{"message":{"body":"b"},"chat":{"title":"t"}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		create, err := chat.DecodeCreate(body)
		if err != nil {
			return
		}
		if !chat.ValidToken(create.Parent().AppToken) {
			t.Fatalf("app token %q", create.Parent().AppToken)
		}
		again, err := chat.EncodeCreate(create)
		if err != nil {
			t.Fatalf("encode what was decoded: %v", err)
		}
		decoded, err := chat.DecodeCreate(again)
		if err != nil {
			t.Fatalf("decode %q: %v", again, err)
		}
		if diff := cmp.Diff(create, decoded); diff != "" {
			t.Errorf("sent again it differs:\n%s", diff)
		}
	})
}

// FuzzQuery searches any text with any query. Highlights are parts of the
// text, in its order and apart.
func FuzzQuery(f *testing.F) {
	for _, s := range [][2]string{
		{`hello`, "Hello world"}, {`"hello wor`, "oh, Hello, world!"}, {`a.b@exam`, "to a.b@example.com"},
		{"北京", "我喜欢北京烤鸭"}, {"سلام", "قال سَلَام"}, {"👍", "ok 👍🏽!"}, {"cafe", "cafe\u0301s"}, {`""`, ""}, {"\x00", "\xff"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, text, body string) {
		query, err := chat.ParseQuery(text)
		if err != nil || !utf8.ValidString(body) || len(body) > chat.MaxBody {
			return
		}
		rank, marked := query.Match(body)
		if rank != query.Rank(chat.Fold(body)) {
			t.Errorf("rank %d, and %d of the folded text", rank, query.Rank(chat.Fold(body)))
		}
		characters, end := []rune(body), 0
		for _, h := range marked {
			if h.Start < end || h.End <= h.Start || h.End > len(characters) {
				t.Fatalf("highlight %+v after %d, of %d characters", h, end, len(characters))
			}
			if got := string(characters[h.Start:h.End]); got != h.Text {
				t.Errorf("highlight %+v is %q", h, got)
			}
			end = h.End
		}
		if (rank == 0) != (len(marked) == 0) {
			t.Errorf("rank %d with %d highlights", rank, len(marked))
		}
	})
}
