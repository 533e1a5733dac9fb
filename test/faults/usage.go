//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"chatapi/test/faults/history"
)

// What a server may use at most.
const (
	mostMemory     = 1 << 30 // bytes resident, without the mapped files
	mostGoroutines = 1000
	mostFiles      = 400
	mostDisk       = 6 << 10 // bytes of each stored message, of some 20 bytes of text, beside diskBase
	diskBase       = 256 << 20
	// mostGrowth is how much more memory the second half of a run may take
	// than the first, beside growthBase.
	mostGrowth = 1.5
	growthBase = 200 << 20
)

// usage is what a server used.
type usage struct {
	memory, firstHalf, secondHalf int64 // highest resident, in bytes, without mapped files
	goroutines, files             int   // highest
	disk                          int64 // at the end
	exceeded                      string
}

type usageWatch struct {
	stop    chan struct{}
	stopped sync.WaitGroup
	samples []int64 // of memory
	usage   usage
}

// watchUsage takes samples of a server until end.
func watchUsage(s *server) *usageWatch {
	w := &usageWatch{stop: make(chan struct{})}
	w.stopped.Go(func() {
		for tick := time.NewTicker(200 * time.Millisecond); ; {
			select {
			case <-w.stop:
				tick.Stop()
				return
			case <-tick.C:
				w.sample(s)
			}
		}
	})
	return w
}

func (w *usageWatch) sample(s *server) {
	process := fmt.Sprintf("/proc/%d", s.pid())
	files, err := os.ReadDir(process + "/fd")
	if err != nil { // it is being killed
		return
	}
	w.samples = append(w.samples, residentAnonymous(process))
	w.usage.files = max(w.usage.files, len(files))
	w.usage.goroutines = max(w.usage.goroutines, s.tally.Goroutines())
}

// residentAnonymous is the memory of a process that is not a file's.
func residentAnonymous(process string) int64 {
	text, _ := os.ReadFile(process + "/status")
	for line := range bytes.Lines(text) {
		if rest, ok := strings.CutPrefix(string(line), "RssAnon:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}

// end returns what was used, and what of it was too much.
func (w *usageWatch) end(s *server, report *history.Report) usage {
	close(w.stop)
	w.stopped.Wait()
	u := &w.usage
	for i, m := range w.samples {
		u.memory = max(u.memory, m)
		if i < len(w.samples)/2 {
			u.firstHalf = max(u.firstHalf, m)
		} else {
			u.secondHalf = max(u.secondHalf, m)
		}
	}
	u.disk = sizeOf(s.data)
	stored := int64(0)
	if report != nil {
		stored = int64(report.Stored)
	}
	switch {
	case u.memory > mostMemory:
		u.exceeded = fmt.Sprintf("%d MiB of memory", u.memory>>20)
	case float64(u.secondHalf) > mostGrowth*float64(u.firstHalf)+growthBase:
		u.exceeded = fmt.Sprintf("memory grew from %d to %d MiB", u.firstHalf>>20, u.secondHalf>>20)
	case u.goroutines > mostGoroutines:
		u.exceeded = fmt.Sprintf("%d goroutines", u.goroutines)
	case u.files > mostFiles:
		u.exceeded = fmt.Sprintf("%d open files", u.files)
	case u.disk > diskBase+mostDisk*stored:
		u.exceeded = fmt.Sprintf("%d MiB of disk for %d messages", u.disk>>20, stored)
	}
	return *u
}

// sizeOf is how much disk a folder takes.
func sizeOf(dir string) (sum int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
