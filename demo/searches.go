package main

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"chatapi/pkg/client"
)

func (t *tour) search(ctx context.Context, chat int, query string) ([]client.FoundMessage, error) {
	found, err := t.api.SearchMessages(ctx, t.token, number(chat), client.SearchRequest{Query: query, Limit: 200})
	if err != nil {
		return nil, err
	}
	return found.Messages, nil
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// searches takes words from every fourth chat's texts and searches that chat
// for the word, its beginning, and a part of it.
func (t *tour) searches(ctx context.Context, chats []texts) error {
	fmt.Fprintf(t.out, "\n%-28s %-22s %6s %9s  %s\n", "chat", "query", "found", "took", "first hit")
	const shown = 8
	for i := 0; i < len(chats); i += max(1, len(chats)/shown) {
		word := longWord(chats[i].entries)
		if len(word) < 3 {
			continue
		}
		runes := []rune(word)
		for _, query := range []string{word, string(runes[:(len(runes)+1)/2]), string(runes[1 : len(runes)-1])} {
			if err := t.show(ctx, chats[i].title, i, query); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tour) show(ctx context.Context, title string, chat int, query string) error {
	start := time.Now()
	found, err := t.search(ctx, chat, query)
	if err != nil {
		return err
	}
	took := time.Since(start)
	first := "–"
	if len(found) > 0 {
		first = marked(found[0])
	}
	fmt.Fprintf(t.out, "%-28s %-22s %6d %6.1f ms  %s\n", cut(title, 28), cut(query, 22), len(found), float64(took.Microseconds())/1000, first)
	return nil
}

// longWord returns the longest word of up to 14 letters of the first entries.
func longWord(entries []string) (longest string) {
	for _, entry := range entries[:min(len(entries), 5)] {
		for word := range strings.FieldsFuncSeq(entry, func(r rune) bool { return !unicode.IsLetter(r) }) {
			if n := len([]rune(word)); n > len([]rune(longest)) && n <= 14 {
				longest = word
			}
		}
	}
	return longest
}

// marked returns the surroundings of the first highlight, in brackets.
func marked(m client.FoundMessage) string {
	body := []rune(m.Body)
	if len(m.Highlights) == 0 {
		return cut(m.Body, 50)
	}
	h := m.Highlights[0]
	from, to := max(0, h.Start-20), min(int64(len(body)), h.End+20)
	text := string(body[from:h.Start]) + "[" + string(body[h.Start:h.End]) + "]" + string(body[h.End:to])
	return fmt.Sprintf("%d: %s", m.MessageNumber, strings.Join(strings.Fields(text), " "))
}

func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
