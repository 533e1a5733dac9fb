package search_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/disk"
	"chatapi/pkg/embedded/search"
)

// words is a vocabulary, drawn from as unevenly as in real text. It is the same
// in each run.
type words struct {
	all  []string
	draw *rand.Zipf
}

func newWords(size int) words {
	random := rand.New(rand.NewPCG(1, 2))
	w := words{all: make([]string, size)}
	for i := range w.all {
		for range 2 + random.IntN(5) {
			w.all[i] += string("bklmnrstvz"[random.IntN(10)]) + string("aeiou"[random.IntN(5)])
		}
	}
	w.draw = rand.NewZipf(random, 1.1, 2, uint64(size-1))
	return w
}

func (w words) word() string { return w.all[w.draw.Uint64()] }

// text returns about 10 words.
func (w words) text() string {
	some := make([]string, 6+rand.IntN(9))
	for i := range some {
		some[i] = w.word()
	}
	return strings.Join(some, " ")
}

// newCorpus returns messages of one app. Each is in the chat that the function
// returns for its place.
func newCorpus(b *testing.B, n int, chatOf func(i int) int64) []chat.Message {
	b.Helper()
	app, err := chat.NewApp("bench", nil, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	texts, numbers := newWords(100_000), map[int64]int64{}
	all := make([]chat.Message, n)
	for i := range all {
		id := chat.ChatID{AppToken: app.Token, Number: chatOf(i)}
		m, err := chat.NewMessage(id, texts.text(), "ann", nil, time.Now())
		if err != nil {
			b.Fatal(err)
		}
		numbers[id.Number]++
		m.Number = numbers[id.Number]
		all[i] = m
	}
	return all
}

// cpu starts to count the processor time of this process and returns what
// reports it: other processes do not change it, as they change what an
// operation takes.
func cpu(b *testing.B) (report func()) {
	begun := processorTime(b)
	return func() { b.ReportMetric(float64((processorTime(b)-begun).Microseconds())/float64(b.N), "cpu-µs/op") }
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkApply applies batches of 500 messages.
func BenchmarkApply(b *testing.B) {
	const size = 500
	for _, chats := range []int{1, 1000} {
		b.Run(fmt.Sprintf("chats=%d", chats), func(b *testing.B) {
			x, corpus := openBench(b), newCorpus(b, 100*size, func(i int) int64 { return int64(i%chats + 1) })
			next, report := 0, cpu(b)
			for b.Loop() {
				for i := range size {
					corpus[next+i].Version++
				}
				applyBench(b, x, corpus[next:next+size])
				next = (next + size) % len(corpus)
			}
			report()
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// BenchmarkRebuild applies 200,000 messages of 1,000 chats, chat by chat, as an
// index is built again.
func BenchmarkRebuild(b *testing.B) {
	corpus := newCorpus(b, 200_000, func(i int) int64 { return int64(i%1000 + 1) })
	slices.SortStableFunc(corpus, func(a, b chat.Message) int { return cmp.Compare(a.ChatNumber, b.ChatNumber) })
	report := cpu(b)
	for b.Loop() {
		x := openBench(b)
		for batch := range slices.Chunk(corpus, 1000) {
			applyBench(b, x, batch)
		}
	}
	report()
}

// BenchmarkSearch searches an app of which half of the messages are in one
// chat. A million of them take a minute to index; -short leaves them out.
func BenchmarkSearch(b *testing.B) {
	for _, size := range []int{10_000, 100_000, 1_000_000} {
		if size > 100_000 && testing.Short() {
			break
		}
		b.Run(fmt.Sprintf("messages=%d", size), func(b *testing.B) { benchmarkSearch(b, size) })
	}
}

const large, small, whole = 1, 2, 0 // chats

func benchmarkSearch(b *testing.B, size int) {
	x := openBench(b)
	corpus := newCorpus(b, size, func(i int) int64 { return large + int64(i%2*(1+rand.IntN(1000))) })
	for batch := range slices.Chunk(corpus, 500) {
		applyBench(b, x, batch)
	}
	texts := newWords(100_000)
	for _, in := range []struct {
		name string
		chat int64
	}{{"large chat", large}, {"small chat", small}, {"app", whole}} {
		for _, kind := range []struct {
			name  string
			query func() string
		}{
			{"words as they are used", texts.word},
			{"beginnings", func() string { w := texts.word(); return w[:len(w)-1] }},
			{"parts", func() string { return texts.word()[1:] }},
			{"a common word", func() string { return texts.all[0] }},
			{"two words", func() string { return texts.word() + " " + texts.word() }},
			{"three letters", func() string { return texts.word()[1:4] }},
			{"one letter", func() string { return "b" }},
			{"a letter within words", func() string { return "a" }},
			{"nothing", func() string { return "qqq" }},
			{"a phrase", func() string { return `"` + texts.word() + " " + texts.word() + `"` }},
			{"two words in a row", func() string { return texts.word() + "-" + texts.word() }},
		} {
			b.Run(in.name+"/"+kind.name, func(b *testing.B) {
				var took []time.Duration
				report := cpu(b)
				for b.Loop() {
					q, err := chat.ParseQuery(kind.query())
					if err != nil {
						b.Fatal(err)
					}
					begun := time.Now()
					search := chat.Search{Within: chat.Parent{AppToken: corpus[0].AppToken, ChatNumber: in.chat}, Query: q, Limit: chat.DefaultPage}
					if _, err := x.Search(b.Context(), search); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(begun))
				}
				report()
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			})
		}
	}
}

func openBench(b *testing.B) *search.Index {
	b.Helper()
	x, err := search.Open(b.TempDir(), disk.New())
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
