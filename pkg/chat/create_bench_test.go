package chat_test

import (
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
)

func create(b *testing.B, metadata chat.Metadata) chat.Create {
	id := chat.ChatID{AppToken: strings.Repeat("a", chat.TokenLength), Number: 7}
	m, err := chat.NewMessage(id, "Hello, is the café open today?", "ada", metadata, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	m.Number = 8
	return chat.Create{Message: &m}
}

var creates = []struct {
	name     string
	metadata chat.Metadata
}{
	{"bare", nil},
	{"metadata", chat.Metadata{"client": "web", "thread": "17"}},
}

func BenchmarkEncodeCreate(b *testing.B) {
	for _, bb := range creates {
		b.Run(bb.name, func(b *testing.B) {
			c := create(b, bb.metadata)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := chat.EncodeCreate(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeCreate(b *testing.B) {
	for _, bb := range creates {
		b.Run(bb.name, func(b *testing.B) {
			body, err := chat.EncodeCreate(create(b, bb.metadata))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := chat.DecodeCreate(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
