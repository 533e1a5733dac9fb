package search

import (
	"slices"
	"testing"
	"time"

	"chatapi/pkg/chat"

	"github.com/google/go-cmp/cmp"
)

func messageAt(milli, chatNumber, number int64) chat.Message {
	at := time.UnixMilli(milli).UTC()
	return chat.Message{AppToken: "app", ChatNumber: chatNumber, Number: number, CreatedAt: at, UpdatedAt: at, Version: 1}
}

// TestNamesAreInTheOrderOfCreation: else scorch would look up each new message
// in each segment.
func TestNamesAreInTheOrderOfCreation(t *testing.T) {
	var names []string
	for _, m := range []chat.Message{
		messageAt(-62_135_596_800_000, 9, 9), messageAt(-1, 3, 300), messageAt(0, 2, 7), messageAt(1, 1<<53, 1<<53),
		messageAt(255, 1, 1), messageAt(256, 1, 1), messageAt(1_800_000_000_000, 1, 1), messageAt(1_800_000_000_001, 1, 1),
	} {
		name := nameOf(m)
		names = append(names, name)
		want := place{chat: m.ChatNumber, number: m.Number, created: m.CreatedAt.UnixMilli()}
		if got, err := decodeName([]byte(name)); err != nil || got != want {
			t.Errorf("the name of %+v is decoded as %+v, %v", want, got, err)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("names are not in order: %x", names)
	}
}

func TestDecodeNameCutOff(t *testing.T) {
	name := nameOf(messageAt(1, 300, 300))
	for length := range len(name) - len(prefixOf("app")) {
		if got, err := decodeName([]byte(name[:length])); err == nil {
			t.Errorf("%d bytes of a name are decoded as %+v", length, got)
		}
	}
}

func TestStored(t *testing.T) {
	edited := messageAt(1_800_000_000_000, 1, 2)
	edited.Version, edited.UpdatedAt = 300, edited.CreatedAt.Add(time.Hour)
	full := edited
	full.Body, full.Sender, full.Metadata = "a body", "ann", chat.Metadata{"k": "v"}
	back := edited
	back.UpdatedAt = edited.CreatedAt.Add(-time.Minute)
	for _, tt := range []struct {
		name    string
		message chat.Message
	}{
		{"nothing but a version", edited},
		{"every field", full},
		{"a clock that was set back", back},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, err := encodeStored(tt.message)
			if err != nil {
				t.Fatal(err)
			}
			got := messageAt(1_800_000_000_000, 1, 2)
			if err := decodeStored(text, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.message, got); diff != "" {
				t.Error(diff)
			}
			head := len(text) - len(tt.message.Body)
			for length := range head {
				if err := decodeStored(text[:length], &got); err == nil {
					t.Errorf("%d bytes of %d are decoded", length, len(text))
				}
			}
		})
	}
}
