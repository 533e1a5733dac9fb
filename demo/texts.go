package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"chatapi/pkg/chat"
)

// texts are the entries of one file.
type texts struct {
	title   string
	entries []string
}

// readTexts reads files, and the files of folders, and keeps up to most
// entries, as evenly from all files as they have them.
func readTexts(paths []string, most int) ([]texts, error) {
	var all []texts
	for _, path := range paths {
		err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || filepath.Ext(path) == ".dat" {
				return err
			}
			t, err := readFile(path)
			if len(t.entries) > 0 {
				all = append(all, t)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read texts: %w", err)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no texts: name files or folders of entries between lines of a single %")
	}
	return evenly(all, most), nil
}

// readFile leaves out what the API would refuse: entries that are not UTF-8,
// blank or too long.
func readFile(path string) (texts, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return texts{}, err
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	t := texts{title: filepath.Base(filepath.Dir(path)) + "/" + name}
	for entry := range strings.SplitSeq("\n"+string(text)+"\n", "\n%\n") {
		entry = strings.TrimSpace(entry)
		if entry != "" && len(entry) <= chat.MaxBody && utf8.ValidString(entry) {
			t.entries = append(t.entries, entry)
		}
	}
	return t, nil
}

// evenly takes entries from all files in turn until there are enough.
func evenly(all []texts, most int) []texts {
	kept := make([]texts, len(all))
	left := most
	for i, more := 0, true; more && left > 0; i++ {
		more = false
		for f := range all {
			if i < len(all[f].entries) && left > 0 {
				kept[f].title = all[f].title
				kept[f].entries = append(kept[f].entries, all[f].entries[i])
				more = true
				left--
			}
		}
	}
	return kept
}
