package search_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/search"
)

// newCorpus returns messages of one chat with about 10 words each, drawn from
// 20,000 as unevenly as in real text. They are the same in each run but for
// their app.
func newCorpus(b *testing.B, n int) []chat.Message {
	b.Helper()
	app, err := chat.NewApp("bench", nil, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	vocabulary := make([]string, 20_000)
	for i := range vocabulary {
		for range 2 + random.IntN(4) {
			vocabulary[i] += string("bklmnrstvz"[random.IntN(10)]) + string("aeiou"[random.IntN(5)])
		}
	}
	draw := rand.NewZipf(random, 1.1, 2, uint64(len(vocabulary)-1))
	all := make([]chat.Message, n)
	for i := range all {
		words := make([]string, 6+random.IntN(9))
		for j := range words {
			words[j] = vocabulary[draw.Uint64()]
		}
		m, err := chat.NewMessage(chat.ChatID{AppToken: app.Token, Number: 1}, strings.Join(words, " "), "ann", nil, time.Now())
		if err != nil {
			b.Fatal(err)
		}
		m.Number = int64(i + 1)
		all[i] = m
	}
	return all
}

// BenchmarkApply applies batches of 500 messages.
func BenchmarkApply(b *testing.B) {
	const size = 500
	x, corpus := openBench(b), newCorpus(b, 100*size)
	next := 0
	for b.Loop() {
		for i := range size {
			corpus[next+i].Version++
		}
		applyBench(b, x, corpus[next:next+size])
		next = (next + size) % len(corpus)
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkSearch searches 20,000 messages of one chat.
func BenchmarkSearch(b *testing.B) {
	x, corpus := openBench(b), newCorpus(b, 20_000)
	applyBench(b, x, corpus)
	rare := strings.Fields(corpus[len(corpus)/2].Body)
	for _, query := range []string{"ba", "b", rare[0], rare[0][:3], `"` + corpus[0].Body + `"`, "qqq"} {
		q, err := chat.ParseQuery(query)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("%.12s", query), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := x.Search(b.Context(), chat.Search{Chat: corpus[0].ChatID(), Query: q, Limit: chat.DefaultPage}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func openBench(b *testing.B) *search.Index {
	b.Helper()
	x, err := search.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = x.Close() })
	return x
}

func applyBench(b *testing.B, x *search.Index, messages []chat.Message) {
	b.Helper()
	for _, err := range x.Apply(b.Context(), messages) {
		if err != nil {
			b.Fatal(err)
		}
	}
}
