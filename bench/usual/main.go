// Command usual is a chat backend as such systems are usually built, for the
// benchmark to compare with: Redis gives out the numbers, RabbitMQ keeps the
// creates, and a worker stores them in MariaDB. It has a module of its own, so
// that its clients are no dependencies of chatapi. It feeds no search.
//
// A message is durable before its 201 as far as RabbitMQ goes: the queue is
// durable, the message persistent, and the publish confirmed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"
)

// message is one message, as it is queued and answered.
type message struct {
	Chat      string    `json:"chat_number"`
	Number    int64     `json:"message_number"`
	Body      string    `json:"body"`
	Sender    string    `json:"sender,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

type settings struct {
	redis, amqp, mysql string
	connections        int
}

func main() {
	var s settings
	flag.StringVar(&s.redis, "redis", "", "HOST:PORT of Redis")
	flag.StringVar(&s.amqp, "amqp", "", "URL of RabbitMQ")
	flag.StringVar(&s.mysql, "mysql", "", "data source name of MariaDB")
	flag.IntVar(&s.connections, "connections", 64, "requests that are served side by side")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "usual:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	rows, err := openRows(ctx, s.mysql)
	if err != nil {
		return err
	}
	defer rows.db.Close()
	q, err := openQueue(s.amqp, s.connections)
	if err != nil {
		return err
	}
	defer q.close()
	rows.db.SetMaxIdleConns(s.connections)
	numbers := redis.NewClient(&redis.Options{Addr: s.redis, PoolSize: s.connections})
	defer numbers.Close()
	deliveries, err := q.consume()
	if err != nil {
		return err
	}
	worked := make(chan error, 1)
	go func() { worked <- work(ctx, rows, deliveries) }()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("serves http://%s\n", listener.Addr())
	server := &http.Server{Handler: handler(api{numbers: numbers, queue: q, rows: rows})}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-worked
}

type api struct {
	numbers *redis.Client
	queue   *queue
	rows    *rows
}

func handler(a api) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /chats/{chat}", a.createChat)
	mux.HandleFunc("POST /chats/{chat}/messages", a.create)
	mux.HandleFunc("GET /count", a.count)
	return mux
}

// createChat stores a chat, so that messages to it are taken.
func (a api) createChat(w http.ResponseWriter, r *http.Request) {
	if err := a.rows.createChat(r.Context(), r.PathValue("chat")); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// create takes a message to a chat that is stored: it asks the table, as
// services do that must refuse a message to no chat.
func (a api) create(w http.ResponseWriter, r *http.Request) {
	m := message{Chat: r.PathValue("chat"), CreatedAt: time.Now().UTC()}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&m); err != nil || !valid(m) {
		http.Error(w, "bad message", http.StatusUnprocessableEntity)
		return
	}
	switch found, err := a.rows.hasChat(r.Context(), m.Chat); {
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	case !found:
		http.Error(w, "no such chat", http.StatusNotFound)
		return
	}
	var err error
	if m.Number, err = a.numbers.Incr(r.Context(), "chat:"+m.Chat).Result(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	text, err := json.Marshal(m)
	if err == nil {
		err = a.queue.publish(r.Context(), text)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(text)
}

func valid(m message) bool {
	return strings.TrimSpace(m.Body) != "" && len(m.Body) <= 16<<10 && utf8.RuneCountInString(m.Sender) <= 128
}

// count answers how many messages are stored.
func (a api) count(w http.ResponseWriter, r *http.Request) {
	n, err := a.rows.count(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]int64{"message_count": n})
}
