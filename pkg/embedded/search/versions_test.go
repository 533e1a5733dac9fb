package search_test

import (
	"testing"

	"chatapi/pkg/chat"
	"chatapi/pkg/chat/chattest"
)

func TestVersionIndex(t *testing.T) {
	chattest.VersionIndex(t, func(t *testing.T) chat.VersionIndex { return open(t, t.TempDir()) })
}
