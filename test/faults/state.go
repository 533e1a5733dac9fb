//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"chatapi/pkg/client"
	"chatapi/test/faults/history"

	"golang.org/x/sync/errgroup"
)

// readSideBySide is how many collections are read at the same time.
const readSideBySide = 4

// item is a chat or a message as lists and searches give it.
type item struct {
	ChatNumber    int64  `json:"chat_number"`
	MessageNumber int64  `json:"message_number"`
	Title         string `json:"title"`
	Body          string `json:"body"`
	Version       int64  `json:"version"`
	DeletedAt     string `json:"deleted_at"`
}

func (i item) row() history.Row {
	if i.MessageNumber == 0 {
		return history.Row{Number: i.ChatNumber, Text: i.Title, Version: i.Version}
	}
	return history.Row{Number: i.MessageNumber, Text: i.Body, Version: i.Version, Deleted: i.DeletedAt != ""}
}

// page is a page of any list, and of a search.
type page struct {
	Chats    []item `json:"chats"`
	Messages []item `json:"messages"`
	Next     string `json:"next"`
}

// readState reads everything that is stored of an app, over the API.
func readState(ctx context.Context, c *client.Client, app string) (history.State, error) {
	chats, err := readCollection(ctx, c, app, app+"/chats", "chat_count")
	if err != nil {
		return nil, err
	}
	state := history.State{app + "/chats": chats}
	read := make([]history.Collection, len(chats.Rows))
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(readSideBySide)
	for i, row := range chats.Rows {
		reading.Go(func() (err error) {
			chat := fmt.Sprintf("%s/chats/%d", app, row.Number)
			read[i], err = readCollection(ctx, c, chat, chat+"/messages", "message_count")
			if err == nil {
				read[i].Searched = true
				read[i].Found, err = search(ctx, c, chat+"/messages/search")
			}
			return err
		})
	}
	if err := reading.Wait(); err != nil {
		return nil, err
	}
	for i, row := range chats.Rows {
		state[fmt.Sprintf("%s/chats/%d/messages", app, row.Number)] = read[i]
	}
	return state, nil
}

func readCollection(ctx context.Context, c *client.Client, parent, list, count string) (history.Collection, error) {
	var all history.Collection
	n, err := readCount(ctx, c, parent, count)
	if err != nil {
		return all, err
	}
	all.Count = n
	for next := list + "?limit=200"; next != ""; {
		var p page
		if err := get(ctx, c, next, &p); err != nil {
			return all, err
		}
		for _, i := range append(p.Chats, p.Messages...) {
			all.Rows = append(all.Rows, i.row())
		}
		next = pathOf(p.Next)
	}
	return all, nil
}

// pathOf leaves the server out of a link.
func pathOf(link string) string {
	if i := strings.Index(link, "/api/"); i > 0 {
		return link[i:]
	}
	return link
}

func readCount(ctx context.Context, c *client.Client, parent, count string) (int64, error) {
	var fields map[string]json.RawMessage
	if err := get(ctx, c, parent, &fields); err != nil {
		return 0, err
	}
	var n int64
	err := json.Unmarshal(fields[count], &n)
	return n, err
}

func search(ctx context.Context, c *client.Client, path string) (found []history.Row, err error) {
	for next := ""; ; {
		var p page
		if err := post(ctx, c, path, map[string]any{"query": word, "limit": 200, "next": next}, &p); err != nil {
			return nil, err
		}
		for _, i := range p.Messages {
			found = append(found, i.row())
		}
		if next = p.Next; next == "" {
			return found, nil
		}
	}
}

func get(ctx context.Context, c *client.Client, path string, out any) error {
	return ask(ctx, c, client.Request{Method: http.MethodGet, Path: path}, out)
}

func post(ctx context.Context, c *client.Client, path string, in, out any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	return ask(ctx, c, client.Request{Method: http.MethodPost, Path: path, Header: header, Body: string(text)}, out)
}

func ask(ctx context.Context, c *client.Client, r client.Request, out any) error {
	answer, err := c.Do(ctx, r)
	switch {
	case err != nil:
		return err
	case answer.Status != http.StatusOK:
		return fmt.Errorf("%s %s: status %d: %.300s", r.Method, r.Path, answer.Status, answer.Text)
	default:
		return json.Unmarshal(answer.Text, out)
	}
}
