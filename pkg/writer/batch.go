package writer

import (
	"context"

	"chatapi/pkg/chat"

	"github.com/aws/aws-lambda-go/events"
)

// batch is an SQS batch in groups that are stored together.
type batch struct {
	groups      []*group
	undecodable []badRecord
}

type badRecord struct {
	record events.SQSMessage
	err    error
}

// group holds either chats of one app or messages of one chat, the records
// that brought them, and what became of them.
type group struct {
	id       chat.ChatID // of the messages' chat; with number 0, of the chats' app
	chats    []chat.Chat
	messages []chat.Message
	records  []events.SQSMessage
	err      error
}

func (g *group) store(ctx context.Context, store chat.Store) error {
	if len(g.chats) > 0 {
		return store.StoreChats(ctx, g.id.AppToken, g.chats)
	}
	return store.StoreMessages(ctx, g.id, g.messages)
}

func decode(records []events.SQSMessage) batch {
	var b batch
	byID := map[chat.ChatID]*group{}
	for _, r := range records {
		create, err := chat.DecodeCreate([]byte(r.Body))
		if err != nil {
			b.undecodable = append(b.undecodable, badRecord{record: r, err: err})
			continue
		}
		id := groupID(create)
		g := byID[id]
		if g == nil {
			g = &group{id: id}
			byID[id] = g
			b.groups = append(b.groups, g)
		}
		g.add(create, r)
	}
	return b
}

func groupID(c chat.Create) chat.ChatID {
	if c.Chat != nil {
		return chat.ChatID{AppToken: c.Chat.AppToken}
	}
	return c.Message.ChatID()
}

func (g *group) add(c chat.Create, r events.SQSMessage) {
	g.records = append(g.records, r)
	if c.Chat != nil {
		g.chats = append(g.chats, *c.Chat)
		return
	}
	g.messages = append(g.messages, *c.Message)
}
