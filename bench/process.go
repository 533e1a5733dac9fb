package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server under measurement, with the processes that it starts in
// a process group of its own.
type process struct {
	command *exec.Cmd
	addr    string // HOST:PORT, where the server names it
	ended   chan struct{}
}

// spawn starts a program, whose output goes to out.
func spawn(out io.Writer, env []string, path string, args ...string) (*process, error) {
	command := exec.Command(path, args...)
	command.Env = append(os.Environ(), env...)
	command.Stdout, command.Stderr = out, out
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{command: command, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = command.Wait()
	}()
	return p, nil
}

// serve starts a server and waits for the line in which it names its address.
func serve(path string, args ...string) (*process, error) {
	lines, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p, err := spawn(out, nil, path, args...)
	out.Close()
	if err != nil {
		return nil, errors.Join(err, lines.Close())
	}
	reader := bufio.NewReader(lines)
	var said strings.Builder
	for {
		line, err := reader.ReadString('\n')
		said.WriteString(line)
		if err != nil {
			p.stop()
			return nil, fmt.Errorf("%s did not start: %s", path, said.String())
		}
		if _, rest, found := strings.Cut(line, "http://"); found {
			p.addr, _, _ = strings.Cut(strings.TrimSpace(rest), " ")
			break
		}
	}
	go func() {
		_, _ = io.Copy(os.Stderr, reader)
		lines.Close()
	}()
	return p, nil
}

// stopTimeout is how long a server may take to end by itself.
const stopTimeout = 30 * time.Second

// stop ends the server's group and waits until it is gone.
func (p *process) stop() { p.end(syscall.SIGTERM) }

func (p *process) end(signal syscall.Signal) {
	group := -p.command.Process.Pid
	_ = syscall.Kill(group, signal)
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
	}
	_ = syscall.Kill(group, syscall.SIGKILL) // what the server left behind
	<-p.ended
}

// cpu returns the CPU time that the servers' groups took so far.
func cpu(servers ...*process) (sum time.Duration) {
	eachProcess(servers, func(_ string, stat []string) {
		user, _ := strconv.ParseInt(stat[11], 10, 64)
		system, _ := strconv.ParseInt(stat[12], 10, 64)
		sum += time.Duration(user+system) * tick
	})
	return sum
}

// tick is the unit of times in /proc on every architecture that Go runs on.
//
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
const tick = 10 * time.Millisecond

// memory returns the bytes that the servers' groups held at most.
func memory(servers ...*process) (sum int64) {
	eachProcess(servers, func(folder string, _ []string) {
		status, _ := os.ReadFile(filepath.Join(folder, "status"))
		_, rest, _ := strings.Cut(string(status), "VmHWM:")
		var kib int64
		_, _ = fmt.Sscan(rest, &kib)
		sum += kib << 10
	})
	return sum
}

// eachProcess calls visit with the folder in /proc and the fields, from the
// state on, of each process of the servers' groups.
func eachProcess(servers []*process, visit func(folder string, stat []string)) {
	groups := map[string]bool{}
	for _, s := range servers {
		groups[strconv.Itoa(s.command.Process.Pid)] = true
	}
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		text, err := os.ReadFile(filepath.Join(folder, "stat"))
		if err != nil {
			continue // it has ended
		}
		stat := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(stat) > 12 && groups[stat[2]] {
			visit(folder, stat)
		}
	}
}

func perRequest(cpu time.Duration, requests int) float64 {
	return float64(cpu.Microseconds()) / float64(max(requests, 1))
}

// diskUsage returns the bytes that a folder takes on disk.
func diskUsage(folder string) (bytes int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			bytes += stat.Blocks * 512
		}
		return nil
	})
	return bytes, err
}

// until asks again until done says so, at most for a while.
func until(ctx context.Context, every, most time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}
