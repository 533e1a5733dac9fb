package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"chatapi/internal/follow"
	"chatapi/internal/transfer"
	"chatapi/pkg/chat"
	"chatapi/pkg/client"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

const formatHelp = `Each line is a JSON object with a type. The app comes first, then each chat
followed by its messages:

  {"type":"app","name":…,"metadata":…}
  {"type":"chat","chat_number":…,"title":…,"metadata":…}
  {"type":"message","chat_number":…,"message_number":…,"body":…,"sender":…,"metadata":…}
  {"type":"message","chat_number":…,"message_number":…,"deleted_at":…}

The lines also have created_at and updated_at. None of them has the app's token.`

func (r *remote) exportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write an app, its chats and their messages as JSON lines",
		Long: "Write an app, its chats and their messages as JSON lines.\n\n" + formatHelp + `

It writes the chats and messages that existed when it began. A number that is
missing among new messages may belong to a message that is not stored yet: the
export waits for it for at most --wait. A void number is not waited for.`,
		Example: `  chatapi export > backup.jsonl
  chatapi export --chat 1 --chat 7 --output two-chats.jsonl
  chatapi export | jq -r 'select(.type=="message") | .body'`,
		Args:    NoArgs,
		GroupID: groupFiles,
	}
	flags := cmd.Flags()
	file := flags.StringP("output", "o", "", "write to `FILE`, which is created when the export is complete")
	only := flags.Int64Slice("chat", nil, "`NUMBER` of a chat to export; can be repeated")
	flags.Lookup("chat").DefValue = "all"
	wait := flags.Duration("wait", 4*time.Minute,
		"maximum `DURATION` of waiting for a missing number; a create is delivered again 3 minutes after its writer died")
	_ = cmd.RegisterFlagCompletionFunc("chat", r.completeFlagChat)
	return r.onApp(cmd, stubborn, func(ctx context.Context, s *session, _ []string) error {
		export := transfer.Export{Source: appLines{s}, Only: *only, Wait: *wait, Note: s.note}
		if *file == "" {
			return export.Run(ctx, s.out.w)
		}
		return writeFile(*file, func(w io.Writer) error { return export.Run(ctx, w) })
	})
}

// writeFile creates a file only if all of it was written.
func writeFile(name string, write func(io.Writer) error) error {
	part, err := os.OpenFile(name+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(write(part), part.Sync(), part.Close())
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return os.Rename(part.Name(), name)
}

func (r *remote) importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Create the chats and messages of a file of JSON lines, or continue after a stop",
		Long: `Create the chats and messages of a file of JSON lines, as export writes them: a
new chat for each chat of the file or, with --chat, all messages in one chat. With
--chat, a line needs only a body: {"body":…}.

` + formatHelp + `

Each chat keeps the order of its messages; chats are imported concurrently.
Messages get new numbers and times. Deleted messages are skipped. The app is that
of CHATAPI_APP, not that of the file.

An import that was stopped or killed continues when it is run again, without loss
and without duplicates. FILE` + transfer.StateSuffix + ` records its progress; remove it to import
the file from the start. The server knows the Idempotency-Keys of requests that
were in flight for 24 hours.`,
		Example: `  chatapi import backup.jsonl
  chatapi import --chat 1 messages.jsonl --concurrency 1`,
		Args:    exactly("FILE"),
		GroupID: groupFiles,
	}
	flags := cmd.Flags()
	chat := flags.Int64("chat", 0, "`NUMBER` of a chat for all messages")
	concurrency := flags.Int("concurrency", 8, "`NUMBER` of chats that are written concurrently")
	late := flags.Bool("late", false,
		"continue an import that stopped a day ago or longer, although some messages could be created twice")
	_ = cmd.RegisterFlagCompletionFunc("chat", r.completeFlagChat)
	r.onApp(cmd, stubborn, func(ctx context.Context, s *session, args []string) error {
		if *concurrency < 1 {
			return Usagef("invalid --concurrency %d: want a number from 1", *concurrency)
		}
		if *chat < 0 {
			return Usagef("invalid --chat %d: want a number from 1", *chat)
		}
		if err := s.checkTarget(ctx, *chat); err != nil {
			return err
		}
		bar := &bar{w: cmd.ErrOrStderr()}
		s.note = bar.note
		done, err := transfer.Import{
			File: args[0], App: s.token, Target: appLines{s}, Chat: *chat, Concurrency: *concurrency, Late: *late,
			Begin: bar.begin, Progress: bar.add,
		}.Run(ctx)
		bar.end()
		if ctx.Err() != nil {
			return fmt.Errorf("stopped after %s; run the same command again to continue",
				Count(done.Before+done.Messages, "message"))
		}
		if err != nil {
			return err
		}
		return s.printImport(done)
	})
	return cmd
}

// checkTarget returns an error if the app or, unless its number is 0, the chat does
// not exist. The state of an import that has begun is bound to them.
func (s *session) checkTarget(ctx context.Context, chat int64) (err error) {
	if chat == 0 {
		_, err = s.GetApp(ctx, s.token)
	} else {
		_, err = s.GetChat(ctx, s.token, chat)
	}
	return err
}

func (s *session) printImport(done transfer.Summary) error {
	if s.out.json {
		return s.out.object(map[string]int64{
			"messages": done.Messages, "before": done.Before, "chats": done.Chats, "deleted": done.Deleted,
		})
	}
	text := fmt.Sprintf("imported %s, created %s", Count(done.Messages, "message"), Count(done.Chats, "chat"))
	if done.Before > 0 {
		text += fmt.Sprintf("; %s imported before", Count(done.Before, "message"))
	}
	if done.Deleted > 0 {
		text += fmt.Sprintf("; skipped %s", Count(done.Deleted, "deleted message"))
	}
	return s.out.line("%s", text)
}

// bar is a progress bar if w is a terminal; otherwise it shows nothing.
type bar struct {
	w io.Writer

	mu    sync.Mutex
	shown *progressbar.ProgressBar
}

func (b *bar) begin(messages int64) {
	if !isTerminal(b.w) {
		return
	}
	b.shown = progressbar.NewOptions64(messages,
		progressbar.OptionSetWriter(b.w), progressbar.OptionSetDescription("messages"),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("messages"),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(),
	)
}

func (b *bar) add(messages int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shown != nil {
		_ = b.shown.Add64(messages)
	}
}

// note prints a line above the bar.
func (b *bar) note(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shown != nil {
		_ = b.shown.Clear()
	}
	fmt.Fprintln(b.w, text)
}

// end removes the bar.
func (b *bar) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shown != nil {
		_ = errors.Join(b.shown.Exit(), b.shown.Clear())
	}
}

// appLines implements transfer.Source and transfer.Target with the API.
type appLines struct{ s *session }

func (a appLines) App(ctx context.Context) (transfer.Line, error) {
	app, err := a.s.GetApp(ctx, a.s.token)
	if err != nil {
		return transfer.Line{}, err
	}
	return transfer.Line{
		Type: transfer.TypeApp, Name: app.Name, Metadata: app.Metadata,
		CreatedAt: app.CreatedAt, UpdatedAt: app.UpdatedAt,
	}, nil
}

func (a appLines) Chats(ctx context.Context, after int64) (follow.Page[transfer.Line], error) {
	page, err := a.s.ListChats(ctx, a.s.token, client.ListChatsParams{Limit: pageSize, After: after})
	if err != nil {
		return follow.Page[transfer.Line]{}, err
	}
	found := follow.Page[transfer.Line]{More: page.Next != "", At: a.s.serverTime()}
	for _, c := range page.Chats {
		found.Rows = append(found.Rows, follow.Row[transfer.Line]{Number: c.ChatNumber, At: c.CreatedAt, Item: transfer.Line{
			Type: transfer.TypeChat, Chat: c.ChatNumber, Title: c.Title, Metadata: c.Metadata,
			CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
		}})
	}
	return found, nil
}

func (a appLines) NewestChat(ctx context.Context) (int64, error) {
	page, err := a.s.ListChats(ctx, a.s.token, client.ListChatsParams{Limit: 1, Order: "desc"})
	if err != nil || len(page.Chats) == 0 {
		return 0, err
	}
	return page.Chats[0].ChatNumber, nil
}

func (a appLines) Messages(ctx context.Context, chat, after int64) (follow.Page[transfer.Line], error) {
	page, err := a.s.messages(chat)(ctx, after)
	found := follow.Page[transfer.Line]{More: page.More, At: page.At}
	for _, row := range page.Rows {
		m := row.Item
		line := transfer.Line{
			Type: transfer.TypeMessage, Chat: chat, Message: m.MessageNumber, Body: m.Body, Sender: m.Sender,
			Metadata: m.Metadata, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, DeletedAt: m.DeletedAt,
		}
		found.Rows = append(found.Rows, follow.Row[transfer.Line]{
			Number: row.Number, At: row.At, Void: row.Void, Item: line,
		})
	}
	return found, err
}

func (a appLines) NewestMessage(ctx context.Context, chat int64) (int64, error) {
	page, err := a.s.ListMessages(ctx, a.s.token, chat, client.ListMessagesParams{Limit: 1, Order: "desc"})
	if err != nil || len(page.Messages) == 0 {
		return 0, err
	}
	return page.Messages[0].MessageNumber, nil
}

func (a appLines) CreateChat(ctx context.Context, key, title string, metadata chat.Metadata) (int64, error) {
	created, err := a.s.Client.CreateChat(ctx, a.s.token, client.CreateChatRequest{Title: title, Metadata: metadata},
		client.CreateChatParams{IdempotencyKey: key})
	if err != nil {
		return 0, a.s.explain(err)
	}
	return created.ChatNumber, nil
}

func (a appLines) CreateMessage(
	ctx context.Context, key string, chat int64, body, sender string, metadata chat.Metadata,
) (int64, error) {
	request := client.CreateMessageRequest{Body: body, Sender: sender, Metadata: metadata}
	params := client.CreateMessageParams{IdempotencyKey: key}
	created, err := a.s.Client.CreateMessage(ctx, a.s.token, chat, request, params)
	if err != nil {
		return 0, a.s.explain(err)
	}
	return created.MessageNumber, nil
}
