package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// within is how long a start or an invocation may take.
const within = 30 * time.Second

// life is what one process of a function took.
type life struct {
	start  time.Duration   // from its exec to its first question for an event
	calls  []time.Duration // from an event to its answer
	memory int64           // bytes of its largest resident set
}

// live starts a function, invokes it some times with its event, and ends it.
func live(ctx context.Context, binary string, environment []string, event []byte, calls int) (life, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	api, err := newRuntimeAPI()
	if err != nil {
		return life{}, err
	}
	defer api.close()
	process, log := command(ctx, binary, environment, api.address)
	began := time.Now()
	if err := process.Start(); err != nil {
		return life{}, fmt.Errorf("start: %w", err)
	}
	l, err := lead(ctx, api, began, event, calls)
	if err == nil {
		l.memory, err = largestResidentSet(process.Process.Pid)
	}
	process.Process.Kill() // as Lambda does; that it was killed is no error
	process.Wait()
	if err != nil {
		return life{}, fmt.Errorf("%w\n%s", err, log)
	}
	return l, nil
}

var highWater = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// largestResidentSet returns the most bytes that a process had in memory. What
// wait4 says of it counts the process that it was forked from.
//
// https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
func largestResidentSet(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	found := highWater.FindSubmatch(status)
	if found == nil {
		return 0, fmt.Errorf("/proc/%d/status has no VmHWM", pid)
	}
	kib, err := strconv.ParseInt(string(found[1]), 10, 64)
	return kib << 10, err
}

func command(ctx context.Context, binary string, environment []string, address string) (*exec.Cmd, *bytes.Buffer) {
	var log bytes.Buffer
	process := exec.CommandContext(ctx, binary)
	process.Env = append(environment, "AWS_LAMBDA_RUNTIME_API="+address)
	process.Stderr = &log
	return process, &log
}

func lead(ctx context.Context, api *runtimeAPI, began time.Time, event []byte, calls int) (life, error) {
	asked, err := api.ready(ctx)
	if err != nil {
		return life{}, err
	}
	l := life{start: asked.Sub(began)}
	for range calls {
		took, err := api.invoke(ctx, event)
		if err != nil {
			return life{}, err
		}
		l.calls = append(l.calls, took)
	}
	return l, nil
}

// traced is a line that the Go runtime prints for each package that it
// initializes.
//
// https://pkg.go.dev/runtime#hdr-Environment_Variables
var traced = regexp.MustCompile(`(?m)^init \S+ @.* (\d+) bytes, (\d+) allocs$`)

// initAllocations returns how much a function's packages allocate before main
// begins: the same in every run, give or take a few.
func initAllocations(ctx context.Context, binary string, environment []string) (count, size int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	api, err := newRuntimeAPI()
	if err != nil {
		return 0, 0, err
	}
	defer api.close()
	process, log := command(ctx, binary, append(environment, "GODEBUG=inittrace=1"), api.address)
	if err := process.Start(); err != nil {
		return 0, 0, fmt.Errorf("start: %w", err)
	}
	_, err = api.ready(ctx)
	process.Process.Kill()
	process.Wait()
	if err != nil {
		return 0, 0, fmt.Errorf("%w\n%s", err, log)
	}
	for _, line := range traced.FindAllSubmatch(log.Bytes(), -1) {
		bytes, _ := strconv.ParseInt(string(line[1]), 10, 64) // it matched
		allocations, _ := strconv.ParseInt(string(line[2]), 10, 64)
		count, size = count+allocations, size+bytes
	}
	return count, size, nil
}

// lambdaEnvironment is what a function finds on Lambda and what the template
// adds, with all endpoints at one address.
func lambdaEnvironment(endpoint string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=none", "AWS_SECRET_ACCESS_KEY=none", "AWS_SESSION_TOKEN=none",
		"AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023", "AWS_LAMBDA_FUNCTION_NAME=measured", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
		"AWS_ENDPOINT_URL=" + endpoint,
		"OPENSEARCH_ENDPOINT=" + endpoint,
		"CREATES_QUEUE_URL=" + endpoint + "/000000000000/creates",
		"CHATAPI_ADMIN_KEY=an-admin-key-for-tests", // of the events
		"CREATES_DEAD_LETTERS_URL=" + endpoint + "/000000000000/creates-dead-letters",
		"STREAM_DEAD_LETTERS_URL=" + endpoint + "/000000000000/letters",
		"APPS_TABLE=Apps", "CHATS_TABLE=Chats", "MESSAGES_TABLE=Messages", "COUNTERS_TABLE=Counters", "READERS_TABLE=Readers",
		"IDEMPOTENCY_TABLE=Idempotency",
	}
}
