//go:build linux

// Package volatile is a disk in memory that can lose its power and can be
// full. It is mounted as a filesystem (FUSE), so that the service uses it with
// the system calls that it uses any disk with.
//
// What it loses is what Linux's journaling filesystems in their default modes
// may lose, as far as that can be said in a few rules:
//
//   - A write or a change of size lasts once fsync or fdatasync of that file has
//     returned. Until then it may last, or not, or in some of its sectors of 512
//     bytes only, whatever becomes of other writes, earlier or later ones.
//   - A file's creation, removal or renaming lasts, with all such changes before
//     it, once any later fsync has returned: the journal is one. Until then some
//     of them last, in their order.
//
// A sync can fail once. The file then keeps what was written, as programs see
// it, but none of what was not synced until then lasts for certain, whatever is
// synced later: Linux marks the pages clean.
//
// https://lwn.net/Articles/752063/
//
// It does not lose what was synced, as a disk does that lies about it, and it
// does not model a filesystem without a journal.
package volatile

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
)

const (
	sectorSize = 512
	blockSize  = 4096
)

// Disk is the content of a filesystem: as programs see it, and as it would be
// found after a loss of power.
type Disk struct {
	mu      sync.Mutex
	root    *inode
	lastID  uint64
	journal []entry // changes of names that are not synced
	full    bool
	writes  int64         // and syncs, so far
	dieAt   int64         // at so many of them the power is lost; 0 is never
	dead    chan struct{} // closed then
	syncs   int64         // so far
	failAt  int64         // the sync that fails; 0 is none
	failed  chan struct{} // closed then
}

// inode is a file or a folder.
type inode struct {
	id       uint64
	folder   bool
	children map[string]*inode // of a folder
	lasting  map[string]*inode // … after a loss of power
	data     []byte            // of a file
	synced   []byte            // … after a loss of power
	unsynced []change          // from synced to data
	blocks   map[int64]bool    // that were ever written
}

// change is one of a file's content: bytes at an offset, or a new size.
type change struct {
	resize bool
	at     int64 // the size where it is one
	bytes  []byte
}

// entry is a change of names: what is in folders under these names then, nil
// for nothing. Its parts happen together.
type entry []struct {
	in   *inode
	name string
	now  *inode
}

// NewDisk returns an empty disk.
func NewDisk() *Disk {
	d := &Disk{dead: make(chan struct{})}
	d.root = d.newInode(true)
	return d
}

func (d *Disk) newInode(folder bool) *inode {
	d.lastID++
	return &inode{id: d.lastID, folder: folder, children: map[string]*inode{}, lasting: map[string]*inode{}, blocks: map[int64]bool{}}
}

// SetFull makes the disk full, or ends that: while it is full, nothing can be
// written where nothing was.
func (d *Disk) SetFull(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

// LosePower lets the power go after so many writes and syncs more. The
// channel is closed then; until Recover every call fails.
func (d *Disk) LosePower(after int64) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dieAt = d.writes + after
	return d.dead
}

// FailSync lets the sync fail that comes after so many more. The channel is
// closed then. 0 takes an earlier call back.
func (d *Disk) FailSync(after int64) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failAt, d.failed = 0, make(chan struct{})
	if after > 0 {
		d.failAt = d.syncs + after
	}
	return d.failed
}

// syncFails counts a sync and reports whether it fails. The disk is locked.
func (d *Disk) syncFails(f *inode) bool {
	d.syncs++
	if d.failAt == 0 || d.syncs < d.failAt {
		return false
	}
	d.failAt = 0
	f.unsynced = nil // and so never applied to what lasts
	close(d.failed)
	return true
}

// isDead reports whether the power is lost. The disk is locked.
func (d *Disk) isDead() bool {
	select {
	case <-d.dead:
		return true
	default:
		return false
	}
}

// working counts a write or a sync and reports whether it may be done. The
// disk is locked.
func (d *Disk) working() bool {
	if d.isDead() {
		return false
	}
	d.writes++
	if d.dieAt != 0 && d.writes >= d.dieAt {
		close(d.dead)
		return false
	}
	return true
}

// write writes to a file and reports whether there was room.
func (d *Disk) write(f *inode, bytes []byte, at int64) bool {
	first, last := at/blockSize, (at+int64(len(bytes))-1)/blockSize
	for b := first; b <= last; b++ {
		if d.full && !f.blocks[b] {
			return false
		}
	}
	for b := first; b <= last; b++ {
		f.blocks[b] = true
	}
	c := change{at: at, bytes: append([]byte(nil), bytes...)}
	f.data = c.apply(f.data)
	f.unsynced = append(f.unsynced, c)
	return true
}

func (d *Disk) resize(f *inode, size int64) {
	c := change{resize: true, at: size}
	f.data = c.apply(f.data)
	f.unsynced = append(f.unsynced, c)
	for b := range f.blocks {
		if b*blockSize >= size {
			delete(f.blocks, b)
		}
	}
}

func (c change) apply(to []byte) []byte {
	if c.resize {
		return sized(to, c.at)
	}
	if end := c.at + int64(len(c.bytes)); end > int64(len(to)) {
		to = sized(to, end)
	}
	copy(to[c.at:], c.bytes)
	return to
}

// sized returns text cut, or grown by zeros.
func sized(text []byte, size int64) []byte {
	if grow := size - int64(len(text)); grow > 0 {
		return append(text, make([]byte, grow)...)
	}
	clear(text[size:])
	return text[:size]
}

// sync makes a file, and all changes of names, last.
func (d *Disk) sync(f *inode) {
	for _, c := range f.unsynced {
		f.synced = c.apply(f.synced)
	}
	f.unsynced = nil
	for _, e := range d.journal {
		e.apply()
	}
	d.journal = nil
}

func (e entry) apply() {
	for _, part := range e {
		if part.now == nil {
			delete(part.in.lasting, part.name)
		} else {
			part.in.lasting[part.name] = part.now
		}
	}
}

// rename changes names, for now, and notes it in the journal.
func (d *Disk) rename(e entry) {
	for _, part := range e {
		if part.now == nil {
			delete(part.in.children, part.name)
		} else {
			part.in.children[part.name] = part.now
		}
	}
	d.journal = append(d.journal, e)
}

// Loss is what a loss of power took.
type Loss struct {
	Kept, Lost, Torn int // writes that were not synced
	Names            int // changes of names
}

func (l Loss) String() string {
	return fmt.Sprintf("%d unsynced writes kept, %d lost, %d torn, %d changes of names lost", l.Kept, l.Lost, l.Torn, l.Names)
}

// Recover returns the disk as it is found when the power is back, and what was
// lost. The old one, which must not be mounted any more, is used up.
func (d *Disk) Recover(random *rand.Rand) (*Disk, Loss) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var lost Loss
	lasting := random.IntN(len(d.journal) + 1)
	for _, e := range d.journal[:lasting] {
		e.apply()
	}
	lost.Names = len(d.journal) - lasting
	odds := []int{0, 50, 90, 100}[random.IntN(4)] // of a write to be kept, in per cent
	found := NewDisk()
	found.root = found.recovered(d.root, map[*inode]*inode{}, random, odds, &lost)
	return found, lost
}

func (d *Disk) recovered(of *inode, done map[*inode]*inode, random *rand.Rand, odds int, lost *Loss) *inode {
	if done[of] != nil {
		return done[of]
	}
	now := d.newInode(of.folder)
	done[of] = now
	for _, c := range of.unsynced {
		of.synced = c.maybe(of.synced, random, odds, lost)
	}
	now.data, now.synced = of.synced, append([]byte(nil), of.synced...)
	for b := range int64(len(now.data)+blockSize-1) / blockSize {
		now.blocks[b] = true
	}
	for _, name := range sortedNames(of.lasting) {
		now.children[name] = d.recovered(of.lasting[name], done, random, odds, lost)
	}
	now.lasting = maps.Clone(now.children)
	return now
}

// maybe applies a change, or not, or some sectors of it.
func (c change) maybe(to []byte, random *rand.Rand, odds int, lost *Loss) []byte {
	switch {
	case random.IntN(100) >= odds:
		lost.Lost++
		return to
	case c.resize || random.IntN(3) > 0:
		lost.Kept++
		return c.apply(to)
	}
	lost.Torn++
	for at := 0; at < len(c.bytes); at += sectorSize {
		if random.IntN(2) == 0 {
			to = change{at: c.at + int64(at), bytes: c.bytes[at:min(at+sectorSize, len(c.bytes))]}.apply(to)
		}
	}
	return to
}

// Size is how many bytes all files have, holes left out.
func (d *Disk) Size() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return blockSize * d.root.used()
}

func (f *inode) used() (blocks int64) {
	blocks = int64(len(f.blocks))
	for _, child := range f.children {
		blocks += child.used()
	}
	return blocks
}
