package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"chatapi/pkg/chat"
)

// AppPath names an app in a path. It is exported, as are all types that
// are embedded in an input or output, because huma ignores the others.
type AppPath struct {
	AppToken string `path:"app_token" doc:"The app's secret token"`
}

func (p AppPath) token() (string, error) {
	if !chat.ValidToken(p.AppToken) {
		return "", chat.ErrAppNotFound
	}
	return p.AppToken, nil
}

// App is an app as clients see it.
type App struct {
	AppToken  string            `json:"app_token"`
	Name      string            `json:"name"`
	Metadata  map[string]string `json:"metadata,omitempty" doc:"As the client sent it"`
	ChatCount int64             `json:"chat_count" doc:"Stored chats"`
	Version   int64             `json:"version" doc:"1 when created, one more with each edit"`
	CreatedAt Time              `json:"created_at"`
	UpdatedAt Time              `json:"updated_at"`
}

func viewApp(a chat.App) App {
	return App{
		AppToken: a.Token, Name: a.Name, Metadata: a.Metadata, ChatCount: a.ChatCount,
		Version: a.Version, CreatedAt: Time(a.CreatedAt), UpdatedAt: Time(a.UpdatedAt),
	}
}

type createAppInput struct {
	KeyHeader
	Body struct {
		Name     string            `json:"name" doc:"1 to 200 characters, not blank"`
		Metadata map[string]string `json:"metadata,omitempty" doc:"Keys and values of your own, at most 4,096 bytes together"`
	}
}

type createAppOutput struct {
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     struct {
		Status  string `json:"status" doc:"Always success" example:"success"`
		Message string `json:"message" doc:"What was done" example:"App created successfully"`
		Data    App    `json:"data"`
	}
}

// CreateApp returns the operation that creates an app: one call of the store,
// or of the idempotency keys.
func CreateApp(store chat.Store, keys chat.Idempotency, guard Guard) Operation {
	op := Operation{
		guard: guard,
		Name:  "create-app", Method: http.MethodPost, Path: "/api/v1/apps",
		Summary: "Create an app",
		Description: "Creates a tenant and returns its token, which is the only key to it: keep it like a password. " +
			"An Idempotency-Key must have at least 16 characters here, because whoever sends it gets the token.",
		Errors:   []error{chat.ErrKeyReused},
		describe: describeAppKey,
	}
	return operation(op, http.StatusCreated, func(ctx context.Context, in *createAppInput) (*createAppOutput, error) {
		app, err := chat.NewApp(in.Body.Name, in.Body.Metadata, time.Now())
		if err != nil {
			return nil, err
		}
		claim, err := in.claim(chat.Parent{}, in.Body, app.CreatedAt)
		if err != nil {
			return nil, err
		}
		if claim != nil {
			app, err = keys.CreateAppOnce(ctx, *claim, app)
		} else {
			err = store.CreateApp(ctx, app)
		}
		if err != nil {
			return nil, err
		}
		var out createAppOutput
		out.Location = link(ctx, "/api/v1/apps/%s", app.Token)
		out.ETag = etagWithCount(app.Version, app.ChatCount)
		out.Body.Status = "success"
		out.Body.Message = "App created successfully"
		out.Body.Data = viewApp(app)
		return &out, nil
	})
}

type listAppsInput struct {
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"200" doc:"The most apps on the page"`
	Cursor string `query:"cursor" maxLength:"512" doc:"From the next link of the previous page"`
}

type listAppsOutput struct {
	Link string `header:"Link"`
	Body struct {
		Apps []App  `json:"apps"`
		Next string `json:"next,omitempty" doc:"Link to the next page; absent on the last"`
	}
}

// ListApps returns the operation that lists apps, in an order of the store's.
func ListApps(store chat.Store, guard Guard) Operation {
	op := Operation{
		guard: guard,
		Name:  "list-apps", Method: http.MethodGet, Path: "/api/v1/apps",
		Summary: "List apps",
		Description: "Lists all apps with their tokens, in an order of the store's own. Follow next until it is " +
			"absent.",
	}
	return operation(op, http.StatusOK, func(ctx context.Context, in *listAppsInput) (*listAppsOutput, error) {
		page, next, err := appsPage(ctx, store, in.Cursor, in.Limit)
		if err != nil {
			return nil, err
		}
		var out listAppsOutput
		out.Body.Apps = page
		if next != "" {
			out.Body.Next = linkToPage(ctx, url.Values{"limit": {strconv.Itoa(in.Limit)}, "cursor": {next}})
			out.Link = nextLink(out.Body.Next)
		}
		return &out, nil
	})
}

// appsPage returns a page of apps and the cursor of the next one. Only the
// store knows cursors, so a page that would be too large is read again with a
// lower limit.
func appsPage(ctx context.Context, store chat.Store, cursor string, limit int) (page []App, next string, err error) {
	for {
		apps, next, err := store.Apps(ctx, cursor, limit)
		if err != nil {
			return nil, "", err
		}
		page, all, err := pageOf(ctx, apps, func(a chat.App) (App, int) {
			return viewApp(a), sizeBound(a.Metadata, a.Name)
		})
		if all || err != nil {
			return page, next, err
		}
		limit = len(page)
	}
}

type getAppInput struct {
	AppPath
	IfNoneMatch
}

type appOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   App
}

// GetApp returns the operation that reads an app: one call of the store.
func GetApp(store chat.Store) Operation {
	op := Operation{
		Name: "get-app", Method: http.MethodGet, Path: "/api/v1/apps/{app_token}",
		Summary:     "Get an app",
		Description: "Returns an app and how many of its chats are stored.",
		Errors:      []error{chat.ErrAppNotFound},
		describe:    describeNotModified,
	}
	return operation(op, http.StatusOK, func(ctx context.Context, in *getAppInput) (*appOutput, error) {
		token, err := in.token()
		if err != nil {
			return nil, err
		}
		app, err := store.App(ctx, token)
		if err != nil {
			return nil, err
		}
		etag := etagWithCount(app.Version, app.ChatCount)
		return &appOutput{Status: in.status(etag), ETag: etag, Body: viewApp(app)}, nil
	})
}

type updateAppInput struct {
	AppPath
	IfMatch
	NoNulls
	Body struct {
		Name     *string            `json:"name,omitempty" doc:"1 to 200 characters, not blank"`
		Metadata *map[string]string `json:"metadata,omitempty" doc:"Replaces all metadata"`
	}
}

// UpdateApp returns the operation that changes an app's name or metadata: one
// call of the store.
func UpdateApp(store chat.Store) Operation {
	op := Operation{
		Name: "update-app", Method: http.MethodPatch, Path: "/api/v1/apps/{app_token}",
		Summary: "Change an app",
		Description: "Changes the fields that the body has: the name, the metadata or both. With If-Match it changes " +
			"them only if nobody else has.",
		Errors: []error{chat.ErrAppNotFound, chat.ErrVersionChanged},
	}
	return operation(op, http.StatusOK, func(ctx context.Context, in *updateAppInput) (*appOutput, error) {
		token, err := in.token()
		if err != nil {
			return nil, err
		}
		edit, err := chat.NewAppEdit(in.Body.Name, (*chat.Metadata)(in.Body.Metadata), time.Now())
		if err != nil {
			return nil, err
		}
		allowed, err := in.versions()
		if err != nil {
			return nil, err
		}
		app, err := store.UpdateApp(ctx, token, edit, allowed)
		if err != nil {
			return nil, err
		}
		return &appOutput{Status: http.StatusOK, ETag: etagWithCount(app.Version, app.ChatCount), Body: viewApp(app)}, nil
	})
}
