//go:build linux && fuse

package volatile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"chatapi/test/faults/volatile"
)

// mounted runs a program on a disk.
func mounted(t *testing.T, d *volatile.Disk, program func(folder string)) {
	t.Helper()
	folder := t.TempDir()
	m, err := volatile.MountAt(folder, d)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Unmount(); err != nil {
			t.Error(err)
		}
	}()
	program(folder)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsSyncedLasts(t *testing.T) {
	text := bytes.Repeat([]byte("tortoise"), 3000)
	kept, lost, torn := 0, 0, 0
	for seed := range uint64(40) {
		d := volatile.NewDisk()
		mounted(t, d, func(folder string) {
			must(t, os.Mkdir(filepath.Join(folder, "in"), 0o700))
			f, err := os.Create(filepath.Join(folder, "in", "synced"))
			must(t, err)
			_, err = f.Write(text)
			must(t, err)
			must(t, f.Sync())
			_, err = f.WriteAt([]byte("hare"), 100_000)
			must(t, err)
			must(t, f.Close())
			must(t, os.WriteFile(filepath.Join(folder, "late"), text, 0o600))
		})
		found, _ := d.Recover(rand.New(rand.NewPCG(seed, 0)))
		mounted(t, found, func(folder string) {
			got, err := os.ReadFile(filepath.Join(folder, "in", "synced"))
			must(t, err)
			if !bytes.Equal(got[:len(text)], text) {
				t.Error("what was synced has changed")
			}
			late, err := os.ReadFile(filepath.Join(folder, "late"))
			switch {
			case errors.Is(err, fs.ErrNotExist), err == nil && len(late) == 0:
				lost++
			case bytes.Equal(late, text):
				kept++
			default:
				torn++
			}
		})
	}
	if kept == 0 || lost == 0 || torn == 0 {
		t.Errorf("of a file that was not synced, %d are kept, %d lost and %d torn", kept, lost, torn)
	}
}

func TestRenamesLastInTheirOrder(t *testing.T) {
	for seed := range uint64(20) {
		d := volatile.NewDisk()
		mounted(t, d, func(folder string) {
			f, err := os.Create(filepath.Join(folder, "0"))
			must(t, err)
			must(t, f.Sync())
			must(t, f.Close())
			for _, name := range []string{"1", "2", "3"} {
				must(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
			}
			must(t, os.Remove(filepath.Join(folder, "0")))
		})
		found, _ := d.Recover(rand.New(rand.NewPCG(seed, 0)))
		mounted(t, found, func(folder string) {
			entries, err := os.ReadDir(folder)
			must(t, err)
			got := ""
			for _, e := range entries {
				got += e.Name()
			}
			switch got {
			case "0", "01", "012", "0123", "123":
			default:
				t.Errorf("found %q", got)
			}
		})
	}
}

func TestPowerIsLostAtAWrite(t *testing.T) {
	d := volatile.NewDisk()
	mounted(t, d, func(folder string) {
		gone := d.LosePower(3) // create, write and one write more
		f, err := os.Create(filepath.Join(folder, "file"))
		must(t, err)
		_, err = f.WriteString("one")
		must(t, err)
		if _, err := f.WriteString("two"); !errors.Is(err, syscall.EIO) {
			t.Errorf("a write without power: %v", err)
		}
		<-gone
		if err := f.Sync(); !errors.Is(err, syscall.EIO) {
			t.Errorf("a sync without power: %v", err)
		}
		_ = f.Close()
	})
}

func TestFullDisk(t *testing.T) {
	d := volatile.NewDisk()
	mounted(t, d, func(folder string) {
		f, err := os.Create(filepath.Join(folder, "file"))
		must(t, err)
		_, err = f.WriteString("one")
		must(t, err)
		d.SetFull(true)
		if _, err := f.WriteAt([]byte("far"), 10_000); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("a write to a full disk: %v", err)
		}
		_, err = f.WriteAt([]byte("two"), 0)
		must(t, err)
		d.SetFull(false)
		_, err = f.WriteAt([]byte("far"), 10_000)
		must(t, err)
		must(t, f.Close())
	})
	if d.Size() != 8192 {
		t.Errorf("%d bytes are used", d.Size())
	}
}

func TestASyncFailsOnce(t *testing.T) {
	d := volatile.NewDisk()
	mounted(t, d, func(folder string) {
		f, err := os.Create(filepath.Join(folder, "file"))
		must(t, err)
		_, err = f.WriteString("one")
		must(t, err)
		must(t, f.Sync())
		failed := d.FailSync(2)
		_, err = f.WriteString("two")
		must(t, err)
		must(t, f.Sync())
		_, err = f.WriteString("three")
		must(t, err)
		if err := f.Sync(); !errors.Is(err, syscall.EIO) {
			t.Errorf("the second sync: %v", err)
		}
		<-failed
		must(t, f.Sync())
		must(t, f.Close())
		got, err := os.ReadFile(filepath.Join(folder, "file"))
		must(t, err)
		if string(got) != "onetwothree" {
			t.Errorf("a program reads %q", got)
		}
	})
	found, _ := d.Recover(rand.New(rand.NewPCG(1, 0)))
	mounted(t, found, func(folder string) {
		got, err := os.ReadFile(filepath.Join(folder, "file"))
		must(t, err)
		if string(got) != "onetwo" {
			t.Errorf("after a loss of power there is %q", got)
		}
	})
}
