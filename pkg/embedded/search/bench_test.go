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

func newCorpus(b *testing.B, n, chats int) []chat.Message {
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
		m, err := chat.NewMessage(chat.ChatID{AppToken: app.Token, Number: int64(i%chats + 1)}, strings.Join(words, " "), "ann", nil, time.Now())
		if err != nil {
			b.Fatal(err)
		}
		m.Number = int64(i/chats + 1)
		all[i] = m
	}
	return all
}

func BenchmarkApply(b *testing.B) {
	const size = 500
	for _, chats := range []int{1, 1000} {
		b.Run(fmt.Sprintf("%d chats", chats), func(b *testing.B) {
			x, corpus := openBench(b), newCorpus(b, 100*size, chats)
			next := 0
			for b.Loop() {
				for i := range size {
					corpus[next+i].Version++
				}
				applyBench(b, x, corpus[next:next+size])
				next = (next + size) % len(corpus)
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

func BenchmarkSearch(b *testing.B) {
	for _, chats := range []int{1, 1000} {
		x, corpus := openBench(b), newCorpus(b, 200_000, chats)
		for i := 0; i < len(corpus); i += 500 {
			applyBench(b, x, corpus[i:i+500])
		}
		time.Sleep(3 * time.Second)
		rare := strings.Fields(corpus[len(corpus)/2].Body)
		for _, query := range []struct{ name, text string }{
			{"common word", mostCommon(corpus)}, {"word", longest(rare)}, {"beginning", longest(rare)[:3]}, {"part", longest(rare)[1:4]}, {"one letter", "b"},
			{"vowel", "a"}, {"nothing", "qqq"}, {"phrase", `"` + corpus[0].Body + `"`},
		} {
			q, err := chat.ParseQuery(query.text)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%d chats/%s", chats, query.name), func(b *testing.B) {
				for b.Loop() {
					if _, err := x.Search(b.Context(), chat.Search{Chat: corpus[0].ChatID(), Query: q, Limit: chat.DefaultPage}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func longest(words []string) string {
	best := ""
	for _, w := range words {
		if len(w) > len(best) {
			best = w
		}
	}
	return best
}

func mostCommon(corpus []chat.Message) string {
	n := map[string]int{}
	for _, m := range corpus[:5000] {
		for _, w := range strings.Fields(m.Body) {
			n[w]++
		}
	}
	best := ""
	for w, c := range n {
		if c > n[best] {
			best = w
		}
	}
	return best
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
