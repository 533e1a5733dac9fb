//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"chatapi/pkg/chat"
	"chatapi/pkg/client"
	"chatapi/test/faults/history"

	"golang.org/x/sync/errgroup"
)

// readConcurrently is how many collections are read at the same time.
const readConcurrently = 4

// item is an app, a chat or a message as responses show it, or a problem.
type item struct {
	AppToken      string            `json:"app_token"`
	ChatNumber    int64             `json:"chat_number"`
	MessageNumber int64             `json:"message_number"`
	Name          string            `json:"name"`
	Title         string            `json:"title"`
	Body          string            `json:"body"`
	Metadata      map[string]string `json:"metadata"`
	Version       int64             `json:"version"`
	DeletedAt     string            `json:"deleted_at"`
	ChatCount     int64             `json:"chat_count"`
	MessageCount  int64             `json:"message_count"`
	Data          *item             `json:"data"` // an app that is created
	Code          string            `json:"code"`
}

// row returns a chat or a message; an app, which has no number, with number 0.
func (i item) row() history.Row {
	row := history.Row{Number: i.ChatNumber, Text: i.Name + i.Title, Metadata: canonical(i.Metadata), Version: i.Version}
	if i.MessageNumber != 0 {
		row.Number, row.Text, row.Deleted = i.MessageNumber, i.Body, i.DeletedAt != ""
	}
	return row
}

// page is a page of any list, and of a search.
type page struct {
	Apps     []item `json:"apps"`
	Chats    []item `json:"chats"`
	Messages []item `json:"messages"`
	Next     string `json:"next"`
}

func (p page) rows() (rows []history.Row) {
	for _, i := range append(p.Chats, p.Messages...) {
		rows = append(rows, i.row())
	}
	return rows
}

// readState reads everything that is stored, over the API.
func (l *load) readState(ctx context.Context) (history.State, error) {
	apps, err := l.readApps(ctx)
	if err != nil {
		return nil, err
	}
	state := history.State{appsPath: {Count: int64(len(apps))}} // which the API does not count
	for _, app := range apps {
		all := state[appsPath]
		row := app.row()
		row.Number = l.appNumber(app.AppToken)
		all.Rows = append(all.Rows, row)
		state[appsPath] = all
		if err := l.readApp(ctx, appsPath+"/"+app.AppToken, app.ChatCount, state); err != nil {
			return nil, err
		}
	}
	return state, nil
}

func (l *load) readApps(ctx context.Context) (apps []item, err error) {
	for next := appsPath + "?limit=200"; next != ""; {
		var p page
		if err := get(ctx, l.clients[0], next, &p); err != nil {
			return nil, err
		}
		apps = append(apps, p.Apps...)
		next = pathOf(p.Next)
	}
	return apps, nil
}

// readApp reads the chats of an app, and what is in them, into a state.
func (l *load) readApp(ctx context.Context, app string, count int64, state history.State) error {
	c := l.clients[0]
	chats := history.Collection{Count: count}
	if err := readCollection(ctx, c, app+"/chats", &chats); err != nil {
		return err
	}
	state[app+"/chats"] = chats
	read := make([]history.Collection, len(chats.Rows))
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(readConcurrently)
	for i, row := range chats.Rows {
		reading.Go(func() (err error) {
			read[i], err = readChat(ctx, c, fmt.Sprintf("%s/chats/%d", app, row.Number))
			return err
		})
	}
	if err := reading.Wait(); err != nil {
		return err
	}
	for i, row := range chats.Rows {
		state[fmt.Sprintf("%s/chats/%d/messages", app, row.Number)] = read[i]
	}
	return nil
}

// readChat reads all that is in a chat.
func readChat(ctx context.Context, c *client.Client, path string) (all history.Collection, err error) {
	var chat item
	if err := get(ctx, c, path, &chat); err != nil {
		return all, err
	}
	all = history.Collection{Count: chat.MessageCount, Searched: true, Marks: map[string]int64{}}
	if err := readCollection(ctx, c, path+"/messages", &all); err != nil {
		return all, err
	}
	for _, name := range readerNames {
		var shown reader
		if err := get(ctx, c, readerPath(path+"/messages", name), &shown); err != nil {
			return all, err
		}
		all.Marks[name] = shown.LastRead
	}
	all.Found, err = search(ctx, c, path+"/messages/search")
	return all, err
}

// readCollection reads all rows of a list, and the highest number that was
// allocated.
func readCollection(ctx context.Context, c *client.Client, list string, all *history.Collection) error {
	for next := list + "?limit=200"; next != ""; {
		var p page
		if err := get(ctx, c, next, &p); err != nil {
			return err
		}
		all.Rows = append(all.Rows, p.rows()...)
		next = pathOf(p.Next)
	}
	if n := len(all.Rows); n > 0 {
		all.Allocated = all.Rows[n-1].Number
	}
	for {
		path := fmt.Sprintf("%s/%d", list, all.Allocated+1)
		answer, err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: path})
		if err != nil {
			return err
		}
		var shown item
		if err := json.Unmarshal(answer.Text, &shown); err != nil {
			return fmt.Errorf("GET %s: %w", path, err)
		}
		switch {
		case shown.Code == "not_stored_yet" || shown.Code == "message_deleted" || answer.Status == http.StatusOK:
			all.Allocated++
		case answer.Status == http.StatusNotFound:
			return nil
		default:
			return fmt.Errorf("GET %s: status %d: %.300s", path, answer.Status, answer.Text)
		}
	}
}

// pathOf leaves the server out of a link.
func pathOf(link string) string {
	if i := strings.Index(link, "/api/"); i > 0 {
		return link[i:]
	}
	return link
}

func search(ctx context.Context, c *client.Client, path string) (found []history.Row, err error) {
	for next := ""; ; {
		var p page
		if err := post(ctx, c, path, map[string]any{"query": word, "limit": 200, "next": next}, &p); err != nil {
			return nil, err
		}
		found = append(found, p.rows()...)
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

// readTombstones gives the tombstones of a state their versions, which the API
// does not show.
func readTombstones(ctx context.Context, store chat.Store, state history.State) error {
	for in, c := range state {
		words := strings.Split(in, "/")
		if len(words) != 8 { // /api/v1/apps/TOKEN/chats/NUMBER/messages
			continue
		}
		number, err := strconv.ParseInt(words[6], 10, 64)
		if err != nil {
			return fmt.Errorf("chat number of %s: %w", in, err)
		}
		for i, row := range c.Rows {
			if !row.Deleted {
				continue
			}
			m, err := store.Message(ctx, chat.ChatID{AppToken: words[4], Number: number}, row.Number)
			if err != nil {
				return fmt.Errorf("read tombstone %d: %w", row.Number, err)
			}
			c.Rows[i].Version = m.Version
		}
	}
	return nil
}
