//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

const paged = 60 // items of each list, more than a page without a limit

// pageCases: what a page of a list holds, and where its next link leads.
func pageCases(ctx context.Context, s *suite) ([]testCase, error) {
	app, err := s.newApp(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.createAll(ctx, chatsOf(app), paged, func(int) string { return `{}` }); err != nil {
		return nil, err
	}
	chat := app + "/chats/1"
	if _, err := s.createAll(ctx, messagesOf(chat), paged, func(int) string { return object("body", "x") }); err != nil {
		return nil, err
	}
	var all []testCase
	for _, in := range []collection{chatsOf(app), messagesOf(chat)} {
		if err := s.stored(ctx, in, paged); err != nil {
			return nil, err
		}
		for _, p := range pages() {
			all = append(all, testCase{in.list + ": " + p.name, func(ctx context.Context) error { return s.pageHolds(ctx, in, p) }})
		}
		all = append(all,
			testCase{in.list + ": a walk", func(ctx context.Context) error { return s.walks(ctx, in) }},
			testCase{"next leads back: " + in.list, func(ctx context.Context) error { return s.nextLeadsBack(ctx, in) }},
		)
	}
	for query, want := range map[string]any{
		"limit=20": float64(20), "after=20": float64(paged), "after=60": float64(paged), "before=9": nil, "order=desc": nil,
	} {
		all = append(all, testCase{"messages: complete_through of " + query, func(ctx context.Context) error {
			return s.completeThrough(ctx, chat, query, want)
		}})
	}
	large := testCase{"messages: a page that is larger than a function's response", s.largePage}
	return append(all, large, testCase{"apps: a walk", s.walkApps}), nil
}

// pageCase is one page: the numbers from first to last, in this order.
type pageCase struct {
	name, query string
	first, last int64 // 0 and 0 for an empty page
	more        bool
}

func pages() []pageCase {
	return []pageCase{
		{"without a limit", "", 1, 50, true},
		{"one", "limit=1", 1, 1, true},
		{"all", "limit=200", 1, paged, false},
		{"exactly all", "limit=60", 1, paged, false},
		{"all but one", "limit=59", 1, 59, true},
		{"after", "after=20&limit=10", 21, 30, true},
		{"after the last but ten", "after=50", 51, paged, false},
		{"after the last", "after=60", 0, 0, false},
		{"after the highest number", "after=9007199254740991", 0, 0, false},
		{"before", "before=11", 1, 10, false},
		{"before the first", "before=1", 0, 0, false},
		{"between", "after=20&before=31", 21, 30, false},
		{"between, with a limit", "after=20&before=31&limit=4", 21, 24, true},
		{"between neighbours", "after=20&before=21", 0, 0, false},
		{"between turned around", "after=30&before=20", 0, 0, false},
		{"order asc", "order=asc&limit=2", 1, 2, true},
		{"order desc", "order=desc", paged, 11, true},
		{"order desc, before", "order=desc&before=20&limit=5", 19, 15, true},
		{"order desc, after", "order=desc&after=50", paged, 51, false},
		{"order desc, between", "order=desc&after=20&before=31&limit=20", 30, 21, false},
	}
}

// numbers returns the numbers from first to last, up or down.
func (p pageCase) numbers() []int64 {
	numbers := []int64{}
	if p.first == 0 {
		return numbers
	}
	step := int64(1)
	if p.first > p.last {
		step = -1
	}
	for n := p.first; n != p.last+step; n += step {
		numbers = append(numbers, n)
	}
	return numbers
}

func (s *suite) pageHolds(ctx context.Context, in collection, p pageCase) error {
	query, err := url.ParseQuery(p.query)
	if err != nil {
		return err
	}
	got, err := s.page(ctx, in.path, in.list, query)
	if err != nil {
		return err
	}
	if numbers := numbersOf(got.items, in); !slices.Equal(numbers, p.numbers()) {
		return fmt.Errorf("%q holds %v, want %v", p.query, numbers, p.numbers())
	}
	if (got.next != "") != p.more {
		return fmt.Errorf("%q has next %q, more to come: %t", p.query, got.next, p.more)
	}
	return nil
}

func (s *suite) walks(ctx context.Context, in collection) error {
	for _, limit := range []int{7, 20, 60} {
		query := url.Values{"limit": {strconv.Itoa(limit)}}
		up, err := s.walk(ctx, in.path, in.list, query)
		if err != nil {
			return err
		}
		query.Set("order", "desc")
		down, err := s.walk(ctx, in.path, in.list, query)
		if err != nil {
			return err
		}
		if numbers := numbersOf(up, in); !slices.Equal(numbers, pageCase{first: 1, last: paged}.numbers()) {
			return fmt.Errorf("limit %d: a walk up found %v", limit, numbers)
		}
		if numbers := numbersOf(down, in); !slices.Equal(numbers, pageCase{first: paged, last: 1}.numbers()) {
			return fmt.Errorf("limit %d: a walk down found %v", limit, numbers)
		}
	}
	return nil
}

// nextLeadsBack follows the whole link, as a client does.
func (s *suite) nextLeadsBack(ctx context.Context, in collection) error {
	p, err := s.page(ctx, in.path, in.list, url.Values{"limit": {"40"}})
	if err != nil {
		return err
	}
	next, err := s.belowBase(in.path, p.next)
	if err != nil {
		return fmt.Errorf("next: %w", err)
	}
	rest, err := s.page(ctx, next, in.list, nil)
	if err != nil {
		return err
	}
	if numbers := numbersOf(rest.items, in); !slices.Equal(numbers, pageCase{first: 41, last: paged}.numbers()) {
		return fmt.Errorf("next %q leads to %v", p.next, numbers)
	}
	return nil
}

// completeThrough: a page of messages says how far it has no gap, where the
// query asks for all numbers above one.
func (s *suite) completeThrough(ctx context.Context, chat, query string, want any) error {
	a, err := s.want(ctx, http.StatusOK, "GET", chat+"/messages?"+query, "")
	if err != nil {
		return err
	}
	if got := a.fields["complete_through"]; got != want {
		return fmt.Errorf("complete_through %v, want %v", got, want)
	}
	return nil
}

// largePage: a page ends before its response is too large for a Lambda
// function, and the next one continues.
func (s *suite) largePage(ctx context.Context) error {
	const messages = 100 // 7 MB in all
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return err
	}
	in := messagesOf(chat)
	body := object("body", "x"+strings.Repeat("\x01", 10_000))
	if _, err := s.createAll(ctx, in, messages, func(int) string { return body }); err != nil {
		return err
	}
	if err := s.stored(ctx, in, messages); err != nil {
		return err
	}
	first, err := s.page(ctx, in.path, in.list, url.Values{"limit": {"200"}})
	if err != nil {
		return err
	}
	if n := len(first.items); n == 0 || n == messages || first.next == "" {
		return fmt.Errorf("%d of %d messages on the first page, next %q", n, messages, first.next)
	}
	all, err := s.walk(ctx, in.path, in.list, url.Values{"limit": {"200"}})
	if err != nil {
		return err
	}
	if len(all) != messages {
		return fmt.Errorf("a walk found %d messages, want %d", len(all), messages)
	}
	return nil
}

// walkApps finds new apps among all others, each once.
func (s *suite) walkApps(ctx context.Context) error {
	made := map[string]int{}
	for range 5 {
		app, err := s.newApp(ctx)
		if err != nil {
			return err
		}
		made[path.Base(app)] = 0
	}
	apps, err := s.walk(ctx, "/api/v1/apps", "apps", url.Values{"limit": {"20"}})
	if err != nil {
		return err
	}
	for _, app := range apps {
		if _, ours := made[app.AppToken]; ours {
			made[app.AppToken]++
		}
	}
	for token, times := range made {
		if times != 1 {
			return fmt.Errorf("app %s is listed %d times", token, times)
		}
	}
	return nil
}
