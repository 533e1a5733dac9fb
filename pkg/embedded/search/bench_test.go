package search_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatapi/pkg/chat"
	"chatapi/pkg/embedded/search"
)

// newCorpus returns messages spread evenly over some chats of one app, with
// about 10 words each, drawn from 20,000 as unevenly as in real text. They are
// the same in each run but for their app.
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
		id := chat.ChatID{AppToken: app.Token, Number: int64(i%chats + 1)}
		m, err := chat.NewMessage(id, strings.Join(words, " "), "ann", nil, time.Now())
		if err != nil {
			b.Fatal(err)
		}
		m.Number = int64(i/chats + 1)
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
			x, corpus := openBench(b), newCorpus(b, 100*size, chats)
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

// BenchmarkSearch searches 200,000 messages of one app.
func BenchmarkSearch(b *testing.B) {
	for _, in := range []struct {
		name  string
		chats int
		chat  int64 // 0 for all
	}{{"one large chat", 1, 1}, {"a small chat of a large app", 1000, 1}, {"an app", 1000, 0}} {
		x, corpus := openBench(b), newCorpus(b, 200_000, in.chats)
		for batch := range slices.Chunk(corpus, 500) {
			applyBench(b, x, batch)
		}
		for _, query := range queries(corpus) {
			b.Run(in.name+"/"+query.name, func(b *testing.B) {
				q, err := chat.ParseQuery(query.text)
				if err != nil {
					b.Fatal(err)
				}
				search := chat.Search{Chat: chat.ChatID{AppToken: corpus[0].AppToken, Number: in.chat}, Query: q, Limit: chat.DefaultPage}
				report := cpu(b)
				for b.Loop() {
					if _, err := x.Search(b.Context(), search); err != nil {
						b.Fatal(err)
					}
				}
				report()
			})
		}
	}
}

type benchQuery struct{ name, text string }

func queries(corpus []chat.Message) []benchQuery {
	times := map[string]int{}
	for _, m := range corpus {
		for w := range strings.FieldsSeq(m.Body) {
			times[w]++
		}
	}
	words := make([]string, 0, len(times))
	for w := range times {
		words = append(words, w)
	}
	slices.SortFunc(words, func(a, b string) int { return times[b] - times[a] })
	common, rare := words[0], words[len(words)/2]
	return []benchQuery{
		{"a common word", common}, {"a rare word", rare}, {"two words", common + " " + words[1]},
		{"a beginning", rare[:3]}, {"a part", rare[1:4]}, {"one letter", "b"}, {"a letter within words", "a"},
		{"nothing", "qqq"}, {"a phrase", `"` + strings.Join(strings.Fields(corpus[0].Body)[:3], " ") + `"`},
		{"two words in a row", strings.Join(strings.Fields(corpus[0].Body)[:2], "-")},
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
