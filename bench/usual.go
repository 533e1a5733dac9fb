package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// stack is the usual stack: its engines, with folders and ports of their own,
// and the program between them.
type stack struct {
	folder  string
	servers []*process // the program is the last
}

// measureUsual measures creates of messages in one chat.
func measureUsual(ctx context.Context, s settings, r *report) error {
	if s.usual == "" {
		return nil
	}
	u, err := startStack(ctx, s)
	if err != nil {
		return err
	}
	defer u.remove()
	server := u.servers[len(u.servers)-1]
	if err := createUsualChat(ctx, server.addr); err != nil {
		return err
	}
	before := cpu(u.servers...)
	got, err := load(ctx, server.addr, s.connections, s.duration, func(n int64) request {
		return post("/chats/1/messages", r.texts.message(n), http.StatusCreated)
	})
	if err != nil {
		return err
	}
	stored, err := countUsual(ctx, server.addr)
	if err != nil {
		return err
	}
	got.storedPerSecond = got.perSecond * float64(stored) / float64(got.requests)
	start := time.Now()
	err = until(ctx, 50*time.Millisecond, drainTimeout, func() (bool, error) {
		stored, err := countUsual(ctx, server.addr)
		return stored >= int64(got.requests), err
	})
	got.storedAfter = time.Since(start)
	got.cpu, got.memory = perRequest(cpu(u.servers...)-before, got.requests), memory(u.servers...)
	r.add(usualCreates, got)
	return err
}

func createUsualChat(ctx context.Context, addr string) error {
	_, err := askUsual(ctx, http.MethodPut, "http://"+addr+"/chats/1")
	return err
}

// countUsual returns how many messages are stored.
func countUsual(ctx context.Context, addr string) (int64, error) {
	text, err := askUsual(ctx, http.MethodGet, "http://"+addr+"/count")
	if err != nil {
		return 0, err
	}
	var counted struct {
		Stored int64 `json:"message_count"`
	}
	err = json.Unmarshal(text, &counted)
	return counted.Stored, err
}

// askUsual sends a request without a body, and returns the answer's where it
// has status 200.
func askUsual(ctx context.Context, method, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: status %d: %s", method, url, answer.StatusCode, text)
	}
	return text, err
}

func (u *stack) remove() {
	for i := len(u.servers) - 1; i >= 0; i-- {
		u.servers[i].stop()
	}
	_ = os.RemoveAll(u.folder)
}

func startStack(ctx context.Context, s settings) (u *stack, err error) {
	folder, err := os.MkdirTemp("", "chatapi-bench-")
	if err != nil {
		return nil, err
	}
	u = &stack{folder: folder}
	defer func() {
		if err != nil {
			u.remove()
		}
	}()
	ports, err := freePorts(5)
	if err != nil {
		return nil, err
	}
	redis, amqp, maria := ports[0], ports[1], ports[2]
	for _, start := range []func() error{
		func() error { return u.startRedis(redis) },
		func() error { return u.startRabbit(amqp, ports[3], ports[4]) },
		func() error { return u.startMaria(maria) },
	} {
		if err := start(); err != nil {
			return nil, err
		}
	}
	for _, port := range []int{redis, amqp, maria} {
		if err := awaitPort(ctx, port); err != nil {
			return nil, fmt.Errorf("the engines of the usual stack do not answer: %w", err)
		}
	}
	program, err := serve(s.usual, "-connections", strconv.Itoa(s.connections),
		"-redis", address(redis), "-amqp", "amqp://guest:guest@"+address(amqp)+"/", "-mysql", "root@tcp("+address(maria)+")/?parseTime=true")
	if err != nil {
		return nil, err
	}
	u.servers = append(u.servers, program)
	return u, nil
}

// start starts an engine with its output in a file.
func (u *stack) start(env []string, path string, args ...string) error {
	log, err := os.Create(filepath.Join(u.folder, filepath.Base(path)+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	p, err := spawn(log, env, path, args...)
	if err != nil {
		return fmt.Errorf("%w; test/engines/usual.sh installs the usual stack", err)
	}
	u.servers = append(u.servers, p)
	return nil
}

// startRedis starts Redis with its log of writes, which it syncs each second.
func (u *stack) startRedis(port int) error {
	return u.start(nil, "redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", u.folder, "--appendonly", "yes")
}

// startRabbit starts RabbitMQ and the port mapper that Erlang would leave
// running otherwise. The server is called by its own path: what is in the PATH
// would become another user.
//
// https://www.rabbitmq.com/docs/configure#supported-environment-variables
func (u *stack) startRabbit(port, mapper, distribution int) error {
	env := []string{
		"HOME=" + u.folder, "ERL_EPMD_PORT=" + strconv.Itoa(mapper), "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=bench@localhost", "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1", "RABBITMQ_NODE_PORT=" + strconv.Itoa(port),
		"RABBITMQ_DIST_PORT=" + strconv.Itoa(distribution), "RABBITMQ_CONF_ENV_FILE=/dev/null", "RABBITMQ_CONFIG_FILE=" + filepath.Join(u.folder, "none"),
		"RABBITMQ_MNESIA_BASE=" + u.folder, "RABBITMQ_LOG_BASE=" + u.folder, "RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(u.folder, "plugins"),
		"RUNNING_UNDER_SYSTEMD=true", // become the server instead of starting it
	}
	if err := u.start(env, "epmd"); err != nil {
		return err
	}
	return u.start(env, "/usr/lib/rabbitmq/bin/rabbitmq-server")
}

func (u *stack) startMaria(port int) error {
	data := filepath.Join(u.folder, "mariadb")
	user := "--user=" + strconv.Itoa(os.Getuid())
	if os.Getuid() == 0 {
		user = "--user=root"
	}
	install := exec.Command("mariadb-install-db", "--no-defaults", user, "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	if said, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("install MariaDB's tables: %w: %s", err, said)
	}
	return u.start(nil, "mariadbd", "--no-defaults", user, "--datadir="+data, "--bind-address=127.0.0.1", "--port="+strconv.Itoa(port),
		"--socket="+filepath.Join(u.folder, "mariadb.sock"), "--pid-file="+filepath.Join(u.folder, "mariadb.pid"), "--skip-log-bin")
}

func address(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// freePorts returns ports of the loopback that nothing listens on.
func freePorts(n int) (ports []int, err error) {
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// awaitPort waits until a server answers a connection, or at least waits for
// what its client has to say.
func awaitPort(ctx context.Context, port int) error {
	return until(ctx, 100*time.Millisecond, 2*time.Minute, func() (bool, error) {
		conn, err := net.DialTimeout("tcp", address(port), time.Second)
		if err != nil {
			return false, nil
		}
		defer conn.Close()
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		_, err = conn.Read(make([]byte, 1))
		return !errors.Is(err, io.EOF), nil
	})
}
