//go:build linux

package volatile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mount is a disk that programs can use.
type Mount struct {
	server *fuse.Server
}

// MountAt mounts a disk on an empty folder. It needs /dev/fuse, and root or
// fusermount.
func MountAt(folder string, d *Disk) (*Mount, error) {
	server, err := fs.Mount(folder, &node{disk: d, inode: d.root}, &fs.Options{
		MountOptions: fuse.MountOptions{
			FsName: "volatile", Name: "volatile", DirectMount: true, MaxWrite: 1 << 20, DisableXAttrs: true,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("mount volatile disk: %w", err)
	}
	return &Mount{server: server}, nil
}

// Unmount waits until the kernel has let go of the disk. No program may use it
// any more.
func (m *Mount) Unmount() error {
	if err := m.server.Unmount(); err != nil {
		return fmt.Errorf("unmount volatile disk: %w", err)
	}
	m.server.Wait()
	return nil
}

func sortedNames(of map[string]*inode) []string { return slices.Sorted(maps.Keys(of)) }

// node is an inode as the kernel asks for it.
type node struct {
	fs.Inode
	disk  *Disk
	inode *inode
}

var (
	_ fs.NodeLookuper  = (*node)(nil)
	_ fs.NodeReaddirer = (*node)(nil)
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeReader    = (*node)(nil)
	_ fs.NodeWriter    = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
)

func (f *inode) mode() uint32 {
	if f.folder {
		return syscall.S_IFDIR | 0o700
	}
	return syscall.S_IFREG | 0o600
}

func (f *inode) describe(out *fuse.Attr) {
	out.Ino, out.Mode, out.Nlink = f.id, f.mode(), 1
	out.Size, out.Blksize = uint64(len(f.data)), blockSize
	out.Blocks = uint64(len(f.blocks)) * (blockSize / sectorSize)
}

// child makes the kernel's node of an inode. The disk is locked.
func (n *node) child(ctx context.Context, of *inode, out *fuse.EntryOut) *fs.Inode {
	of.describe(&out.Attr)
	return n.NewInode(ctx, &node{disk: n.disk, inode: of}, fs.StableAttr{Mode: of.mode(), Ino: of.id})
}

// Lookup implements fs.NodeLookuper.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	of := n.inode.children[name]
	if of == nil {
		return nil, syscall.ENOENT
	}
	return n.child(ctx, of, out), fs.OK
}

// Readdir implements fs.NodeReaddirer.
func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	var list []fuse.DirEntry
	for _, name := range sortedNames(n.inode.children) {
		of := n.inode.children[name]
		list = append(list, fuse.DirEntry{Name: name, Ino: of.id, Mode: of.mode()})
	}
	return fs.NewListDirStream(list), fs.OK
}

// Getattr implements fs.NodeGetattrer.
func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	n.inode.describe(&out.Attr)
	return fs.OK
}

// Setattr implements fs.NodeSetattrer: it changes the size, and leaves all
// else as it is.
func (n *node) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if size, ok := in.GetSize(); ok {
		if !n.disk.working() {
			return syscall.EIO
		}
		n.disk.resize(n.inode, int64(size))
	}
	n.inode.describe(&out.Attr)
	return fs.OK
}

// make creates a file or a folder.
func (n *node) make(ctx context.Context, name string, folder bool, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if !n.disk.working() {
		return nil, syscall.EIO
	}
	of := n.disk.newInode(folder)
	n.disk.rename(entry{{n.inode, name, of}})
	return n.child(ctx, of, out), fs.OK
}

// Create implements fs.NodeCreater.
func (n *node) Create(ctx context.Context, name string, _, _ uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	made, errno := n.make(ctx, name, false, out)
	return made, nil, 0, errno
}

// Mkdir implements fs.NodeMkdirer.
func (n *node) Mkdir(ctx context.Context, name string, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.make(ctx, name, true, out)
}

// Unlink implements fs.NodeUnlinker.
func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if !n.disk.working() {
		return syscall.EIO
	}
	n.disk.rename(entry{{n.inode, name, nil}})
	return fs.OK
}

// Rmdir implements fs.NodeRmdirer.
func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	n.disk.mu.Lock()
	of := n.inode.children[name]
	n.disk.mu.Unlock()
	if of != nil && len(of.children) > 0 {
		return syscall.ENOTEMPTY
	}
	return n.Unlink(ctx, name)
}

// Rename implements fs.NodeRenamer.
func (n *node) Rename(_ context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if flags != 0 {
		return syscall.EINVAL
	}
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if !n.disk.working() {
		return syscall.EIO
	}
	of, to := n.inode.children[name], newParent.(*node).inode
	n.disk.rename(entry{{n.inode, name, nil}, {to, newName, of}})
	return fs.OK
}

// Open implements fs.NodeOpener.
func (n *node) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_TRUNC == 0 {
		return nil, 0, fs.OK
	}
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if !n.disk.working() {
		return nil, 0, syscall.EIO
	}
	n.disk.resize(n.inode, 0)
	return nil, 0, fs.OK
}

// Read implements fs.NodeReader.
func (n *node) Read(_ context.Context, _ fs.FileHandle, dest []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if at >= int64(len(n.inode.data)) {
		return fuse.ReadResultData(nil), fs.OK
	}
	return fuse.ReadResultData(dest[:copy(dest, n.inode.data[at:])]), fs.OK
}

// Write implements fs.NodeWriter.
func (n *node) Write(_ context.Context, _ fs.FileHandle, bytes []byte, at int64) (uint32, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	switch {
	case !n.disk.working():
		return 0, syscall.EIO
	case !n.disk.write(n.inode, bytes, at):
		return 0, syscall.ENOSPC
	default:
		return uint32(len(bytes)), fs.OK
	}
}

// Fsync implements fs.NodeFsyncer.
func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if !n.disk.working() || n.disk.syncFails(n.inode) {
		return syscall.EIO
	}
	n.disk.sync(n.inode)
	return fs.OK
}
