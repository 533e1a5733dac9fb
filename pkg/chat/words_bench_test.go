package chat_test

import (
	"testing"

	"chatapi/pkg/chat"
)

const latin, arabic = "The quick brown fox jumps over the lazy dog near the river bank", "قفز الثعلب البني السريع فوق الكلب الكسول بالقرب من ضفة النهر"

func BenchmarkFold(b *testing.B) {
	for name, text := range map[string]string{"latin": latin, "arabic": arabic} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				chat.Fold(text)
			}
		})
	}
}

// BenchmarkMatch is what a search does for each hit that it shows.
func BenchmarkMatch(b *testing.B) {
	for name, in := range map[string]struct{ text, query string }{"latin": {latin, "fox"}, "arabic": {arabic, "الكلب"}} {
		query, err := chat.ParseQuery(in.query)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, found := query.Match(in.text)
				chat.Mark(in.text, found)
			}
		})
	}
}
