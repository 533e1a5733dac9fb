package main

import (
	"archive/zip"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// emptyFunction is the name of the function that the others are measured
// against.
const emptyFunction = "empty"

// build builds all functions and the empty one, as make deploy has sam build
// do, and returns their names.
func build(ctx context.Context, folder string) ([]string, error) {
	compile := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", folder+string(filepath.Separator), "./functions/...", "./bench/functions/empty")
	compile.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS='-ldflags=-s -w' -tags=lambda.norpc")
	compile.Stderr = os.Stderr
	if err := compile.Run(); err != nil {
		return nil, fmt.Errorf("build the functions: %w", err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if name := entry.Name(); name != emptyFunction {
			names = append(names, name)
		}
	}
	return append([]string{emptyFunction}, slices.Sorted(slices.Values(names))...), nil
}

// sizes returns the bytes of a binary, and of a zip with nothing else in it.
func sizes(binary string) (plain, zipped int64, err error) {
	file, err := os.Open(binary)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	var out counter
	archive := zip.NewWriter(&out)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.DefaultCompression)
	})
	entry, err := archive.Create("bootstrap")
	if err != nil {
		return 0, 0, err
	}
	if plain, err = io.Copy(entry, file); err != nil {
		return 0, 0, fmt.Errorf("zip %s: %w", binary, err)
	}
	return plain, int64(out), archive.Close()
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
