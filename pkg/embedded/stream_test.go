package embedded_test

import (
	"testing"

	"chatapi/pkg/chat/chattest"
	"chatapi/pkg/embedded"
)

func TestStream(t *testing.T) {
	chattest.Stream(t, func(t *testing.T) chattest.StreamUnderTest {
		b := open(t, t.TempDir(), embedded.Options{})
		return chattest.StreamUnderTest{Store: b.Store, Stream: b.Stream}
	})
}
