package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// texts makes bodies of messages of about 10 words each, drawn from 100,000 as
// unevenly as in real text. They are the same in each run.
type texts struct {
	vocabulary []string
	bodies     []string
}

const (
	words  = 100_000
	bodies = 50_000
)

func newTexts() *texts {
	random := rand.New(rand.NewPCG(1, 2))
	t := &texts{vocabulary: make([]string, words), bodies: make([]string, bodies)}
	for i := range t.vocabulary {
		for range 2 + random.IntN(5) {
			t.vocabulary[i] += string("bklmnrstvz"[random.IntN(10)]) + string("aeiou"[random.IntN(5)])
		}
	}
	draw := rand.NewZipf(random, 1.1, 2, words-1)
	for i := range t.bodies {
		some := make([]string, 6+random.IntN(9))
		for j := range some {
			some[j] = t.vocabulary[draw.Uint64()]
		}
		t.bodies[i] = strings.Join(some, " ")
	}
	return t
}

// message returns the JSON of the n-th message.
func (t *texts) message(n int64) string {
	return fmt.Sprintf(`{"body":"%s","sender":"bench"}`, t.bodies[n%bodies])
}

// word returns a word of the n-th message, as often as people use it.
func (t *texts) word(n int64) string {
	some := strings.Fields(t.bodies[(n*7919)%bodies])
	return some[n%int64(len(some))]
}
