package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// bareMessage is what the bare server answers: the fields of chatapi's.
type bareMessage struct {
	Done      string    `json:"message,omitempty"`
	Number    int64     `json:"message_number"`
	Chat      int64     `json:"chat_number"`
	AppToken  string    `json:"app_token"`
	Body      string    `json:"body"`
	Sender    string    `json:"sender,omitempty"`
	Version   int64     `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

const (
	barePath  = "/api/v1/apps/ly2wcj2acsq3fx3xmj4nnco3y2tu5tqemekz/chats/1/messages"
	bareToken = 36 // characters
)

// serveBare is the limit of what a server in Go can do: it decodes, validates
// and answers, and keeps nothing.
func serveBare(ctx context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/apps/{app_token}/chats/{chat_number}/messages", bareCreate)
	mux.HandleFunc("GET /api/v1/apps/{app_token}/chats/{chat_number}/messages/{message_number}", bareRead)
	fmt.Printf("serves http://%s\n", listener.Addr())
	server := http.Server{Handler: mux}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func bareCreate(w http.ResponseWriter, r *http.Request) {
	chatNumber, err := strconv.ParseInt(r.PathValue("chat_number"), 10, 64)
	if err != nil || len(r.PathValue("app_token")) != bareToken {
		http.NotFound(w, r)
		return
	}
	var in struct{ Body, Sender string }
	err = json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in)
	if err != nil || strings.TrimSpace(in.Body) == "" || len(in.Body) > 16<<10 || utf8.RuneCountInString(in.Sender) > 128 {
		http.Error(w, "bad message", http.StatusUnprocessableEntity)
		return
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	w.Header().Set("Location", r.URL.Path+"/1")
	answerBare(w, http.StatusCreated, bareMessage{
		Done: "Message created successfully", Number: 1, Chat: chatNumber, AppToken: r.PathValue("app_token"),
		Body: in.Body, Sender: in.Sender, Version: 1, CreatedAt: now, UpdatedAt: now,
	})
}

func bareRead(w http.ResponseWriter, r *http.Request) {
	chatNumber, err := strconv.ParseInt(r.PathValue("chat_number"), 10, 64)
	number, numberErr := strconv.ParseInt(r.PathValue("message_number"), 10, 64)
	if err != nil || numberErr != nil || len(r.PathValue("app_token")) != bareToken {
		http.NotFound(w, r)
		return
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	answerBare(w, http.StatusOK, bareMessage{
		Number: number, Chat: chatNumber, AppToken: r.PathValue("app_token"),
		Body: "The quick brown fox jumps over the lazy dog near the river bank", Sender: "bench",
		Version: 1, CreatedAt: now, UpdatedAt: now,
	})
}

func answerBare(w http.ResponseWriter, status int, m bareMessage) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(m)
}

func measureBare(ctx context.Context, s settings, r *report) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p, err := serve(self, "bare")
	if err != nil {
		return err
	}
	defer p.stop()
	for _, m := range []struct {
		name string
		next func(n int64) request
	}{
		{bareCreates, func(n int64) request { return post(barePath, r.texts.message(n), http.StatusCreated) }},
		{bareReads, func(n int64) request { return get(barePath + "/" + strconv.FormatInt(n%1000+1, 10)) }},
	} {
		before := cpu(p)
		got, err := load(ctx, p.addr, s.connections, s.duration, m.next)
		if err != nil {
			return err
		}
		got.cpu, got.memory = perRequest(cpu(p)-before, got.requests), memory(p)
		r.add(m.name, got)
	}
	return nil
}
