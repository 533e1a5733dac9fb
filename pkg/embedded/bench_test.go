package embedded_test

import (
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded"
)

// BenchmarkCreate creates messages of one chat concurrently: the number, and the
// create in the queue.
func BenchmarkCreate(b *testing.B) {
	backend, err := embedded.Open(b.TempDir(), embedded.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer backend.Close()
	app, err := chat.NewApp("benchmark", nil, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	id := chat.ChatID{AppToken: app.Token, Number: 1}
	if err := backend.Store.CreateApp(b.Context(), app); err != nil {
		b.Fatal(err)
	}
	if err := backend.Store.CreateCounter(b.Context(), id); err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m, err := chat.NewMessage(id, "a message of usual length, which says little", "ada", nil, time.Now())
			if err != nil {
				b.Error(err)
				return
			}
			if m.Number, err = backend.Store.AllocateMessageNumber(b.Context(), id); err != nil {
				b.Error(err)
				return
			}
			if err := backend.Queue.Send(b.Context(), chat.Create{Message: &m}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
