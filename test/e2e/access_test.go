//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"

	"chatapi/pkg/client"
)

// accessCases hold who may create and list apps, and that a credential in the
// header decides alone.
func accessCases(ctx context.Context, s *suite) ([]testCase, error) {
	chat, err := s.newAppAndChat(ctx)
	if err != nil {
		return nil, err
	}
	create := client.Request{Method: "POST", Path: "/api/v1/apps", Body: object("name", "mine")}
	list := client.Request{Method: "GET", Path: "/api/v1/apps"}
	read := client.Request{Method: "GET", Path: chat + "/messages"}
	var all []testCase
	for _, c := range []struct {
		name, credential string
		request          client.Request
	}{
		{"create-app with another key", "Bearer ca1_wrong", create},
		{"list-apps with another key", "Bearer ca1_wrong", list},
		{"list-apps with the key as a password", "Basic " + s.adminKey, list},
		{"list-messages with a key that is not of the app", "Bearer ca1_wrong", read},
		{"list-messages with the admin key", "Bearer " + s.adminKey, read},
	} {
		all = append(all, testCase{c.name, func(ctx context.Context) error {
			c.request.Header = http.Header{"Authorization": {c.credential}}
			return s.unauthenticated(ctx, c.request)
		}})
	}
	for name, r := range map[string]client.Request{"create-app": create, "list-apps": list} {
		all = append(all, testCase{name + " without a key", func(ctx context.Context) error {
			if s.adminKey == "" {
				return errNotOnTarget
			}
			answer, err := s.api.Do(ctx, r)
			if err == nil && (answer.Status != http.StatusUnauthorized || answer.Header.Get("WWW-Authenticate") == "") {
				err = fmt.Errorf("status %d, want 401 with WWW-Authenticate: %s", answer.Status, answer.Text)
			}
			return err
		}})
	}
	return all, nil
}

// unauthenticated returns an error unless a request is refused with 401.
func (s *suite) unauthenticated(ctx context.Context, r client.Request) error {
	a, err := s.send(ctx, r)
	if err == nil && (a.Status != http.StatusUnauthorized || a.text("code") != "unauthenticated") {
		err = fmt.Errorf("status %d, want 401 unauthenticated: %.300s", a.Status, a.Text)
	}
	return err
}
