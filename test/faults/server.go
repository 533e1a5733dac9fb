//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"chatapi/test/faults/inject"
)

const (
	startWithin = 10 * time.Second
	// stopWithin is how long a server may take to end when it is told to: the
	// promise is 10 seconds for the requests, and a batch at hand is finished.
	stopWithin = 15 * time.Second
)

// server is the process under test, which can be killed and started again on
// the same address and data.
type server struct {
	row   row
	seed  uint64
	dir   string // of tally and log
	data  string
	addr  string
	tally *inject.Tally

	command string        // the program, with its own serve; "" for that of this one
	skew    time.Duration // of its clock
	log     string        // the name of its file

	mu      sync.Mutex
	process *exec.Cmd
	ended   chan struct{} // closed when the process is gone
	status  error         // of the end
}

func newServer(r row, seed uint64, dir, data string) (*server, error) {
	tally, err := inject.OpenTally(filepath.Join(dir, "tally"))
	if err != nil {
		return nil, err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer free.Close()
	return &server{row: r, seed: seed, dir: dir, data: data, addr: free.Addr().String(), tally: tally, log: "serve.log"}, nil
}

// start starts the process, which kills itself at a step where one is named,
// and returns when it answers, or is gone by its own kill.
func (s *server) start(ctx context.Context, kill inject.Kill) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		err := s.try(kill)
		if err == nil {
			return nil
		}
		if pause(ctx, 100*time.Millisecond) != nil { // someone else may have the port for a moment
			return fmt.Errorf("start server: %w\n%s", err, s.logged())
		}
	}
}

func (s *server) try(kill inject.Kill) error {
	program, args, err := s.commandLine(kill)
	if err != nil {
		return err
	}
	command := exec.Command(program, args...)
	log, err := os.OpenFile(s.logName(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command.Stderr = log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	line, readErr := bufio.NewReader(out).ReadString('\n')
	go func() { _, _ = io.Copy(io.Discard, out) }()
	ended := make(chan struct{})
	s.mu.Lock()
	s.process, s.ended, s.status = command, ended, nil
	s.mu.Unlock()
	go func() {
		err := command.Wait()
		s.mu.Lock()
		s.status = err
		s.mu.Unlock()
		close(ended)
	}()
	if readErr == nil && strings.Contains(line, "serves http") {
		return nil
	}
	<-ended
	if killed(s.endedWith()) && kill.Point != "" {
		return nil
	}
	return fmt.Errorf("the server ended: %w", errors.Join(readErr, s.endedWith()))
}

// commandLine returns the program of a server and its arguments.
func (s *server) commandLine(kill inject.Kill) (program string, args []string, err error) {
	if s.command != "" {
		return s.command, []string{"serve", "--addr", s.addr, "--data", s.data}, nil
	}
	args = []string{"serve", "-row", s.row.name, "-seed", strconv.FormatUint(s.seed, 10), "-addr", s.addr,
		"-data", s.data, "-tally", filepath.Join(s.dir, "tally"), "-skew", s.skew.String()}
	if kill.Point != "" {
		args = append(args, "-kill", kill.String())
	}
	program, err = os.Executable()
	return program, args, err
}

func (s *server) endedWith() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// killed reports whether a process was ended by SIGKILL.
func killed(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// gone is closed when the process has ended.
func (s *server) gone() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

func (s *server) pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0
	}
	return s.process.Process.Pid
}

func (s *server) signal(signal syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.process.Process.Signal(signal)
}

// kill ends the process at once.
func (s *server) kill() {
	s.signal(syscall.SIGKILL)
	<-s.gone()
}

// stop ends the process as an operator does, within stopWithin.
func (s *server) stop() error {
	s.signal(syscall.SIGTERM)
	select {
	case <-s.gone():
	case <-time.After(stopWithin):
		s.kill()
		return fmt.Errorf("the server did not end within %v", stopWithin)
	}
	if err := s.endedWith(); err != nil {
		return fmt.Errorf("the server ended: %w\n%s", err, s.logged())
	}
	return nil
}

// heal ends the faults of the ports.
func (s *server) heal() {
	if s.command == "" {
		s.signal(syscall.SIGUSR1)
	}
}

func (s *server) logName() string { return filepath.Join(s.dir, s.log) }

// logged returns the end of the server's log, from its last panic where it
// has one.
func (s *server) logged() string {
	text, _ := os.ReadFile(s.logName())
	if i := bytes.LastIndex(text, []byte("\npanic: ")); i >= 0 {
		return string(text[i:min(i+3000, len(text))])
	}
	return string(text[max(0, len(text)-2000):])
}

// close ends what is left.
func (s *server) close() {
	if s.pid() != 0 {
		s.kill()
	}
	_ = s.tally.Close()
}
