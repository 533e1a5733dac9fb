// Package disk syncs files and folders, and remembers if a sync failed.
//
// After a failed fsync, Linux marks the pages clean whose write failed. A later
// fsync of the same file succeeds although they are not on disk, and the process
// reads back what a power loss would take away. So nothing may be written any
// more: the process has to stop, and the next one begins with what it reads.
// See https://wiki.postgresql.org/wiki/Fsync_Errors.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
)

// Disk is the disk of one data folder. Its methods may be called concurrently.
type Disk struct {
	hooks  Hooks
	once   sync.Once
	err    atomic.Pointer[error]
	failed chan error
}

// Hooks are what a Disk calls. Tests set them to make a disk fail.
type Hooks struct {
	Sync   func(*os.File) error
	Commit func(*bbolt.Tx) error
}

// New returns a disk that works.
func New() *Disk { return WithHooks(Hooks{}) }

// WithHooks returns a disk that calls these hooks. A hook that is nil is the
// method of os.File or bbolt.Tx with its name.
func WithHooks(hooks Hooks) *Disk {
	if hooks.Sync == nil {
		hooks.Sync = (*os.File).Sync
	}
	if hooks.Commit == nil {
		hooks.Commit = (*bbolt.Tx).Commit
	}
	return &Disk{hooks: hooks, failed: make(chan error, 1)}
}

// Fail makes Err return an error from now on. Only the first call has an effect.
func (d *Disk) Fail(err error) {
	d.once.Do(func() {
		err = fmt.Errorf("data folder failed, nothing is written until the next start: %w", err)
		d.err.Store(&err)
		d.failed <- err
	})
}

// Err returns nil while the disk works. Nothing may be written after an error.
func (d *Disk) Err() error {
	if err := d.err.Load(); err != nil {
		return *err
	}
	return nil
}

// Failed returns a channel that receives the error of Err once.
func (d *Disk) Failed() <-chan error { return d.failed }

// Sync makes what was written to a file durable. If it fails, the disk fails.
func (d *Disk) Sync(f *os.File) error {
	err := d.hooks.Sync(f)
	if err != nil {
		d.Fail(err)
	}
	return err
}

// SyncFolder makes the names of the files in a folder durable.
func (d *Disk) SyncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(folder), folder.Close())
}

// CreateFolder creates a folder and its parents if they do not exist, durably.
func (d *Disk) CreateFolder(path string) error {
	path = filepath.Clean(path)
	_, err := os.Stat(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err // and a file of this name fails when the folder is used
	}
	parent := filepath.Dir(path)
	if err := d.CreateFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.SyncFolder(parent)
}

// WriteFile replaces a file, durably. After an error or a crash the file has the
// old data or the new, never a part.
func (d *Disk) WriteFile(path string, data []byte) error {
	if err := d.Err(); err != nil {
		return err
	}
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = d.Sync(f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return d.SyncFolder(filepath.Dir(path))
}
