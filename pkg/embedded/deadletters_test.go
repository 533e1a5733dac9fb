package embedded_test

import (
	"testing"

	"chatapi/pkg/chat"
	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/embedded"
)

func TestDeadLetters(t *testing.T) {
	chattest.DeadLetters(t, func(t *testing.T) chattest.DeadLettersUnderTest {
		b := open(t, t.TempDir(), embedded.Options{})
		return chattest.DeadLettersUnderTest{
			Open: func(*testing.T) chat.DeadLetters { return b.OpenDeadLetters() },
		}
	})
}
